// Whole files in and out, with "-" for standard input and output.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitstream/status.h"

namespace tessera::media {

inline constexpr const char* kStandardStream = "-";

// Reads a whole file, at most `max_bytes` of it. Errors: io (the sentence names the file), limit.
Result<std::vector<uint8_t>> read_file(const std::string& path, uint64_t max_bytes = uint64_t{1} << 32);

// Writes a whole file: to a temporary name beside it that is then renamed, so that nobody ever sees half a
// file and a failure leaves what was there. Devices, pipes and standard output are written directly. Errors:
// io.
Status write_file(const std::string& path, std::span<const uint8_t> bytes);

}  // namespace tessera::media
