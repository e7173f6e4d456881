// JPEG files without chroma subsampling, which the image library cannot write.
#pragma once

#include "bitstream/status.h"
#include "data/picture.h"

namespace tessera::media {

// Quality 95, 4:4:4, optimised Huffman tables. Precondition: 8 bits, 1 or 3 channels.
// Errors: unsupported (a side above 65500 pixels), out_of_memory.
Result<Bytes> jpeg_encode(const Picture& picture);

}  // namespace tessera::media
