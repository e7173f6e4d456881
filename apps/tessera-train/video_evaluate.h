// Rate and quality of a video network on whole clips: one key frame, then predicted frames to the end; rounded latents, the bits of the
// integer tables that streams are coded with (headers and checksums excluded), decoded pictures rounded to 8 bits.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "apps/tessera-train/clips.h"
#include "models/video/motion.h"

namespace tessera::train {

// Bits of every symbol of every row, as a lookup on the device.
class TableCosts {
 public:
  TableCosts(const models::Motion& network, at::Device device);
  int skip_below() const { return skip_below_; }
  // Sums over everything, of symbols (integers) under rows (integers).
  double latents(const at::Tensor& symbols, const at::Tensor& rows) const { return bits(latents_, symbols, rows); }
  double hyperlatents(const at::Tensor& symbols, const at::Tensor& rows) const { return bits(hyper_, symbols, rows); }
  double vectors(const at::Tensor& symbols, const at::Tensor& rows) const { return bits(vectors_, symbols, rows); }

 private:
  static double bits(const at::Tensor& table, const at::Tensor& symbols, const at::Tensor& rows);

  at::Tensor latents_, hyper_, vectors_;  // [rows, 2 * reach + 1]
  int skip_below_ = 0;
};

struct ClipResult {
  int64_t frames = 0;
  double bits = 0, vector_bits = 0, hyper_bits = 0, key_bits = 0;
  double bpp = 0;             // of luma samples
  double psnr_y = 0, psnr_u = 0, psnr_v = 0;  // dB, means over the frames
  double last_y = 0;          // mean over the last eighth of the frames: decay shows here
  double psnr() const { return (6 * psnr_y + psnr_u + psnr_v) / 8; }
};

struct EvaluateOptions {
  int quality = 32;             // 0..63, of the frames without a bonus (kQualityPattern)
  int64_t frames = 0;           // at most; 0: all
  bool frozen = false;          // the network has been loaded, its exact layers are integers
  models::exact::Mode mode = models::exact::Mode::quantised;
  int64_t refresh = 32;         // every so many frames the feature is dropped; 0: never
};

ClipResult evaluate_clip(const models::Motion& network, const VideoClips& clips, int64_t clip, const TableCosts& costs, const EvaluateOptions& options);

}  // namespace tessera::train
