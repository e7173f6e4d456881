#include "apps/tessera/interrupt.h"

#include <atomic>
#include <csignal>

namespace tessera::cli {
namespace {

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may set it");

void handler(int number) {
  flag = true;
  std::signal(number, SIG_DFL);
}

}  // namespace

bool interrupted() { return flag; }

InterruptGuard::InterruptGuard() {
  flag = false;
  std::signal(SIGINT, handler);
  std::signal(SIGTERM, handler);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  flag = false;
}

}  // namespace tessera::cli
