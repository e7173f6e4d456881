#include "apps/tessera/jobs.h"

#include <algorithm>
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

}  // namespace

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
    jobs.push_back({files[0], files[1]});
  } else {
    const char* name = direction == Direction::encode ? "a .tsr file" : "a picture";
    return usage(files.empty() ? "no input file"
                               : "several inputs need --out-dir (with one input, the output has to be " +
                                     std::string(name) + ")");
  }
  TESSERA_RETURN_IF_ERROR(check(jobs));
  return jobs;
}

}  // namespace tessera::cli
