// The only door to OpenCV: its exceptions end here, and its logging is switched off. OpenCV's own libraries number
// more than a hundred, so they are loaded (libtessera_opencv.so, beside the program) at the first call of a function
// below; most runs of the program need none.
#pragma once

#include <span>

#include "bitstream/status.h"
#include "data/picture.h"
#include "data/sniff.h"

namespace tessera::media {

// Decodes samples only: no metadata, no turning. Precondition: the claimed size was checked by the caller.
// Errors: corrupt, unsupported (sample types other than 8 and 16 bits; OpenCV cannot be loaded), out_of_memory.
Result<Picture> opencv_decode(std::span<const uint8_t> file, PictureFormat format);

// Encodes samples only: WebP, TIFF or BMP. Precondition: the format takes the channels
// and bit depth (8 or 16). Errors: unsupported.
Result<Bytes> opencv_encode(const Picture& picture, PictureFormat format);

// Half the width and height (rounded up, 1 at least), each output pixel the mean of its area. 8 bits a
// sample.
Result<Picture> opencv_half_size(const Picture& picture);

}  // namespace tessera::media
