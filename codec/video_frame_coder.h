// One frame of video through the network and the range coder: pictures to payload and back.
//
// The two paths of docs/exactness.md are kept apart: decode_frame() needs packets and the exact state only, frame_latents()
// and frame_picture() nothing of that state, so that the symbols of one frame may be decoded while the picture of the frame before is made.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "codec/transfer.h"
#include "codec/video.h"
#include "models/video/motion_model.h"
#include "models/video/vector_coder.h"

namespace tessera {

// What one packet says. Tensors are on the device unless stated otherwise.
struct FrameSymbols {
  bool key = false, refresh = false;
  bool repeat = false;          // the picture before again: no symbols, nothing but `state` below is set, and that is as it was
  int quality = 0;
  models::VectorField vectors;  // undefined in key frames, and without conditioning
  at::Tensor latents;           // residuals of the means, [1,h,w,M], float32
  at::Tensor feature;           // of the exact network, for the means
  at::Tensor state;             // exact; what the frame leaves to the next one
  uint32_t checksum = 0;        // CRC-32C of vectors, hyperlatents and latents as little-endian int32
  bool checked = false;         // a stored checksum was compared
};

// Decodes the symbols of a frame of height x width (multiples of 16). `state`: as the frame before left it; not used by key frames. `vectors` learns from the
// frame, and forgets at a key frame; where decode_frame() throws, it is of no further use.
// Adds to `report`. Throws Failure (corrupt, unsupported).
FrameSymbols decode_frame(const models::MotionModel& model, std::span<const uint8_t> payload, bool key, const at::Tensor& state, models::VectorCoder& vectors,
                          int64_t height, int64_t width, Device device, VideoReport& report);

// What a frame's picture is made of, once its latents are known.
struct FrameLatents {
  int quality = 0;
  at::Tensor latents, gain;         // as in Motion::Reference
  models::Motion::Context context;  // what the synthesis sees of it
};

// Does a picture need the one before? Not without conditioning (STEM): latents need the last latents, pictures nothing but their own latents, so that
// several can be made at the same time.
inline bool pictures_depend(const models::MotionModel& model) { return model.network.config().conditioning; }

// The first half of a picture: its latents. `before` is what the frame before left, of which `state` is not used; where pictures do not depend on each
// other, latents and gain are enough. Not for repeated frames. Adds to `report`.
FrameLatents frame_latents(const models::MotionModel& model, const FrameSymbols& symbols, const models::Motion::Reference& before, VideoReport& report);
// The second half, which is most of the work. Returns what the frame leaves to the next one, without a state. Adds to `report`.
models::Motion::Reference frame_picture(const models::MotionModel& model, const FrameLatents& frame, VideoReport& report);

// A predicted frame that shows the picture before again.
std::vector<uint8_t> repeat_payload(int quality, bool checksum);

struct FrameOptions {
  bool refresh = false;  // drop the feature of the frame before
  int quality = 32;
  bool checksum = true;
};

// What is known of a frame before it is coded. Of a key frame `vectors` is undefined.
struct FramePlan {
  models::VectorField vectors;
  models::Motion::Context context;
};
FramePlan plan_key_frame(const models::MotionModel& model, int64_t height, int64_t width, int quality, Device device);
// Searches vectors. `effort` 0..9.
FramePlan plan_frame(const models::MotionModel& model, const models::Planes& picture, const models::Motion::Reference& reference, int quality,
                     bool refresh, int effort, VideoReport& report);

// What the network makes of a picture. The symbols lie on the CPU, where they are once `arrivals` has been waited for; vectors are undefined in key frames.
struct CodedFrame {
  FrameOptions options;
  at::Tensor vectors, z, y;                 // int32
  at::Tensor rows_vectors, rows_z, rows_y;  // uint8
  models::Motion::Reference next;
  Arrivals arrivals;
};
// Codes a picture (sides multiples of 16, on the device). Adds to `report`.
CodedFrame encode_frame(const models::MotionModel& model, const models::Planes& picture, const FramePlan& plan, const FrameOptions& options,
                        VideoReport& report);

// The frame as a packet's payload, and the CRC-32C of its symbols. Nothing but the CPU is used, and no libtorch operator: another thread may do it while
// the next frame is made. `vectors` learns from predicted frames, in their order; at a key frame that goes into the stream it has to be reset. Adds to `report`.
struct FramePayload {
  std::vector<uint8_t> bytes;
  uint32_t checksum = 0;
};
FramePayload pack_frame(const models::MotionModel& model, const CodedFrame& frame, models::VectorCoder& vectors, VideoReport& report);

}  // namespace tessera
