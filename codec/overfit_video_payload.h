// Payloads of overfitted video (docs/bitstream.md, section 4.8) to symbols and back. No libtorch here. A group's first packet, the key packet,
// carries the network; every packet carries its frame's embedding.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codec/video.h"
#include "models/inr/video/video_synthesis.h"

namespace tessera {

// What one packet says.
struct OverfitVideoFrame {
  std::shared_ptr<const models::inr::VideoNetwork> network;      // of the group
  std::shared_ptr<const models::inr::VideoSynthesis> synthesis;  // likewise; none when no pictures are wanted
  models::inr::Embedding values;
  int index = 0;          // in the group
  int quality = 0;
  uint32_t checksum = 0;  // CRC-32C of the parameters (key packets), then the embedding, as 16-bit little-endian integers
  bool checked = false;   // a stored checksum was compared
};

// `before`: the frame before, not used by key packets. Adds to `report`. Throws Failure (corrupt, unsupported).
OverfitVideoFrame read_overfit_frame(std::span<const uint8_t> payload, bool key, const OverfitVideoFrame* before, uint32_t height, uint32_t width, bool pictures,
                                     VideoReport& report);

// The configuration that a key packet's payload has. Throws Failure.
models::inr::VideoConfig read_overfit_video_config(std::span<const uint8_t> payload);

struct OverfitVideoPacket {
  std::vector<uint8_t> payload;
  uint32_t checksum = 0;
};

// One payload a frame of a group; the network's channel codes are chosen already.
std::vector<OverfitVideoPacket> write_overfit_group(const models::inr::VideoNetwork& network, const std::vector<models::inr::Embedding>& embeddings, int quality,
                                                    bool checksum);

}  // namespace tessera
