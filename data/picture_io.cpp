#include "data/picture_io.h"

#include <new>
#include <utility>

#include "data/byte_file.h"
#include "data/exif.h"
#include "data/jpeg_decode.h"
#include "data/jpeg_encode.h"
#include "data/jpeg_segments.h"
#include "data/opencv_bridge.h"
#include "data/orientation.h"
#include "data/png_chunks.h"
#include "data/png_codec.h"
#include "data/pnm.h"
#include "data/samples.h"
#include "data/tiff_tags.h"
#include "data/webp_chunks.h"

namespace tessera::media {
namespace {

Status check_size(const ClaimedSize& size, const ReadLimits& limits) {
  const std::string text = std::to_string(size.width) + "x" + std::to_string(size.height);
  if (size.width == 0 || size.height == 0) return {ErrorCode::corrupt, "picture of " + text + " pixels"};
  if (size.width > limits.max_dimension || size.height > limits.max_dimension) {
    return {ErrorCode::limit, "picture of " + text + " pixels; the limit is " +
                                  std::to_string(limits.max_dimension) + " a side"};
  }
  if (size.width * size.height > limits.max_pixels) {
    return {ErrorCode::limit,
            "picture of " + text + " pixels; the limit is " + std::to_string(limits.max_pixels) + " pixels"};
  }
  return {};
}

PictureMetadata metadata_of(std::span<const uint8_t> file, PictureFormat format) {
  switch (format) {
    case PictureFormat::png:
      return png_metadata(file);
    case PictureFormat::jpeg:
      return jpeg_metadata(file);
    case PictureFormat::webp:
      return webp_metadata(file);
    case PictureFormat::tiff:
      return tiff_metadata(file);
    default:
      return {};
  }
}

Result<Picture> decode_samples(std::span<const uint8_t> file, PictureFormat format) {
  if (format == PictureFormat::pnm) return decode_pnm(file);
  if (format == PictureFormat::png) return png_decode(png_core(file));
  if (format == PictureFormat::jpeg) return jpeg_decode(file);
  return opencv_decode(file, format);
}

// An ICC profile names its colour space at byte 16 (ICC.1, 7.2.6).
bool profile_fits(const Bytes& icc, uint32_t channels) {
  if (icc.size() < 20) return false;
  const std::string space(icc.begin() + 16, icc.begin() + 20);
  return space == (channels >= 3 ? "RGB " : "GRAY");
}

Status with_name(const std::string& name, const Status& status) {
  return {status.code(), name + ": " + status.message()};
}

// The picture in a sample format that the file format has.
Picture fitted(const Picture& picture, PictureFormat format) {
  const bool deep = format == PictureFormat::png || format == PictureFormat::tiff;
  const bool alpha = deep || format == PictureFormat::webp;
  uint32_t channels = picture.channels;
  if (!alpha) channels = picture.channels <= 2 ? 1 : 3;
  if (alpha && channels == 2 && format != PictureFormat::png) channels = 4;  // OpenCV writes no grey with alpha
  uint32_t depth = picture.bit_depth;
  if (format != PictureFormat::pnm) depth = deep && depth > 8 ? 16 : 8;
  return with_bit_depth(with_channels(picture, channels), depth);
}

Result<Bytes> encode_samples(const Picture& picture, PictureFormat format) {
  if (format == PictureFormat::pnm) return encode_pnm(picture);
  if (format == PictureFormat::jpeg) return jpeg_encode(picture);
  if (format == PictureFormat::png) return png_encode(picture);
  return opencv_encode(picture, format);
}

Bytes with_metadata(Bytes file, const PictureMetadata& metadata, PictureFormat format) {
  switch (format) {
    case PictureFormat::png:
      return png_with_metadata(std::move(file), metadata);
    case PictureFormat::jpeg:
      return jpeg_with_metadata(std::move(file), metadata);
    case PictureFormat::webp:
      return webp_with_metadata(std::move(file), metadata);
    case PictureFormat::tiff:
      return tiff_with_metadata(std::move(file), metadata);
    default:
      return file;
  }
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Result<Picture> decode_picture(std::span<const uint8_t> file, const ReadLimits& limits) try {
  const auto format = sniff_format(file);
  if (!format) {
    return {ErrorCode::unsupported,
            file.empty() ? "the file is empty" : "not a PNG, JPEG, WebP, TIFF, PPM, PGM or BMP picture"};
  }
  const auto size = claimed_size(file, *format);
  const std::string name = format_name(*format);
  if (!size) return {ErrorCode::corrupt, name + " header is malformed or cut off"};
  TESSERA_RETURN_IF_ERROR(check_size(*size, limits));
  if (!looks_complete(file, *format)) return {ErrorCode::truncated, name + " file ends too early"};
  if (*format == PictureFormat::webp && webp_animated(file)) return {ErrorCode::unsupported, "animated WebP cannot be read"};
  // Found out here, because the library below would print its own message.
  if (*format == PictureFormat::png && !png_intact(file)) {
    return {ErrorCode::corrupt, "a checksum in the PNG file is wrong"};
  }

  auto picture = decode_samples(file, *format);
  if (!picture) return picture;
  picture->metadata = metadata_of(file, *format);
  if (!profile_fits(picture->metadata.icc, picture->channels)) picture->metadata.icc.clear();
  const int orientation = exif_orientation(picture->metadata.exif);
  reset_exif_orientation(picture->metadata.exif);
  return oriented(std::move(*picture), orientation);
} catch (const std::bad_alloc&) {
  return {ErrorCode::out_of_memory, "out of memory while reading the picture"};
}

Result<Picture> read_picture(const std::string& path, const ReadLimits& limits) {
  auto bytes = read_file(path, limits.max_file_bytes);
  if (!bytes) return bytes.status();
  auto picture = decode_picture(*bytes, limits);
  if (!picture) return with_name(path == kStandardStream ? "standard input" : path, picture.status());
  return picture;
}

Result<Bytes> encode_picture(const Picture& picture, PictureFormat format) try {
  const Picture fit = fitted(picture, format);
  auto bytes = encode_samples(fit, format);
  if (!bytes) return bytes;
  PictureMetadata metadata = picture.metadata;
  if (!profile_fits(metadata.icc, fit.channels)) metadata.icc.clear();
  return with_metadata(std::move(*bytes), metadata, format);
} catch (const std::bad_alloc&) {
  return {ErrorCode::out_of_memory, "out of memory while writing the picture"};
}

Status write_picture(const std::string& path, const Picture& picture, std::optional<PictureFormat> format) {
  if (!format) format = format_of_name(path);
  if (!format) {
    return {ErrorCode::invalid_argument,
            path + ": the extension is none of png, jpg, webp, tif, ppm, pgm, bmp"};
  }
  Result<Bytes> bytes = Status();
  if (ends_with(path, ".pgm")) {
    bytes = encode_picture(with_channels(picture, 1), *format);
  } else if (ends_with(path, ".ppm")) {
    bytes = encode_picture(with_channels(picture, 3), *format);
  } else {
    bytes = encode_picture(picture, *format);
  }
  if (!bytes) return with_name(path, bytes.status());
  return write_file(path, *bytes);
}

}  // namespace tessera::media
