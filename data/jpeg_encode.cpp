#include "data/jpeg_encode.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

// It has to follow <cstdio>, from which it takes FILE and size_t.
#include <jpeglib.h>

namespace tessera::media {
namespace {

constexpr int kQuality = 95;

// The library reports a failure by a call that must not return; a jump leads back to the caller.
struct ErrorHandler {
  jpeg_error_mgr base;  // first, so that the library's pointer to it is a pointer to this
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void fail(j_common_ptr common) {
  auto* handler = reinterpret_cast<ErrorHandler*>(common->err);
  handler->base.format_message(common, handler->message);
  std::longjmp(handler->back, 1);
}

void ignore_message(j_common_ptr) {}

struct Compression {
  jpeg_compress_struct state{};
  ErrorHandler errors{};
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
  compression->state.err = jpeg_std_error(&compression->errors.base);
  compression->errors.base.error_exit = fail;
  compression->errors.base.output_message = ignore_message;
  if (!run(*compression, picture)) {
    return {ErrorCode::unsupported, std::string("JPEG: ") + compression->errors.message};
  }
  return Bytes(compression->bytes, compression->bytes + compression->size);
}

}  // namespace tessera::media
