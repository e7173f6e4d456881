// Pictures in 4:2:0 as the video network sees them: chroma stays at its own resolution, and nothing is converted.
#pragma once

#include <ATen/ATen.h>

namespace tessera::models {

inline constexpr int64_t kVideoAlign = 16;      // picture sides are padded to this
inline constexpr int64_t kPatchSamples = 96;    // of an 8x8 luma square: 64 luma, 16 Cb, 16 Cr

// A batch of pictures, float32, samples / (2^depth - 1): y [B,1,H,W], uv [B,2,H/2,W/2].
struct Planes {
  at::Tensor y, uv;
  int64_t batch() const { return y.size(0); }
  int64_t height() const { return y.size(2); }
  int64_t width() const { return y.size(3); }
};

// H and W multiples of 8 -> [B,H/8,W/8,96]: luma in rows of 8, then Cb and Cr in rows of 4.
at::Tensor to_patches(const Planes& picture);
Planes from_patches(const at::Tensor& patches);
// Patches of the picture minus 1/2; and those with the patches of the picture minus its prediction behind them, [B,H/8,W/8,192].
at::Tensor centred_patches(const Planes& picture);
at::Tensor paired_patches(const Planes& picture, const Planes& moved);

// Repeats the last row and column until the sides are multiples of kVideoAlign. Odd sizes: chroma has (W+1)/2 columns.
Planes pad_planes(const Planes& picture);
// The top left width x height samples.
Planes crop_planes(const Planes& picture, int64_t height, int64_t width);

// Frame i of a batch of clips kept as [B,T,...] tensors.
Planes frame_of(const Planes& clips, int64_t i);

}  // namespace tessera::models
