// What the tests of the codec share: made pictures, one encoder and decoder call each, comparisons.
#pragma once

#include <gtest/gtest.h>

#include "codec/tessera.h"
#include "data/synth.h"

namespace tessera::test {

using media::Picture;
using media::SynthKind;

ImageView view_of(const Picture& picture);

inline Picture photo(uint32_t width, uint32_t height, uint32_t channels = 3, uint32_t depth = 8) {
  return media::synth_picture(SynthKind::photo, width, height, channels, depth);
}

// One thread and the installed weights unless `options` say otherwise. A failure fails the test and gives nothing.
Bytes encoded(const Picture& picture, EncoderOptions options = {}, const ImageMetadata& metadata = {}, Report* report = nullptr);
Image decoded(std::span<const uint8_t> stream, DecoderOptions options = {}, Report* report = nullptr);

// dB over the colour samples, both scaled to 0..1.
double psnr(const Picture& a, const Image& b);

// The alpha samples in raster order.
std::vector<uint32_t> alpha_of(const Picture& picture);
std::vector<uint32_t> alpha_of(const Image& image);

}  // namespace tessera::test
