// What an overfitted network for a group of frames looks like (docs/overfit_video.md). No libtorch here.
//
// Every frame has an embedding of whole numbers; the network, shared by the group, turns it into the frame: stages that double both sides (a
// convolution and a pixel shuffle), then a convolution to four luma and two chroma samples of each 2 x 2 square. All of the ideas beyond
// plain HNeRV can be left out one by one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/inr/config.h"

namespace tessera::models::inr {

inline constexpr int kMaxStages = 6, kMaxEmbedding = 32, kMaxGroup = 255, kMaxFrequencies = 8, kMaxTimeWidth = 64;
inline constexpr int kMaxLastChannels = 64, kMaxChannels = 256;  // of the last stage, which doubles for each stage before it; of any
inline constexpr int64_t kMaxVideoParameters = int64_t{1} << 22;
inline constexpr double kMaxVideoMacs = 20000;  // a luma sample

struct Stage {
  int channels = 16;  // behind the stage, a multiple of 4
  int kernel = 3;     // 1, 3 or 5
  bool operator==(const Stage&) const = default;
};

struct VideoConfig {
  int embedding = 8;       // channels
  int frames = 8;          // of the group
  std::vector<Stage> stages;
  bool sine = true;        // activations are sines instead of x sigmoid(1.702 x)  (boosted NeRV)
  bool affine = true;      // time scales and shifts each channel before the activation  (boosted NeRV's temporal-aware affine transform)
  bool separable = true;   // a depthwise and a pointwise convolution with a residual path behind each stage  (NeRV++)
  bool skip = true;        // a bilinear path past each stage's convolution  (NeRV++)
  int frequencies = 4, time_width = 8;  // of the affine transform's network
  bool operator==(const VideoConfig&) const = default;

  int channels_before(size_t stage) const { return stage == 0 ? embedding : stages[stage - 1].channels; }
  int affine_channels() const;  // of all stages
  double macs() const;          // multiply-adds a luma sample of decoding, sides that are multiples of all strides taken for granted
};

enum class PartKind : uint8_t {
  time_first,   // [T][2 F]: sin and cos of pi 2^f t, f by f
  time_second,  // [2 A][T]: for each stage its channels' scales, then its shifts
  convolution,  // [4 C][C'][K][K]; output 4 c + 2 dy + dx
  skip,         // [C][C']
  depthwise,    // [C][3][3]
  pointwise,    // [C][C]
  head,         // [6][C][3][3]: luma (0,0) (0,1) (1,0) (1,1), Cb, Cr
  biases        // time [T]; for each stage convolution [4 C], depthwise [C], pointwise [C]; head [6]
};

struct PartInfo {
  PartKind kind;
  int stage;      // of the kinds that belong to one, otherwise 0
  int64_t count;
};

// In storage order.
std::vector<PartInfo> parts_of(const VideoConfig& config);
int64_t parameter_count(const VideoConfig& config);

// A sentence about what is wrong with the configuration, or nothing.
std::optional<std::string> problem(const VideoConfig& config);

// Sizes, of chroma samples, before the first stage and behind each: picture sides of height x width luma samples.
std::vector<GridShape> stage_shapes(const VideoConfig& config, int64_t height, int64_t width);

}  // namespace tessera::models::inr
