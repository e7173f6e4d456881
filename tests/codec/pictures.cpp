#include "tests/codec/pictures.h"

#include <cmath>
#include <cstring>

namespace tessera::test {
namespace {

uint32_t sample(const Image& image, size_t index) {
  if (image.bit_depth == 8) return image.data[index];
  uint16_t value;
  std::memcpy(&value, image.data.data() + 2 * index, 2);
  return value;
}

}  // namespace

ImageView view_of(const Picture& p) { return {p.samples.data(), p.width, p.height, p.channels, p.bit_depth, p.stride()}; }

Bytes encoded(const Picture& picture, EncoderOptions options, const ImageMetadata& metadata, Report* report) {
  if (options.threads == 0) options.threads = 1;
  auto encoder = ImageEncoder::create(std::move(options));
  EXPECT_TRUE(encoder) << encoder.status().message();
  if (!encoder) return {};
  auto stream = encoder->encode(view_of(picture), metadata, report);
  EXPECT_TRUE(stream) << stream.status().message();
  return stream ? *stream : Bytes{};
}

Image decoded(std::span<const uint8_t> stream, DecoderOptions options, Report* report) {
  if (options.threads == 0) options.threads = 1;
  auto decoder = ImageDecoder::create(std::move(options));
  EXPECT_TRUE(decoder) << decoder.status().message();
  if (!decoder) return {};
  auto image = decoder->decode(stream, report);
  EXPECT_TRUE(image) << image.status().message();
  return image ? *image : Image{};
}

double psnr(const Picture& a, const Image& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.channels, b.channels);
  EXPECT_EQ(a.bit_depth, b.bit_depth);
  if (a.samples.size() != b.data.size()) return 0;
  double sum = 0;
  size_t used = 0;
  for (size_t i = 0; i < size_t{a.width} * a.height * a.channels; ++i) {
    if (a.has_alpha() && i % a.channels == a.channels - 1) continue;
    sum += std::pow((double(a.get(i)) - double(sample(b, i))) / a.max_value(), 2);
    ++used;
  }
  return -10 * std::log10(std::max(sum / static_cast<double>(used), 1e-12));
}

std::vector<uint32_t> alpha_of(const Picture& p) {
  std::vector<uint32_t> out;
  for (size_t i = p.channels - 1; i < size_t{p.width} * p.height * p.channels; i += p.channels) out.push_back(p.get(i));
  return out;
}

std::vector<uint32_t> alpha_of(const Image& image) {
  std::vector<uint32_t> out;
  for (size_t i = image.channels - 1; i < size_t{image.width} * image.height * image.channels; i += image.channels) out.push_back(sample(image, i));
  return out;
}

}  // namespace tessera::test
