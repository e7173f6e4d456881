// A progress bar on standard error, with the remaining time.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

namespace tessera::cli {

// "[####------]  40 %  3/10  0:12 left". `fraction` in 0..1; the time left is unknown before the first
// percent.
std::string progress_line(double fraction, size_t done, size_t jobs, double elapsed_seconds,
                          size_t columns = 30);

// "0:07", "12:34", "1:02:03".
std::string clock_text(double seconds);

// Thread-safe. Draws at most ten times a second, and only on a terminal.
class ProgressBar {
 public:
  ProgressBar(size_t jobs, bool wanted);  // drawn when `wanted` and standard error is a terminal
  ~ProgressBar();                         // wipes the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(size_t job, double fraction);  // fraction of this job in 0..1; 1: done
  void note(const std::string& text);        // shown behind the bar from now on
  void wipe();                               // before something else is printed

 private:
  using Clock = std::chrono::steady_clock;

  std::mutex mutex_;
  std::vector<double> fractions_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_{};
  bool enabled_;
  std::string note_;
  bool visible_ = false;
};

}  // namespace tessera::cli
