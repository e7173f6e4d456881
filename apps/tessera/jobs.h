// Which file becomes which: the rules for inputs and outputs.
#pragma once

#include <string>
#include <vector>

#include "bitstream/status.h"

namespace tessera::cli {

struct Job {
  std::string input;   // "-": standard input
  std::string output;  // "-": standard output
};

enum class Direction { encode, decode };

// IN becomes IN's name with `extension` (without the dot) beside it, IN OUT becomes OUT, and with `out_dir`
// every file is an input whose output goes there. Errors: invalid_argument with a sentence, when the names do
// not fit that, when an input would be its own output, or two outputs have the same name. Looks at the file
// system for the former only.
Result<std::vector<Job>> plan_jobs(const std::vector<std::string>& files, const std::string& out_dir,
                                   const std::string& extension, Direction direction);

// What can be read only once: standard input, a FIFO.
bool is_pipe(const std::string& path);

// A pipe can be read only once, from its beginning, while an input is looked into before it is read: a pipe that is named (`<(command)`, a
// FIFO, /dev/stdin) takes the place of standard input, which is kept open between the two, and the name becomes "-".
// Errors: invalid_argument for a second one; io.
Status adopt_pipes(std::vector<std::string>& files);
Status adopt_pipes(std::vector<Job>& jobs);  // their inputs

// "a/b.c" and "d" -> "b.d".
std::string renamed(const std::string& path, const std::string& extension);

// "a.tsr.mkv": a stream of video in Matroska. The double extension keeps `encode a.mkv b.mkv` from overwriting b.mkv.
bool is_matroska_stream(const std::string& path);

bool same_file(const std::string& a, const std::string& b);

}  // namespace tessera::cli
