#include "apps/tessera/progress.h"

#include "apps/tessera/message.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tessera::cli {

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(std::ceil(std::clamp(seconds, 0.0, 359999.0)));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string progress_line(double fraction, size_t done, size_t jobs, double elapsed_seconds, size_t columns) {
  fraction = std::clamp(fraction, 0.0, 1.0);
  const auto filled = static_cast<size_t>(fraction * static_cast<double>(columns));
  std::string line = fmt::format("[{:#<{}}{:-<{}}] {:3} %", "", filled, "", columns - filled,
                                 static_cast<int>(fraction * 100));
  if (jobs > 1) line += fmt::format("  {}/{}", done, jobs);
  if (fraction >= 0.01) line += "  " + clock_text(elapsed_seconds * (1 - fraction) / fraction) + " left";
  return line;
}

ProgressBar::ProgressBar(size_t jobs, bool wanted)
    : fractions_(jobs, 0.0), enabled_(wanted && jobs > 0 && ::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { wipe(); }

void ProgressBar::update(size_t job, double fraction) {
  if (!enabled_) return;
  const std::lock_guard lock(mutex_);
  fractions_[job] = std::max(fractions_[job], std::clamp(fraction, 0.0, 1.0));
  const auto now = Clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  double sum = 0;
  for (double f : fractions_) sum += f;
  const auto done = static_cast<size_t>(std::count(fractions_.begin(), fractions_.end(), 1.0));
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double jobs = static_cast<double>(fractions_.size());
  say(stderr, "\r{}{}\x1b[K", progress_line(sum / jobs, done, fractions_.size(), elapsed), note_.empty() ? "" : "  " + note_);
  std::fflush(stderr);
  visible_ = true;
}

void ProgressBar::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  note_ = text;
}

void ProgressBar::wipe() {
  const std::lock_guard lock(mutex_);
  if (visible_) say(stderr, "\r\x1b[K");
  visible_ = false;
}

}  // namespace tessera::cli
