// The CUDA back end of libtorch, loaded at run time when its libraries are installed.
#pragma once

#include <ATen/ATen.h>

#include <string>

namespace tessera::models {

// Loads libtorch_cuda.so once; true when a device can be used. `why` says what is missing.
bool load_cuda(std::string* why);

}  // namespace tessera::models
