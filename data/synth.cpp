#include "data/synth.h"

#include <algorithm>
#include <iterator>

namespace tessera::media {
namespace {

// All arithmetic is on integers, so that no library or compiler changes a sample. Values are in 0..65535.
constexpr uint32_t kOne = 65535;

// A well-mixed function of its arguments (finaliser of MurmurHash3).
uint32_t hash(uint32_t x, uint32_t y, uint32_t seed) {
  uint32_t h = x * 0x9E3779B1u ^ (y * 0x85EBCA77u + seed * 0xC2B2AE3Du);
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  return h ^ h >> 16;
}

// Half a cosine wave by a parabola a side: phase in 0..65535 for a full turn, result in 0..65535.
uint32_t wave(uint32_t phase) {
  const int64_t t = static_cast<int64_t>(phase & 0xFFFF) - 32768;  // -32768..32767
  const int64_t u = t < 0 ? t + 16384 : 16384 - t;                 // triangle, -16384..16384
  const int64_t s = u * (32768 - (u < 0 ? -u : u)) / 16384;        // parabola, -16384..16384
  return static_cast<uint32_t>((s + 16384) * kOne / 32768);
}

uint32_t lerp(uint32_t a, uint32_t b, uint32_t t) {  // t: 0..65536
  return static_cast<uint32_t>((uint64_t{a} * (65536 - t) + uint64_t{b} * t) >> 16);
}

// Noise on a lattice of 2^shift pixels, interpolated smoothly.
uint32_t value_noise(uint32_t x, uint32_t y, uint32_t shift, uint32_t seed) {
  const auto at = [&](uint32_t i, uint32_t j) { return hash(i, j, seed + shift * 977) >> 16; };
  const auto smooth = [&](uint32_t v) {
    const uint64_t t = (uint64_t{v & ((1u << shift) - 1)} << 16) >> shift;
    return static_cast<uint32_t>(t * t * (3 * 65536 - 2 * t) >> 32);
  };
  const uint32_t i = x >> shift, j = y >> shift, tx = smooth(x), ty = smooth(y);
  return lerp(lerp(at(i, j), at(i + 1, j), tx), lerp(at(i, j + 1), at(i + 1, j + 1), tx), ty);
}

// Octaves whose power falls a little with the frequency, as in photographs; then more contrast.
uint32_t fractal(uint32_t x, uint32_t y, uint32_t seed) {
  constexpr int64_t kWeights[] = {4, 6, 8, 12, 16, 24, 32, 40, 48};  // wavelengths of 1, 2, ... 256 pixels
  int64_t sum = 0, weight = 0;
  for (uint32_t shift = 0; shift < std::size(kWeights); ++shift) {
    sum += kWeights[shift] * (int64_t{value_noise(x, y, shift, seed)} - 32768);
    weight += kWeights[shift];
  }
  return static_cast<uint32_t>(std::clamp<int64_t>(32768 + 2 * sum / weight, 0, kOne));
}

struct Place {
  uint32_t x, y, width, height, channel, seed;
};

uint32_t gradient(const Place& p) {
  const uint64_t h = uint64_t{p.x} * kOne / std::max(1u, p.width - 1);
  const uint64_t v = uint64_t{p.y} * kOne / std::max(1u, p.height - 1);
  return static_cast<uint32_t>(p.channel == 0 ? h : p.channel == 1 ? v : (h + v) / 2);
}

uint32_t zone_plate(const Place& p) {
  const int64_t x = static_cast<int64_t>(p.x) - p.width / 2, y = static_cast<int64_t>(p.y) - p.height / 2;
  // The phase step from one pixel to the next reaches half a turn at the nearer edge.
  const int64_t reach = std::max<int64_t>(1, std::min(p.width, p.height));
  return wave(static_cast<uint32_t>((x * x + y * y) * 32768 / reach + p.channel * 21845));
}

uint32_t text(const Place& p) {
  const uint32_t line = p.y / 12, column = p.x / 7;
  const bool between = p.y % 12 >= 9 || p.x % 7 >= 6;
  const bool blank = hash(column, line, p.seed) % 6 == 0;  // between words
  const bool ink = hash(p.x / 2, p.y / 2, p.seed + 1) % 2 == 0;
  return between || blank || !ink ? kOne : p.channel * kOne / 8;
}

uint32_t noise(const Place& p) { return hash(p.x, p.y, p.seed * 4 + p.channel) >> 16; }

uint32_t photo(const Place& p) {
  const uint32_t luma = fractal(p.x, p.y, p.seed);
  const uint32_t tint = value_noise(p.x, p.y, 7, p.seed + 31 * (p.channel + 1));
  return (luma * 3 + tint) / 4;
}

// Opaque inside, clear outside, with an edge some pixels wide.
uint32_t disc(const Place& p) {
  const int64_t x = 2 * static_cast<int64_t>(p.x) - p.width, y = 2 * static_cast<int64_t>(p.y) - p.height;
  const int64_t radius = std::max(2u, std::min(p.width, p.height));
  const int64_t inside = radius * radius - x * x - y * y;
  return static_cast<uint32_t>(std::clamp<int64_t>(inside * kOne / (8 * radius) + kOne / 2, 0, kOne));
}

}  // namespace

const char* synth_name(SynthKind kind) {
  constexpr const char* kNames[] = {"gradient", "zone_plate", "text", "noise", "photo"};
  return kNames[static_cast<int>(kind)];
}

Picture synth_picture(SynthKind kind, uint32_t width, uint32_t height, uint32_t channels, uint32_t bit_depth,
                      uint32_t seed) {
  constexpr uint32_t (*kMakers[])(const Place&) = {gradient, zone_plate, text, noise, photo};
  const auto maker = kMakers[static_cast<int>(kind)];
  Picture picture = make_picture(width, height, channels, bit_depth);
  const uint64_t top = picture.max_value();
  size_t index = 0;
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      for (uint32_t c = 0; c < channels; ++c) {
        const Place place{x, y, width, height, c, seed};
        const bool alpha = picture.has_alpha() && c + 1 == channels;
        const uint32_t value = alpha ? disc(place) : maker(place);
        picture.set(index++, static_cast<uint32_t>((value * top + kOne / 2) / kOne));
      }
    }
  }
  return picture;
}

}  // namespace tessera::media
