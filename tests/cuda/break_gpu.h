#pragma once

namespace tessera::test {

// Makes this process lose its GPU, as it does when the driver resets it: every call of CUDA fails from here on. False when it is still there.
bool break_gpu();

}  // namespace tessera::test
