#include "models/device.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

namespace tessera::models {
namespace {

std::string try_load() {
  // Beside libtorch_cpu.so first (the wheel's own folder), then wherever the loader looks.
  std::string beside;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) != 0 && info.dli_fname != nullptr) {
    const std::string path = info.dli_fname;
    beside = path.substr(0, path.rfind('/') + 1) + "libtorch_cuda.so";
  }
  std::string reason;
  bool loaded = false;
  for (const std::string& candidate : {beside, std::string("libtorch_cuda.so")}) {
    if (candidate.empty()) continue;
    if (dlopen(candidate.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) {
      loaded = true;
      break;
    }
    if (const char* e = dlerror(); reason.empty() && e != nullptr) reason = e;
  }
  if (!loaded) return "libtorch's CUDA back end could not be loaded: " + reason;
  try {
    if (!at::globalContext().hasCUDA()) return "no CUDA device was found";
    if (at::detail::getCUDAHooks().deviceCount() < 1) return "no CUDA device was found";
  } catch (const std::exception& e) {
    return std::string("the CUDA device cannot be used: ") + e.what();
  }
  // Matrix products and convolutions in full float32 on either device: the pictures then agree, and exact layers stay exact.
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  return {};
}

}  // namespace

bool load_cuda(std::string* why) {
  static std::once_flag once;
  static std::string reason;
  std::call_once(once, [] { reason = try_load(); });
  if (why != nullptr) *why = reason;
  return reason.empty();
}

}  // namespace tessera::models
