// Video by overfitted networks (model "overfit-video", docs/overfit_video.md): symbols to pictures, and groups of frames to payloads.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bitstream/header.h"
#include "codec/overfit_video_payload.h"
#include "codec/video.h"
#include "models/inr/video/video_fit.h"
#include "models/video/planes.h"

namespace tessera {

inline constexpr const char* kOverfitVideo = "overfit-video";  // its hash is 0, and no weights are installed for it
inline constexpr uint32_t kOverfitVideoRevision = 1;
inline constexpr uint32_t kOverfitGroup = 16;                  // frames of a group, unless keyint says otherwise

// --- decoding (reading: codec/overfit_video_payload.h) ---

// Errors: unsupported (another revision). Peak bytes of decoding are those of overfit_video_memory().
Status check_overfit_video(const bitstream::FileHeader& header);
uint64_t overfit_video_memory(const bitstream::PictureInfo& picture);

// Planes with sides that are even.
models::Planes paint_overfit_frame(const OverfitVideoFrame& frame, Device device, VideoReport& report);

// --- encoding ---

// Ideas that the encoder uses: sine, affine, separable, skip, even (parameters evenly over the stages), warm (start from the group before), entropy (bits in the
// loss), rounding (the second phase). The defaults are what measured best (docs/results/overfit.md). A list with commas changes them: a name leaves an idea out,
// +name takes it in, plain stands for the first four and warm.
struct OverfitVideoIdeas {
  bool sine = true, affine = false, separable = true, skip = false, even = true, warm = true, entropy = true, rounding = true;
  // Error: invalid_argument.
  static Result<OverfitVideoIdeas> changed(const std::string& list);
};

// A network for pictures of that size, with about as many parameters as suit the quality.
models::inr::VideoConfig overfit_video_config(uint32_t height, uint32_t width, int frames, int quality, const OverfitVideoIdeas& ideas);

// Steps of training of a stream's first group at an effort of 0..9; groups after it take half as many.
int64_t overfit_video_steps(int effort);

class OverfitVideoGroups {
 public:
  OverfitVideoGroups(const VideoEncoderOptions& options, const OverfitVideoIdeas& ideas) : options_(options), ideas_(ideas) {}

  // Trains the network of the next group, 1 to 255 frames with sides as padded_side() makes them, and codes it.
  // Throws Failure.
  std::vector<OverfitVideoPacket> code(const std::vector<models::Planes>& frames, VideoReport& report);

 private:
  const VideoEncoderOptions& options_;
  OverfitVideoIdeas ideas_;
  std::unique_ptr<models::inr::VideoFit> last_;
  std::vector<models::inr::Stage> stages_;  // of the first group: all have the same network
};

}  // namespace tessera
