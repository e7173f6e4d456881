#include "apps/tessera/jobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "data/sniff.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStandard = "-";

bool has_extension(const std::string& path, const std::string& extension) {
  std::string own = fs::path(path).extension().string();
  std::transform(own.begin(), own.end(), own.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return own == "." + extension;
}

// Guards against `encode a.png b.png`, where the user means two inputs: b.png must not be overwritten.
bool is_output_name(const std::string& path, Direction direction) {
  if (path == kStandard || path.rfind("/dev/", 0) == 0) return true;
  return direction == Direction::encode ? has_extension(path, "tsr") || is_matroska_stream(path) : !has_extension(path, "tsr");
}

// A descriptor is not a file that could be replaced by another.
std::string output_name(const std::string& path) {
  return path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1" ? kStandard : path;
}

Status usage(const std::string& text) { return {ErrorCode::invalid_argument, text}; }

Status check(const std::vector<Job>& jobs) {
  std::set<std::string> outputs;
  size_t standard_inputs = 0;
  for (const Job& job : jobs) {
    if (same_file(job.input, job.output)) return usage(job.input + ": input and output are the same file");
    standard_inputs += job.input == kStandard;
    if (!outputs.insert(job.output).second) return usage(job.output + ": two inputs would have this output");
  }
  return standard_inputs > 1 ? usage("standard input can be named only once") : Status();
}

Status into_standard_input(const std::string& path) {
  struct stat named {}, standard {};
  if (::fstat(STDIN_FILENO, &standard) == 0 && ::stat(path.c_str(), &named) == 0 && named.st_dev == standard.st_dev && named.st_ino == standard.st_ino) return {};
  const int pipe = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = pipe >= 0 && ::dup2(pipe, STDIN_FILENO) == STDIN_FILENO;
  const int error = errno;
  if (pipe >= 0) ::close(pipe);
  return done ? Status() : Status(ErrorCode::io, path + ": cannot open: " + std::strerror(error));
}

Status adopt(const std::vector<std::string*>& names) {
  size_t standard = static_cast<size_t>(std::count_if(names.begin(), names.end(), [](const std::string* name) { return *name == kStandard; }));
  for (std::string* name : names) {
    if (*name == kStandard || !is_pipe(*name)) continue;
    if (++standard > 1) return usage(*name + ": of pipes and standard input only one can be read");
    TESSERA_RETURN_IF_ERROR(into_standard_input(*name));
    *name = std::string(kStandard);
  }
  return {};
}

}  // namespace

bool is_pipe(const std::string& path) {
  struct stat info {};
  return path == kStandard || path == "/dev/stdin" || path == "/dev/fd/0" || (::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode));
}

Status adopt_pipes(std::vector<std::string>& files) {
  std::vector<std::string*> names;
  for (std::string& file : files) names.push_back(&file);
  return adopt(names);
}

Status adopt_pipes(std::vector<Job>& jobs) {
  std::vector<std::string*> names;
  for (Job& job : jobs) names.push_back(&job.input);
  return adopt(names);
}

bool is_matroska_stream(const std::string& path) { return path.ends_with(".tsr.mkv"); }

std::string renamed(const std::string& path, const std::string& extension) {
  const std::string stem = path == kStandard ? "stdin" : fs::path(path).stem().string();
  return stem + "." + extension;
}

bool same_file(const std::string& a, const std::string& b) {
  if (a == kStandard || b == kStandard) return false;
  std::error_code error;
  if (fs::exists(a, error) && fs::exists(b, error)) {
    return !fs::is_character_file(a, error) && fs::equivalent(a, b, error);
  }
  return fs::path(a).lexically_normal() == fs::path(b).lexically_normal();
}

Result<std::vector<Job>> plan_jobs(const std::vector<std::string>& files, const std::string& out_dir,
                                   const std::string& extension, Direction direction) {
  std::vector<Job> jobs;
  if (!out_dir.empty()) {
    for (const std::string& file : files)
      jobs.push_back({file, (fs::path(out_dir) / renamed(file, extension)).string()});
  } else if (files.size() == 1) {
    const std::string& file = files[0];
    jobs.push_back({file, file == kStandard
                              ? kStandard
                              : (fs::path(file).parent_path() / renamed(file, extension)).string()});
  } else if (files.size() == 2 && is_output_name(files[1], direction)) {
    jobs.push_back({files[0], output_name(files[1])});
  } else {
    const char* name = direction == Direction::encode ? "has to be a .tsr file" : "cannot be a .tsr file";
    return usage(files.empty() ? "no input file" : "several inputs need --out-dir (with one input, the output " + std::string(name) + ")");
  }
  TESSERA_RETURN_IF_ERROR(check(jobs));
  return jobs;
}

}  // namespace tessera::cli
