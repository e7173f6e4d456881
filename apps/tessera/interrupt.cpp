#include "apps/tessera/interrupt.h"

#include <atomic>
#include <csignal>

namespace tessera::cli {
namespace {

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may set it");

using Handler = void (*)(int);
Handler usual_interrupt = SIG_DFL, usual_termination = SIG_DFL;  // as before the guard

void handler(int number) {
  flag = true;
  std::signal(number, number == SIGINT ? usual_interrupt : usual_termination);
}

}  // namespace

bool interrupted() { return flag; }

InterruptGuard::InterruptGuard() {
  flag = false;
  usual_interrupt = std::signal(SIGINT, handler);
  usual_termination = std::signal(SIGTERM, handler);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, usual_interrupt);
  std::signal(SIGTERM, usual_termination);
  flag = false;
}

}  // namespace tessera::cli
