// Still pictures in and out of files: PNG, JPEG, WebP, TIFF, PPM/PGM, BMP.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "bitstream/status.h"
#include "data/picture.h"
#include "data/sniff.h"

namespace tessera::media {

// Checked against the file's header before anything is decoded. All bounds are inclusive.
struct ReadLimits {
  uint64_t max_pixels = uint64_t{1} << 28;
  uint32_t max_dimension = 65535;
  uint64_t max_file_bytes = uint64_t{1} << 31;
};

// Decodes a picture. An EXIF orientation is applied and then reset to 1 in the block that is kept. A profile
// for another colour space than the samples' is dropped. Errors: truncated, corrupt, unsupported (no known
// format, or samples of other types), limit, out_of_memory.
Result<Picture> decode_picture(std::span<const uint8_t> file, const ReadLimits& limits = {});

// The same from a file, or from standard input for "-". Messages name the file. Errors: those above, io.
Result<Picture> read_picture(const std::string& path, const ReadLimits& limits = {});

// Encodes a picture with its metadata, as far as the format has a place for both:
//   PNG   8 or 16 bits, alpha, ICC, EXIF, XMP          TIFF  8 or 16 bits, alpha, ICC, XMP
//   WebP  8 bits, alpha, lossless where it is not clear, ICC, EXIF, XMP      PNM   8..16 bits, no alpha, no
//   metadata JPEG  8 bits, no alpha, quality 95, 4:4:4, ICC, EXIF, XMP        BMP   8 bits, no metadata
// Other bit depths are scaled to the format's next, surplus alpha is dropped. Errors: unsupported,
// out_of_memory.
Result<Bytes> encode_picture(const Picture& picture, PictureFormat format);

// The same into a file, in one piece or not at all, or to standard output for "-". Without `format` the
// path's extension decides (.pgm: grey, .ppm: colour). Errors: those above, invalid_argument (unknown
// extension), io.
Status write_picture(const std::string& path, const Picture& picture,
                     std::optional<PictureFormat> format = {});

}  // namespace tessera::media
