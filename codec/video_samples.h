// Between a caller's planes and the network's.
#pragma once

#include <cstdint>
#include <vector>

#include "codec/video.h"
#include "models/video/planes.h"

namespace tessera {

// The picture's sides, padded for the network.
inline int64_t padded_side(uint32_t side) { return (int64_t{side} + models::kVideoAlign - 1) / models::kVideoAlign * models::kVideoAlign; }

// -> float32 on the device, 0..1, the last row and column repeated up to the padded sides. The same numbers on all devices.
models::Planes planes_of(const VideoFrameView& frame, const VideoFormat& format, Device device = Device::cpu);
// The same with tensor operators, for a GPU: it gets the samples' bytes, and makes the numbers itself.
models::Planes planes_by_operators(const VideoFrameView& frame, const VideoFormat& format, at::Device device);

// Planes Y, Cb, Cr one after the other, rounded; whatever is out of range, or no number, is clamped.
std::vector<uint8_t> samples_of(const models::Planes& picture, const VideoFormat& format);

// A picture of middle grey, for what cannot be concealed by anything else.
std::vector<uint8_t> grey_samples(const VideoFormat& format);

}  // namespace tessera
