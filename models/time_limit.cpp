#include "models/time_limit.h"

#include <algorithm>

namespace tessera::models {
namespace {

thread_local Clock::time_point end_of_thread = kNever;

}  // namespace

Clock::time_point time_end() { return end_of_thread; }

void check_time() {
  if (end_of_thread != kNever && Clock::now() >= end_of_thread) throw TimeUp();
}

Clock::time_point end_after(double seconds) {
  constexpr double most = 1e9;  // thirty years
  if (!(seconds > 0) || seconds > most) return kNever;
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

TimeLimit::TimeLimit(Clock::time_point end) : before_(end_of_thread) { end_of_thread = std::min(before_, end); }

TimeLimit::~TimeLimit() { end_of_thread = before_; }

}  // namespace tessera::models
