#include "models/inr/video/video_network.h"

#include <cmath>

#include "models/inr/parameter_coding.h"
#include "models/inr/symbol_coder.h"

namespace tessera::models::inr {
namespace {

// Calls work(index, channel, mean in sixteenths) for every number of an embedding.
template <class Work>
bool for_each(const VideoNetwork& network, size_t count, const Embedding* before, Work work) {
  const size_t area = count / static_cast<size_t>(network.config.embedding);
  for (size_t i = 0; i < count; ++i) {
    const ChannelCode& code = network.channels[i / area];
    const int32_t mean = before != nullptr ? int32_t{(*before)[i]} * code.weight : 0;
    if (!work(i, i / area, mean)) return false;
  }
  return true;
}

}  // namespace

float VideoPart::unit() const { return std::exp2(static_cast<float>(step) * -0.25f); }

std::vector<float> VideoNetwork::floats() const {
  std::vector<float> out;
  out.reserve(static_cast<size_t>(parameter_count(config)));
  for (const VideoPart& part : parts) {
    const float unit = part.unit();
    for (const int32_t v : part.values) out.push_back(static_cast<float>(v) * unit);
  }
  return out;
}

std::vector<std::byte> code_parameters(const VideoNetwork& network, std::span<const uint8_t> scales) {
  std::vector<const std::vector<int32_t>*> parts;
  for (const VideoPart& p : network.parts) parts.push_back(&p.values);
  return code_parts(parts, scales);
}

Status decode_parameters(std::span<const std::byte> bytes, std::span<const uint8_t> scales, VideoNetwork& network) {
  std::vector<std::vector<int32_t>*> parts;
  for (const PartInfo& info : parts_of(network.config)) {
    VideoPart& part = network.parts[parts.size()];
    part.values.resize(static_cast<size_t>(info.count));
    parts.push_back(&part.values);
  }
  return decode_parts(bytes, scales, parts);
}

std::vector<std::byte> code_embedding(const VideoNetwork& network, const Embedding& values, const Embedding* before) {
  SymbolEncoder coder;
  for_each(network, values.size(), before, [&](size_t i, size_t channel, int32_t mean) {
    const ChannelCode& code = network.channels[channel];
    coder.put(values[i], before != nullptr ? code.other_scale : code.first_scale, mean);
    return true;
  });
  return coder.finish();
}

Status decode_embedding(std::span<const std::byte> bytes, const VideoNetwork& network, const Embedding* before, Embedding& values) {
  SymbolDecoder coder(bytes);
  const bool good = for_each(network, values.size(), before, [&](size_t i, size_t channel, int32_t mean) {
    const ChannelCode& code = network.channels[channel];
    const auto value = coder.get(before != nullptr ? code.other_scale : code.first_scale, mean);
    if (value) values[i] = static_cast<int16_t>(*value);
    return value.has_value();
  });
  if (!good) return {ErrorCode::corrupt, "a number of an embedding is out of range"};
  if (!coder.at_end()) return {ErrorCode::corrupt, "an embedding is damaged"};
  return {};
}

double choose_scales(VideoNetwork& network, const std::vector<Embedding>& embeddings) {
  double total = 0;
  const size_t channels = network.channels.size();
  for (size_t c = 0; c < channels; ++c) {
    double best[2] = {-1, -1};
    for (int scale = 0; scale < kScales; ++scale) {
      SymbolCounter counters[2];
      for (size_t t = 0; t < embeddings.size(); ++t) {
        const size_t area = embeddings[t].size() / channels;
        for (size_t i = c * area; i < (c + 1) * area; ++i) {
          counters[t > 0].put(embeddings[t][i], scale, t > 0 ? int32_t{embeddings[t - 1][i]} * network.channels[c].weight : 0);
        }
      }
      for (const int other : {0, 1}) {
        if (best[other] >= 0 && counters[other].bits() >= best[other]) continue;
        best[other] = counters[other].bits();
        (other != 0 ? network.channels[c].other_scale : network.channels[c].first_scale) = static_cast<uint8_t>(scale);
      }
    }
    total += best[0] + best[1];
  }
  return total;
}

}  // namespace tessera::models::inr
