// Runs the program under test as its users do.
#pragma once

#include <string>
#include <vector>

#include "data/picture.h"

namespace tessera::test {

struct Outcome {
  int code = -1;    // exit code; -1 when it was killed
  std::string out;  // standard output
  std::string err;  // standard error
  size_t error_lines() const;
};

// Arguments are taken as they are. `input` goes to standard input; without one it is empty. `stdout_path`:
// standard output goes there instead of into Outcome::out. `environment`: NAME=value pairs to add.
Outcome run_program(const std::vector<std::string>& arguments, const std::string& input = {},
                    const std::string& stdout_path = {}, const std::vector<std::string>& environment = {});

// A synthetic photo in a file; returns its path.
std::string write_photo(const std::string& path, uint32_t width = 96, uint32_t height = 64,
                        uint32_t channels = 3, uint32_t bit_depth = 8);

std::string text_of(const std::string& path);  // a file's bytes
void put_text_file(const std::string& path, const std::string& bytes);
bool exists(const std::string& path);

}  // namespace tessera::test
