#include "data/jpeg_decode.h"

#include <memory>
#include <new>
#include <string>

#include "data/jpeg_errors.h"

namespace tessera::media {
namespace {

// A progressive file of a few kilobytes may ask for thousands of passes over a large picture.
constexpr int kMaxScans = 500;

// All objects with destructors live here: the library's jumps pass by those of the functions below.
struct Decompression {
  jpeg_decompress_struct state{};
  jpeg_progress_mgr progress{};
  JpegErrors errors{};
  bool too_many_scans = false;
  bool no_memory = false;
  Picture picture;
  Bytes row;  // of CMYK
  ~Decompression() { jpeg_destroy_decompress(&state); }
};

void watch_scans(j_common_ptr common) {
  auto* d = static_cast<Decompression*>(common->client_data);
  if (d->state.input_scan_number <= kMaxScans) return;
  d->too_many_scans = true;
  std::longjmp(d->errors.back, 1);
}

bool allocate(Decompression& d) try {
  const bool cmyk = d.state.out_color_space == JCS_CMYK;
  d.picture = make_picture(d.state.output_width, d.state.output_height,
                           d.state.out_color_space == JCS_GRAYSCALE ? 1 : 3, 8);
  if (cmyk) d.row.resize(size_t{d.state.output_width} * 4);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

// Four-colour files of practice hold inverted inks (Adobe), so that a product is the light that is left.
void to_rgb(const Bytes& row, uint8_t* out) {
  for (size_t i = 0; i + 3 < row.size(); i += 4) {
    for (size_t c = 0; c < 3; ++c) *out++ = static_cast<uint8_t>((row[i + c] * row[i + 3] + 127) / 255);
  }
}

bool decode(Decompression& d, std::span<const uint8_t> file) {
  if (setjmp(d.errors.back) != 0) return false;
  jpeg_create_decompress(&d.state);
  d.state.client_data = &d;
  d.progress.progress_monitor = watch_scans;
  d.state.progress = &d.progress;
  jpeg_mem_src(&d.state, file.data(), static_cast<unsigned long>(file.size()));
  jpeg_read_header(&d.state, TRUE);
  switch (d.state.num_components) {
    case 1:
      d.state.out_color_space = JCS_GRAYSCALE;
      break;
    case 4:
      d.state.out_color_space = JCS_CMYK;
      break;
    default:
      d.state.out_color_space = JCS_RGB;
      break;
  }
  jpeg_start_decompress(&d.state);
  d.no_memory = !allocate(d);
  if (d.no_memory) return false;
  while (d.state.output_scanline < d.state.output_height) {
    uint8_t* to = d.picture.samples.data() + d.state.output_scanline * d.picture.stride();
    JSAMPROW row = d.row.empty() ? to : d.row.data();
    jpeg_read_scanlines(&d.state, &row, 1);
    if (!d.row.empty()) to_rgb(d.row, to);
  }
  jpeg_finish_decompress(&d.state);
  return true;
}

ErrorCode class_of(const Decompression& d) {
  switch (d.errors.code) {
    case JERR_OUT_OF_MEMORY:
      return ErrorCode::out_of_memory;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_ARITH_NOTIMPL:
      return ErrorCode::unsupported;
    default:
      return ErrorCode::corrupt;
  }
}

}  // namespace

Result<Picture> jpeg_decode(std::span<const uint8_t> file) {
  auto d = std::make_unique<Decompression>();
  d->state.err = jpeg_errors(d->errors);
  if (!decode(*d, file)) {
    if (d->no_memory) return {ErrorCode::out_of_memory, "JPEG: out of memory"};
    if (d->too_many_scans) return {ErrorCode::limit, "JPEG: more than " + std::to_string(kMaxScans) + " scans"};
    return {class_of(*d), std::string("JPEG: ") + d->errors.message};
  }
  if (d->errors.ended_early) return {ErrorCode::truncated, "JPEG file ends too early"};
  return std::move(d->picture);
}

}  // namespace tessera::media
