// One tile of a picture through the `still` network and the range coder: pixels to payload and back.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/sections.h"
#include "codec/tessera.h"
#include "models/still_model.h"

namespace tessera {

// Latent symbols are within +-kLatentMax: what a float's rounding errors are small against.
inline constexpr int32_t kLatentMax = 32767;

at::Device torch_device(Device device);

struct TileResult {
  std::vector<uint8_t> hyperlatents;  // section contents
  std::vector<uint8_t> latents;
  uint32_t checksum = 0;              // CRC-32C of hyperlatents, then latents, as little-endian int32
};

// x [1,H,W,3] in 0..1 on the device, sides multiples of 64. Adds to `report`. refine: iterations of rate-distortion optimisation of the latents.
TileResult encode_tile(const models::StillModel& model, const at::Tensor& x, int quality, Device device, int refine, Report& report);

// The symbols alone, proved against `checksum` when there is one. Throws Failure (corrupt, truncated).
struct TileSymbols {
  at::Tensor latents;  // int32 [1,H/16,W/16,M] on the CPU
  at::Tensor feature;  // of the hyper-synthesis, on the device
  uint32_t checksum = 0;
};
TileSymbols decode_symbols(const models::StillModel& model, int64_t height, int64_t width, std::span<const bitstream::Section> sections, int quality,
                           Device device, Report& report);

// -> [1,H,W,3] float32 on the device, not clamped.
at::Tensor synthesise_tile(const models::StillModel& model, const TileSymbols& symbols, int quality, Device device, Report& report);

}  // namespace tessera
