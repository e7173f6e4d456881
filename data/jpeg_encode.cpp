#include "data/jpeg_encode.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "data/jpeg_errors.h"

namespace tessera::media {
namespace {

constexpr int kQuality = 95;

struct Compression {
  jpeg_compress_struct state{};
  JpegErrors errors{};
  unsigned char* bytes = nullptr;  // grown by the library with malloc
  unsigned long size = 0;
  ~Compression() {
    jpeg_destroy_compress(&state);
    std::free(bytes);
  }
};

// No object with a destructor lives in this function: the jump would pass it by.
bool run(Compression& c, const Picture& picture) {
  if (setjmp(c.errors.back) != 0) return false;
  jpeg_create_compress(&c.state);
  jpeg_mem_dest(&c.state, &c.bytes, &c.size);
  c.state.image_width = picture.width;
  c.state.image_height = picture.height;
  c.state.input_components = static_cast<int>(picture.channels);
  c.state.in_color_space = picture.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&c.state);
  jpeg_set_quality(&c.state, kQuality, TRUE);
  c.state.optimize_coding = TRUE;
  for (int i = 0; i < c.state.num_components; ++i) {
    c.state.comp_info[i].h_samp_factor = 1;
    c.state.comp_info[i].v_samp_factor = 1;
  }
  jpeg_start_compress(&c.state, TRUE);
  while (c.state.next_scanline < c.state.image_height) {
    auto* row = const_cast<JSAMPLE*>(picture.samples.data() + c.state.next_scanline * picture.stride());
    jpeg_write_scanlines(&c.state, &row, 1);  // only reads the row
  }
  jpeg_finish_compress(&c.state);
  return true;
}

}  // namespace

Result<Bytes> jpeg_encode(const Picture& picture) {
  auto compression = std::make_unique<Compression>();
  compression->state.err = jpeg_errors(compression->errors);
  if (!run(*compression, picture)) {
    return {ErrorCode::unsupported, std::string("JPEG: ") + compression->errors.message};
  }
  return Bytes(compression->bytes, compression->bytes + compression->size);
}

}  // namespace tessera::media
