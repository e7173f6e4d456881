#include "apps/ffmpeg/frei0r/yuv.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tessera::frei0r {
namespace {

// Of ITU-T H.273.
constexpr uint8_t kBt709 = 1, kBt470 = 5, kBt601 = 6, kBt2020 = 9;

struct Weights {
  float r, b;
  float g() const { return 1 - r - b; }
};

Weights weights_of(uint8_t matrix) {
  if (matrix == kBt470 || matrix == kBt601) return {0.299f, 0.114f};
  if (matrix == kBt2020) return {0.2627f, 0.0593f};
  return {0.2126f, 0.0722f};
}

// Sample = offset + scale * value, luma 0..1 and chroma -0.5..0.5.
struct Range {
  float luma_offset, luma_scale, chroma_offset, chroma_scale;
};

Range range_of(uint32_t depth, bool full) {
  const auto unit = static_cast<float>(1u << (depth - 8));
  const float most = static_cast<float>(1u << depth) - 1;
  return full ? Range{0, most, 128 * unit, most} : Range{16 * unit, 219 * unit, 128 * unit, 224 * unit};
}

uint8_t to_byte(float value) { return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); }

float sample_of(const void* row, uint32_t x, uint32_t depth) {
  if (depth == 8) return static_cast<const uint8_t*>(row)[x];
  uint16_t value;
  std::memcpy(&value, static_cast<const uint8_t*>(row) + size_t{x} * 2, sizeof value);
  return value;
}

const void* row_of(const tsr_video_view& view, int plane, uint32_t y) {
  return static_cast<const uint8_t*>(view.planes[plane]) + y * view.strides[plane];
}

// Two neighbours and the second one's share.
struct Between {
  uint32_t first, second;
  float share;
};

// The chroma samples around luma sample `at`; `shift`: where chroma sample 0 lies, in luma samples.
Between chroma_at(uint32_t at, float shift, uint32_t count) {
  const float place = std::clamp((static_cast<float>(at) - shift) / 2, 0.0f, static_cast<float>(count - 1));
  const auto first = static_cast<uint32_t>(place);
  return {first, std::min(first + 1, count - 1), place - static_cast<float>(first)};
}

}  // namespace

Planes::Planes(Size size)
    : size_(size), chroma_{(size.width + 1) / 2, (size.height + 1) / 2}, samples_(size.pixels() + 2 * chroma_.pixels()) {}

tsr_video_format Planes::format(Size size) {
  tsr_video_format format;
  tsr_video_format_init(&format, sizeof format);
  format.width = size.width;
  format.height = size.height;
  format.chroma_location = 1;  // the middle
  return format;
}

tsr_video_view Planes::view() const {
  tsr_video_view view = TSR_INIT(tsr_video_view);
  view.planes[0] = samples_.data();
  view.planes[1] = samples_.data() + size_.pixels();
  view.planes[2] = samples_.data() + size_.pixels() + chroma_.pixels();
  view.strides[0] = size_.width;
  view.strides[1] = view.strides[2] = chroma_.width;
  return view;
}

void Planes::from_rgba(const uint8_t* rgba) {
  const Weights w = weights_of(kBt709);
  const Range range = range_of(8, false);
  const float unit = range.luma_scale / 255;
  for (size_t i = 0; i < size_.pixels(); ++i) {
    const uint8_t* p = rgba + 4 * i;
    samples_[i] = to_byte(range.luma_offset + unit * (w.r * p[0] + w.g() * p[1] + w.b * p[2]));
  }
  uint8_t* cb = samples_.data() + size_.pixels();
  uint8_t* cr = cb + chroma_.pixels();
  const float to_cb = range.chroma_scale / (4 * 255 * 2 * (1 - w.b)), to_cr = range.chroma_scale / (4 * 255 * 2 * (1 - w.r));
  for (uint32_t y = 0; y < chroma_.height; ++y) {
    const uint8_t* top = rgba + size_t{2} * y * size_.width * 4;
    const uint8_t* bottom = 2 * y + 1 < size_.height ? top + size_t{size_.width} * 4 : top;
    for (uint32_t x = 0; x < chroma_.width; ++x) {
      const uint32_t left = 8 * x, right = 2 * x + 1 < size_.width ? left + 4 : left;
      float sum[3];
      for (uint32_t c = 0; c < 3; ++c) sum[c] = static_cast<float>(top[left + c] + top[right + c] + bottom[left + c] + bottom[right + c]);
      const float luma = w.r * sum[0] + w.g() * sum[1] + w.b * sum[2];
      *cb++ = to_byte(range.chroma_offset + to_cb * (sum[2] - luma));
      *cr++ = to_byte(range.chroma_offset + to_cr * (sum[0] - luma));
    }
  }
}

void to_rgba(const tsr_video_format& format, const tsr_video_view& view, uint8_t* rgba) {
  const Weights w = weights_of(format.colour.matrix);
  const Range range = range_of(format.bit_depth, format.colour.full_range != 0);
  const uint32_t columns = (format.width + 1) / 2, rows = (format.height + 1) / 2;
  // H.273: 0 left, 1 middle, 2 top left, 3 top, 4 bottom left, 5 bottom.
  const float shift_x = format.chroma_location % 2 == 1 ? 0.5f : 0.0f;
  const float shift_y = format.chroma_location < 2 ? 0.5f : format.chroma_location < 4 ? 0.0f : 1.0f;
  std::vector<Between> across(format.width);
  for (uint32_t x = 0; x < format.width; ++x) across[x] = chroma_at(x, shift_x, columns);
  std::vector<float> chroma[2] = {std::vector<float>(columns), std::vector<float>(columns)};

  for (uint32_t y = 0; y < format.height; ++y) {
    const Between down = chroma_at(y, shift_y, rows);
    for (int p = 0; p < 2; ++p) {
      const void *upper = row_of(view, p + 1, down.first), *lower = row_of(view, p + 1, down.second);
      for (uint32_t x = 0; x < columns; ++x) {
        const float a = sample_of(upper, x, format.bit_depth), b = sample_of(lower, x, format.bit_depth);
        chroma[p][x] = (a + down.share * (b - a) - range.chroma_offset) * (255 / range.chroma_scale);
      }
    }
    const void* luma_row = row_of(view, 0, y);
    for (uint32_t x = 0; x < format.width; ++x, rgba += 4) {
      const float luma = (sample_of(luma_row, x, format.bit_depth) - range.luma_offset) * (255 / range.luma_scale);
      const Between at = across[x];
      const float cb = chroma[0][at.first] + at.share * (chroma[0][at.second] - chroma[0][at.first]);
      const float cr = chroma[1][at.first] + at.share * (chroma[1][at.second] - chroma[1][at.first]);
      rgba[0] = to_byte(luma + 2 * (1 - w.r) * cr);
      rgba[1] = to_byte(luma - (2 * w.b * (1 - w.b) * cb + 2 * w.r * (1 - w.r) * cr) / w.g());
      rgba[2] = to_byte(luma + 2 * (1 - w.b) * cb);
      rgba[3] = 255;
    }
  }
}

}  // namespace tessera::frei0r
