// What standard input holds, without taking it: a pipe cannot be read twice.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/status.h"

namespace tessera::media {

// The first `count` bytes of standard input, fewer when there are no more. They stay there for whoever reads it next by read_file(),
// ByteSource or the readers of sound and video. Errors: io.
Result<std::span<const uint8_t>> peek_standard_input(size_t count);

// For those readers: up to `size` bytes that were read ahead. 0: none are left, the descriptor has the rest.
size_t take_peeked(uint8_t* bytes, size_t size);

}  // namespace tessera::media
