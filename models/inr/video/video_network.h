// The quantised parameters of a group of frames, their embeddings, and how both travel. Exact: integers only.
//
// A parameter is a whole number times 2^(-step / 4) of its part, an embedding's number is that number times kEmbeddingUnit. An embedding is
// predicted from the one before, channel by channel, by a weight in sixteenths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/status.h"
#include "models/inr/video/video_config.h"

namespace tessera::models::inr {

inline constexpr int kMaxStep = 80;
inline constexpr float kEmbeddingUnit = 0.25f;
inline constexpr int kWholeWeight = 16;  // of the prediction

struct VideoPart {
  int step = 24;                // 0..kMaxStep
  std::vector<int32_t> values;  // |value| <= kMaxParameter
  float unit() const;
};

// How a channel of the embeddings is coded.
struct ChannelCode {
  uint8_t weight = kWholeWeight;                // 0..kWholeWeight: of the embedding before
  uint8_t first_scale = 32, other_scale = 32;   // rows of LaplaceTable: of the group's first frame, of the others
  bool operator==(const ChannelCode&) const = default;
};

struct VideoNetwork {
  VideoConfig config;
  std::vector<VideoPart> parts;         // as parts_of() says
  std::vector<ChannelCode> channels;    // config.embedding

  // All parameters as floats, part after part.
  std::vector<float> floats() const;
};

using Embedding = std::vector<int16_t>;  // [channels][height][width] of stage_shapes()[0]

// Parameters with each part's scale.
std::vector<std::byte> code_parameters(const VideoNetwork& network, std::span<const uint8_t> scales);
// The network needs a configuration without problem(). Error: corrupt.
Status decode_parameters(std::span<const std::byte> bytes, std::span<const uint8_t> scales, VideoNetwork& network);

// `before`: the embedding of the frame before, or nothing for the group's first.
std::vector<std::byte> code_embedding(const VideoNetwork& network, const Embedding& values, const Embedding* before);
// `values` has the right size. Error: corrupt.
Status decode_embedding(std::span<const std::byte> bytes, const VideoNetwork& network, const Embedding* before, Embedding& values);

// The scales of the channels that cost the fewest bits for these embeddings, the weights as they are. Returns the bits.
double choose_scales(VideoNetwork& network, const std::vector<Embedding>& embeddings);

}  // namespace tessera::models::inr
