#include "data/png_codec.h"

#include <png.h>
#include <zlib.h>

#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

namespace tessera::media {
namespace {

// The time to decode a stream includes writing it, and a search for repetitions, most of the time, gains 5 % of bytes
// on photographs; on drawings and screens it is fast, and halves them. So that is asked first: are at least a quarter of
// the pixels equal to their left neighbours?
bool has_flat_areas(const Picture& picture) {
  const size_t pixel = picture.channels * picture.sample_bytes();
  size_t equal = 0, seen = 0;
  for (uint32_t y = 0; y < picture.height; y += 8) {
    const uint8_t* row = picture.samples.data() + y * picture.stride();
    for (size_t x = 1; x < picture.width; ++x) {
      equal += std::memcmp(row + (x - 1) * pixel, row + x * pixel, pixel) == 0;
      ++seen;
    }
  }
  return equal * 4 >= seen;
}

// What a call of the library needs. Its failures jump back into the function that called it: that function has no
// object with a destructor of its own, they are all here.
struct Session {
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[128] = {};
  bool no_memory = false;
  std::span<const uint8_t> input;
  Bytes output;
  Picture picture;
};

struct ReadSession : Session {
  ~ReadSession() { png_destroy_read_struct(&png, &info, nullptr); }
};
struct WriteSession : Session {
  ~WriteSession() { png_destroy_write_struct(&png, &info); }
};

[[noreturn]] void fail(png_structp png, png_const_charp text) {
  auto* session = static_cast<Session*>(png_get_error_ptr(png));
  std::snprintf(session->message, sizeof session->message, "%s", text);
  png_longjmp(png, 1);
}

void ignore_message(png_structp, png_const_charp) {}

void take(png_structp png, png_bytep to, size_t count) {
  auto* session = static_cast<Session*>(png_get_io_ptr(png));
  if (count > session->input.size()) png_error(png, "the file ends too early");
  std::memcpy(to, session->input.data(), count);
  session->input = session->input.subspan(count);
}

void put(png_structp png, png_bytep from, size_t count) {
  auto* session = static_cast<Session*>(png_get_io_ptr(png));
  try {
    session->output.insert(session->output.end(), from, from + count);
  } catch (const std::bad_alloc&) {
    session->no_memory = true;
  }
  if (session->no_memory) png_error(png, "out of memory");
}

bool make_picture_of_header(Session& s) try {
  s.picture = make_picture(png_get_image_width(s.png, s.info), png_get_image_height(s.png, s.info),
                           png_get_channels(s.png, s.info), png_get_bit_depth(s.png, s.info));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

bool decode(Session& s) {
  if (setjmp(png_jmpbuf(s.png)) != 0) return false;
  png_set_read_fn(s.png, &s, take);
  png_set_user_limits(s.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller has limits of its own
  png_read_info(s.png, s.info);
  png_set_expand(s.png);
  if (std::endian::native == std::endian::little) png_set_swap(s.png);
  const int passes = png_set_interlace_handling(s.png);
  png_read_update_info(s.png, s.info);
  s.no_memory = !make_picture_of_header(s);
  if (s.no_memory) return false;
  if (png_get_rowbytes(s.png, s.info) != s.picture.stride()) png_error(s.png, "rows of an unexpected length");
  for (int pass = 0; pass < passes; ++pass) {
    for (uint32_t y = 0; y < s.picture.height; ++y) {
      png_read_row(s.png, s.picture.samples.data() + y * s.picture.stride(), nullptr);
    }
  }
  png_read_end(s.png, nullptr);
  return true;
}

bool encode(Session& s, const Picture& picture) {
  if (setjmp(png_jmpbuf(s.png)) != 0) return false;
  constexpr int kTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                            PNG_COLOR_TYPE_RGB_ALPHA};
  png_set_write_fn(s.png, &s, put, nullptr);
  png_set_user_limits(s.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  if (has_flat_areas(picture)) {
    png_set_compression_level(s.png, 3);
    png_set_filter(s.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB | PNG_FILTER_UP | PNG_FILTER_PAETH);
  } else {
    png_set_compression_level(s.png, 1);
    png_set_compression_strategy(s.png, Z_RLE);
    png_set_filter(s.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB | PNG_FILTER_UP);
  }
  png_set_compression_buffer_size(s.png, size_t{1} << 18);
  png_set_IHDR(s.png, s.info, picture.width, picture.height, static_cast<int>(picture.bit_depth),
               kTypes[picture.channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(s.png, s.info);
  if (std::endian::native == std::endian::little && picture.bit_depth > 8) png_set_swap(s.png);
  for (uint32_t y = 0; y < picture.height; ++y) {
    png_write_row(s.png, picture.samples.data() + y * picture.stride());
  }
  png_write_end(s.png, nullptr);
  return true;
}

Status failure(const Session& s, ErrorCode code) {
  if (s.no_memory || s.info == nullptr) return {ErrorCode::out_of_memory, "PNG: out of memory"};
  return {code, std::string("PNG: ") + s.message};
}

}  // namespace

Result<Picture> png_decode(std::span<const uint8_t> file) {
  ReadSession s;
  s.input = file;
  s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, static_cast<Session*>(&s), fail, ignore_message);
  if (s.png != nullptr) s.info = png_create_info_struct(s.png);
  if (s.info == nullptr || !decode(s)) return failure(s, ErrorCode::corrupt);
  return std::move(s.picture);
}

Result<Bytes> png_encode(const Picture& picture) {
  WriteSession s;
  s.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, static_cast<Session*>(&s), fail, ignore_message);
  if (s.png != nullptr) s.info = png_create_info_struct(s.png);
  s.output.reserve(picture.size_bytes() / 2);
  if (s.info == nullptr || !encode(s, picture)) return failure(s, ErrorCode::unsupported);
  return std::move(s.output);
}

}  // namespace tessera::media
