// Ctrl-C as a wish to finish early.
#pragma once

namespace tessera::cli {

// True once SIGINT or SIGTERM came while an InterruptGuard lived.
bool interrupted();

// While it lives, the first SIGINT or SIGTERM only sets the flag; the second one acts as usual.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

}  // namespace tessera::cli
