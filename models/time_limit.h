// Work that ends when its time is over: pieces of work ask check_time() between them, parallel() does so for its callers.
//
//   const TimeLimit limit(Clock::now() + 2s);   // of this thread, until the end of the scope
//   network.run(...);                           // throws TimeUp after two seconds
#pragma once

#include <chrono>
#include <exception>

namespace tessera::models {

using Clock = std::chrono::steady_clock;

inline constexpr Clock::time_point kNever = Clock::time_point::max();

struct TimeUp : std::exception {
  const char* what() const noexcept override { return "decoding takes longer than the time limit"; }
};

// When the work of the calling thread has to end; kNever without a limit.
Clock::time_point time_end();

// Throws TimeUp when the calling thread's time is over. A comparison where there is no limit.
void check_time();

// `seconds` from now; kNever for 0, and for more than a clock can count.
Clock::time_point end_after(double seconds);

class TimeLimit {
 public:
  // A limit that is in force already stays when it is the earlier one.
  explicit TimeLimit(Clock::time_point end);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  Clock::time_point before_;
};

}  // namespace tessera::models
