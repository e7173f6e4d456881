// What encode and decode share: many jobs with a progress bar, messages and a summary.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "apps/tessera/exit_codes.h"
#include "apps/tessera/jobs.h"
#include "apps/tessera/message.h"
#include "apps/tessera/options.h"
#include "apps/tessera/progress.h"
#include "apps/tessera/workers.h"

namespace tessera::cli {

// One finished file.
struct Outcome {
  uint64_t stream_bytes = 0;  // of the .tsr side
  uint64_t pixels = 0;   // of a picture
  double duration = 0;   // of sound and video, seconds
  uint64_t frames = 0;   // of video
  double seconds = 0;
  std::string note;  // goes into the summary line: "quality 32"
};

inline double bits_per_pixel(uint64_t bytes, uint64_t pixels) {
  return pixels == 0 ? 0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(pixels);
}

// "0.4321 bpp" for pictures, "6.01 kbit/s, 58 times real time" for sound, "512.3 kbit/s, 24.1 frames/s" for video.
inline std::string rate_text(uint64_t bytes, uint64_t pixels, double duration, double seconds, uint64_t frames = 0) {
  if (frames > 0 && duration > 0) {
    return fmt::format("{:.1f} kbit/s, {:.1f} frames/s", 8e-3 * static_cast<double>(bytes) / duration, static_cast<double>(frames) / std::max(seconds, 1e-9));
  }
  if (duration > 0) {
    const double speed = duration / std::max(seconds, 1e-9);
    return fmt::format("{:.3f} kbit/s, {:.{}f} times real time", 8e-3 * static_cast<double>(bytes) / duration, speed, speed < 1 ? 2 : speed < 10 ? 1 : 0);
  }
  return fmt::format("{:.4f} bpp", bits_per_pixel(bytes, pixels));
}

inline std::string shown(const std::string& name, const char* stream) { return name == "-" ? stream : name; }

// Refuses what would overwrite a file when the user asked to keep it.
inline Status check_output(const std::string& output, bool keep_existing) {
  std::error_code ignored;
  if (keep_existing && output != "-" && std::filesystem::exists(output, ignored)) {
    return {ErrorCode::io, output + ": exists, and is kept"};
  }
  return {};
}

// Makes the output folder, so that a typo shows before the work does.
inline Status prepare_folder(const std::string& folder) {
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return {ErrorCode::io, folder + ": cannot create the folder: " + error.message()};
  return {};
}

// Shows a text behind the progress bar.
using Note = std::function<void(const std::string&)>;

// Runs all jobs. `make_worker(threads, progress)`, or with a Note as a third argument, gives a callable that does one job; it is
// called lazily on the worker's own thread and kept for the worker's later jobs. Errors are printed, one line
// for each file. Returns the exit code of the first failed job.
template <class MakeWorker>
int run_batch(const std::vector<Job>& jobs, const Common& common, MakeWorker make_worker) {
  const auto start = std::chrono::steady_clock::now();
  const WorkerPlan plan = plan_workers(jobs.size(), common.threads, std::thread::hardware_concurrency(),
                                       common.device != Device::cpu);
  ProgressBar bar(jobs.size(), !common.quiet);
  const Note note = [&bar](const std::string& text) { bar.note(text); };
  const auto make = [&](int threads, Progress progress) {
    if constexpr (std::is_invocable_v<MakeWorker, int, Progress, Note>) {
      return make_worker(threads, std::move(progress), note);
    } else {
      return make_worker(threads, std::move(progress));
    }
  };
  using Worker = decltype(make(0, Progress{}));
  std::vector<std::optional<Worker>> workers(plan.workers);
  std::vector<size_t> current(plan.workers, 0);
  std::vector<Outcome> outcomes(jobs.size());

  const auto statuses = run_jobs(jobs.size(), plan.workers, [&](size_t job, unsigned index) -> Status {
    current[index] = job;
    if (!workers[index]) {
      workers[index].emplace(make(plan.threads_each, [&bar, &current, index](double fraction) {
        bar.update(current[index], fraction * 0.999);  // the whole is there only when the file is written
        return true;
      }));
    }
    const auto job_start = std::chrono::steady_clock::now();
    const Status status = (*workers[index])(jobs[job], outcomes[job]);
    outcomes[job].seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - job_start).count();
    bar.update(job, 1);
    return named(jobs[job].input, status);
  });
  bar.wipe();

  int code = kExitOk;
  Outcome total;
  size_t good = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (!statuses[i].ok()) {
      const int failed = fail(statuses[i]);
      if (code == kExitOk) code = failed;
      continue;
    }
    ++good;
    total.stream_bytes += outcomes[i].stream_bytes;
    total.pixels += outcomes[i].pixels;
    total.duration += outcomes[i].duration;
    if (jobs.size() == 1 && !common.quiet) {
      const Outcome& one = outcomes[i];
      say(stderr, "{} -> {}: {}, {} bytes, {}, {:.2f} s\n", shown(jobs[i].input, "standard input"), shown(jobs[i].output, "standard output"), one.note,
                 one.stream_bytes, rate_text(one.stream_bytes, one.pixels, one.duration, one.seconds, one.frames), one.seconds);
    }
  }
  if (jobs.size() > 1 && !common.quiet) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // Of pictures and sound together neither rate says anything.
    const bool mixed = total.pixels > 0 && total.duration > 0;
    say(stderr, "{} of {} files, {} bytes, {}{:.2f} s\n", good, jobs.size(), total.stream_bytes,
               mixed ? "" : rate_text(total.stream_bytes, total.pixels, total.duration, seconds) + ", ", seconds);
  }
  return code;
}

}  // namespace tessera::cli
