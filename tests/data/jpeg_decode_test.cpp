// Kinds of JPEG files that the project's own encoder does not write.
#include "data/jpeg_decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "data/jpeg_encode.h"
#include "data/jpeg_errors.h"
#include "data/synth.h"

namespace tessera::media {
namespace {

// A picture of one colour. Adobe's four-colour files store inverted inks, which the library's marker says.
Bytes flat_jpeg(J_COLOR_SPACE space, const Bytes& colour, bool progressive = false) {
  jpeg_compress_struct state{};
  JpegErrors errors{};
  state.err = jpeg_errors(errors);
  jpeg_create_compress(&state);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&state, &bytes, &size);
  state.image_width = state.image_height = 24;
  state.input_components = static_cast<int>(colour.size());
  state.in_color_space = space;
  jpeg_set_defaults(&state);
  if (space == JCS_CMYK) jpeg_set_colorspace(&state, JCS_YCCK);
  if (progressive) jpeg_simple_progression(&state);
  jpeg_start_compress(&state, TRUE);
  Bytes row;
  for (int x = 0; x < 24; ++x) row.insert(row.end(), colour.begin(), colour.end());
  for (JSAMPROW p = row.data(); state.next_scanline < 24;) jpeg_write_scanlines(&state, &p, 1);
  jpeg_finish_compress(&state);
  Bytes file(bytes, bytes + size);
  jpeg_destroy_compress(&state);
  std::free(bytes);
  return file;
}

TEST(JpegDecode, GreyStaysGrey) {
  const auto picture = jpeg_decode(flat_jpeg(JCS_GRAYSCALE, {90}));
  ASSERT_TRUE(picture) << picture.status().message();
  EXPECT_EQ(picture->channels, 1u);
  EXPECT_EQ(picture->samples, Bytes(24 * 24, 90));
}

TEST(JpegDecode, FourColours) {
  const auto picture = jpeg_decode(flat_jpeg(JCS_CMYK, {255, 128, 0, 200}));
  ASSERT_TRUE(picture) << picture.status().message();
  EXPECT_EQ(picture->channels, 3u);
  EXPECT_NEAR(picture->samples[0], 200, 3);
  EXPECT_NEAR(picture->samples[1], 100, 3);
  EXPECT_NEAR(picture->samples[2], 0, 3);
}

TEST(JpegDecode, Progressive) {
  const auto picture = jpeg_decode(flat_jpeg(JCS_RGB, {10, 200, 60}, true));
  ASSERT_TRUE(picture) << picture.status().message();
  EXPECT_NEAR(picture->samples[0], 10, 3);
  EXPECT_NEAR(picture->samples[1], 200, 3);
  EXPECT_NEAR(picture->samples[2], 60, 3);
}

TEST(JpegDecode, DamageIsAnErrorOrAPicture) {
  const Bytes file = *jpeg_encode(synth_picture(SynthKind::photo, 32, 24));
  for (size_t size = 0; size < file.size(); ++size) {
    const auto picture = jpeg_decode(std::span(file).first(size));
    if (size + 2 < file.size()) {
      EXPECT_FALSE(picture) << size;
    }
  }
  const size_t samples = file.size() - 200;  // flips in the tables before may claim any size
  for (size_t i = samples; i < file.size(); ++i) {
    Bytes damaged = file;
    damaged[i] ^= 0xFF;
    const auto picture = jpeg_decode(damaged);
    if (picture) {
      EXPECT_EQ(picture->samples.size(), 32u * 24 * 3);
    }
  }
}

TEST(JpegDecode, TwelveBitsAreUnsupported) {
  Bytes file = flat_jpeg(JCS_GRAYSCALE, {90});
  const Bytes frame{0xFF, 0xC0};
  const auto at = std::search(file.begin(), file.end(), frame.begin(), frame.end());
  ASSERT_NE(at, file.end());
  *(at + 4) = 12;
  EXPECT_EQ(jpeg_decode(file).status().code(), ErrorCode::unsupported);
}

}  // namespace
}  // namespace tessera::media
