#include "codec/concealment.h"

#include <algorithm>

namespace tessera {
namespace {

constexpr double kHold = 0.020, kOut = 0.080, kIn = 0.005;  // seconds
constexpr int64_t kKept = 12;                                // frames to mirror

}  // namespace

Concealment::Concealment(double sample_rate, int64_t dim)
    : hold_(static_cast<uint64_t>(kHold * sample_rate)),
      out_(static_cast<uint64_t>(kOut * sample_rate) + 1),
      in_(static_cast<uint64_t>(kIn * sample_rate) + 1),
      dim_(dim) {}

void Concealment::remember(std::span<const float> latents) {
  const auto kept = std::min(latents.size(), static_cast<size_t>(kKept * dim_));
  last_.insert(last_.end(), latents.end() - static_cast<ptrdiff_t>(kept), latents.end());
  const auto most = static_cast<size_t>(kKept * dim_);
  if (last_.size() > most) last_.erase(last_.begin(), last_.end() - static_cast<ptrdiff_t>(most));
  continued_ = 0;
}

std::vector<float> Concealment::extrapolate(int64_t frames) {
  const auto dim = static_cast<size_t>(dim_);
  std::vector<float> latents(static_cast<size_t>(frames) * dim, 0.f);
  const int64_t have = static_cast<int64_t>(last_.size()) / dim_;
  if (have == 0) return latents;  // lost from the start on: silence
  for (int64_t t = 0; t < frames; ++t, ++continued_) {
    // Back and forth over the last frames: repeating one of them would buzz.
    const int64_t place = continued_ % (2 * have), back = place < have ? place : 2 * have - 1 - place;
    std::copy_n(last_.end() - static_cast<ptrdiff_t>(static_cast<size_t>(back + 1) * dim), dim, latents.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(t) * dim));
  }
  return latents;
}

void Concealment::lose(uint64_t start, uint64_t count) {
  if (!ranges_.empty() && ranges_.back().end == start) {
    ranges_.back().end += count;
  } else {
    ranges_.push_back({start, start + count});
  }
}

float Concealment::gain(const Range& range, uint64_t time) const {
  if (time >= range.end) return static_cast<float>(time - range.end) / static_cast<float>(in_);
  const uint64_t since = time - range.start;
  if (last_.empty() || since >= hold_ + out_) return 0;
  return since < hold_ ? 1.f : 1 - static_cast<float>(since - hold_) / static_cast<float>(out_);
}

void Concealment::fade(std::span<float> samples, size_t channels, uint64_t first, uint64_t delay) {
  const uint64_t count = samples.size() / channels;
  // What has been passed completely is of no use any more; the last range may still grow.
  while (ranges_.size() > 1 && ranges_.front().end + in_ + delay <= first) ranges_.erase(ranges_.begin());
  for (const Range& range : ranges_) {
    const uint64_t from = std::max(range.start + delay, first), to = std::min(range.end + in_ + delay, first + count);
    for (uint64_t t = from; t < to; ++t) {
      const float g = gain(range, t - delay);
      for (size_t c = 0; c < channels; ++c) samples[(t - first) * channels + c] *= g;
    }
  }
}

}  // namespace tessera
