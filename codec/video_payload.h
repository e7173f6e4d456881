// The payload of a video packet: its sections taken apart and put together (docs/bitstream.md, section 4.6). No network here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bitstream/sections.h"
#include "bitstream/status.h"

namespace tessera {

struct VideoPayload {
  int quality = 0;                     // 0..63
  bool refresh = false;                // the feature of the frame before is not used; never in a key frame
  std::optional<uint8_t> checksum;     // low byte of the symbols' checksum
  std::span<const uint8_t> coded;      // one range coder's bytes: vectors, hyperlatents and, without `latents`, the latents
  std::optional<bitstream::Latents> latents;  // interleaved rANS
  // A predicted frame without symbols shows the picture before again.
  bool empty() const { return coded.empty() && !latents; }
};

std::vector<uint8_t> write_video_payload(const VideoPayload& payload);
// Errors: corrupt, unsupported.
Result<VideoPayload> read_video_payload(std::span<const uint8_t> payload, bool key);

}  // namespace tessera
