// Packet-loss concealment: what is lost is continued from the frames before it, in mirrored order, and faded out; the
// beginning of the next packet fades in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera {

class Concealment {
 public:
  Concealment() = default;
  Concealment(double sample_rate, int64_t dim);

  // Latents [n,D] of a packet that arrived.
  void remember(std::span<const float> latents);
  // Latents [frames,D] for one that did not.
  std::vector<float> extrapolate(int64_t frames);
  // Samples `start` .. start + count of the stream were lost.
  void lose(uint64_t start, uint64_t count);
  // Applies the fades to decoded samples: `channels` interleaved, `first` the place of the first one; what was lost sounds `delay`
  // samples later.
  void fade(std::span<float> samples, size_t channels, uint64_t first, uint64_t delay);

 private:
  struct Range {
    uint64_t start, end;
  };
  float gain(const Range& range, uint64_t time) const;

  uint64_t hold_ = 0, out_ = 1, in_ = 1;  // samples: at full volume, fading out, fading in
  int64_t dim_ = 0;
  std::vector<float> last_;    // [n,D], the newest frames
  int64_t continued_ = 0;      // frames extrapolated since the last packet
  std::vector<Range> ranges_;  // in order; neighbours are joined
};

}  // namespace tessera
