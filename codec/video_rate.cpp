#include "codec/video_rate.h"

#include <algorithm>
#include <cmath>

#include "models/video/motion_config.h"

namespace tessera {
namespace {

using models::kQualityPattern;

constexpr int kBest = 63;
constexpr double kSlope = 0.08;            // log2 of the bits a step of quality
constexpr double kStartQuality = 32;       // the first guess: a key frame of quality 32 takes
constexpr double kStartBits = 0.3;         // so many bits a pixel,
constexpr double kStartShare = 0.12;       // and a predicted one this share of it
constexpr double kKeyShare = 0.6;          // of the buffer that a key frame may fill
constexpr double kHorizon = 1.5;           // buffers over which a debt is paid back
constexpr double kLeastShare = 0.1;        // of the bit rate that a debt leaves
constexpr int kRise = 2;                   // steps by which the quality goes up from one frame to the next

}  // namespace

VideoRate::VideoRate(double bit_rate, double frame_rate, double buffer, uint64_t pixels)
    : bit_rate_(bit_rate), frame_rate_(std::max(frame_rate, 1e-3)), buffer_(bit_rate * buffer) {
  const double key = std::log2(kStartBits * static_cast<double>(pixels)) - kSlope * kStartQuality;
  complexity_.fill(key + std::log2(kStartShare));
  complexity_[0] = key;
}

int VideoRate::kind_of(bool key, int bonus) { return key ? 0 : bonus >= 8 ? 1 : bonus >= 4 ? 2 : 3; }

double VideoRate::predicted(int kind, int quality) const { return std::exp2(complexity_[static_cast<size_t>(kind)] + kSlope * quality); }

int VideoRate::quality(bool key, int bonus) {
  const double frames = std::max(8.0, kHorizon * buffer_ / bit_rate_ * frame_rate_);
  const double even = bit_rate_ / frame_rate_;
  const double budget = std::max(kLeastShare * even, even - debt_ / frames);
  int base = 0;
  for (int b = kBest; b > 0; --b) {
    double mean = 0;
    for (const int step : kQualityPattern) mean += predicted(kind_of(false, step), std::min(kBest, b + step)) / std::size(kQualityPattern);
    if (mean > budget) continue;
    base = b;
    break;
  }
  if (last_base_ >= 0 && seen_[0] + seen_[1] + seen_[2] + seen_[3] > std::size(kQualityPattern)) base = std::min(base, last_base_ + kRise);
  base_ = base;
  int quality = std::min(kBest, base + bonus);
  if (!key) return quality;
  const double room = std::max(even, kKeyShare * buffer_ - std::max(0.0, debt_));
  while (quality > 0 && predicted(0, quality) > room) --quality;
  return quality;
}

void VideoRate::learn(bool key, int bonus, int quality, double bits) {
  const auto kind = static_cast<size_t>(kind_of(key, bonus));
  const double error = std::log2(std::max(bits, 1.0)) - kSlope * quality - complexity_[kind];
  const bool first = seen_[kind] == 0;
  complexity_[kind] += (first ? 1.0 : 0.5) * error;
  // A kind that was not seen yet follows the others; predicted frames resemble each other.
  for (size_t k = 0; k < complexity_.size(); ++k) {
    if (k == kind) continue;
    if (seen_[k] == 0) {
      complexity_[k] += (key == (k == 0) || first ? 1.0 : 0.5) * error;
    } else if (!key && k != 0) {
      complexity_[k] += 0.25 * error;
    }
  }
  ++seen_[kind];
  if (!key) last_base_ = base_;
}

void VideoRate::spend(double bits) { debt_ += bits; }

void VideoRate::pass(double seconds) { debt_ = std::max(debt_ - seconds * bit_rate_, -buffer_); }

}  // namespace tessera
