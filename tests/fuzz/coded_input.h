// What the coders' targets need besides a section of coded bytes: a table, a row for every symbol, lanes; all of it from the input.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "entropy/cdf_table.h"
#include "tests/fuzz/input.h"

namespace tessera::fuzz {

struct CodedInput {
  entropy::CdfTable table;
  std::vector<uint8_t> rows;  // of each symbol; some may be beyond the table
  int lanes = 1;
};

// Takes its bytes from `input`; what is left there is the section.
CodedInput coded_input(Input& input);

// Symbols that these rows can code, among them escapes.
std::vector<int32_t> drawn_symbols(const CodedInput& coded, std::mt19937& random);

}  // namespace tessera::fuzz
