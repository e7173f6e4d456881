#include "apps/tessera-train/video_evaluate.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "apps/tessera-train/video_recipe.h"
#include "models/still_model.h"
#include "models/video/motion_search.h"
#include "models/video/vector_coder.h"

namespace tessera::train {
namespace {

using models::Motion;
using models::Planes;

constexpr int kReach = 1023;  // larger symbols are priced as this one

at::Tensor costs_of(const entropy::CdfTable& table, at::Device device) {
  std::vector<float> bits;
  for (int row = 0; row < table.rows(); ++row) {
    for (int s = -kReach; s <= kReach; ++s) bits.push_back(static_cast<float>(table.bits(row, s)));
  }
  return at::tensor(bits).reshape({table.rows(), 2 * kReach + 1}).to(device);
}

double psnr_of(const at::Tensor& a, const at::Tensor& b) {
  const double mse = (at::round(a * 255) - b * 255).square().mean().item<double>();
  return 10 * std::log10(65025.0 / std::max(mse, 1e-2));  // at most 68 dB
}

double mixed_bits(models::VectorCoder& coder, const Motion::Frame& f) {
  const at::Tensor rows = at::floor(f.vector_rows + 0.5).to(at::kByte).cpu().contiguous(), symbols = f.vector_symbols.to(at::kInt).cpu().contiguous();
  const auto count = static_cast<size_t>(symbols.numel());
  return coder.count(symbols.size(1), symbols.size(2), {rows.const_data_ptr<uint8_t>(), count}, {symbols.const_data_ptr<int32_t>(), count});
}

}  // namespace

TableCosts::TableCosts(const Motion& network, at::Device device) {
  const models::ScaleRows& scales = network.config().scales;
  const double laplace = 1 / (1 + std::exp(-static_cast<double>(network.blend().detach().cpu().item<float>())));
  const auto rows = models::symbol_rows(scales, laplace);
  skip_below_ = std::clamp(static_cast<int>(std::ceil(scales.row_of(models::kSkipSigma))), 0, static_cast<int>(scales.rows));
  std::string error;
  const auto latents = entropy::CdfTable::create(models::kTablePrecision, rows, skip_below_, &error);
  const auto hyper = entropy::CdfTable::create(models::kTablePrecision, rows, 0, &error);
  const auto vectors = entropy::CdfTable::create(entropy::kMaxPrecision, models::vector_rows(), 0, &error);
  if (!latents || !hyper || !vectors) throw std::runtime_error("the network's probability rows are invalid: " + error);
  latents_ = costs_of(*latents, device);
  hyper_ = costs_of(*hyper, device);
  vectors_ = costs_of(*vectors, device);
}

double TableCosts::bits(const at::Tensor& table, const at::Tensor& symbols, const at::Tensor& rows) {
  const at::Tensor column = symbols.clamp(-kReach, kReach).to(at::kLong) + kReach;
  const at::Tensor row = at::floor(rows + 0.5).to(at::kLong);  // rows are fractions where rounding is off
  return table.reshape({-1}).index_select(0, (row * (2 * kReach + 1) + column).reshape({-1})).to(at::kDouble).sum().item<double>();
}

ClipResult evaluate_clip(const Motion& network, const VideoClips& clips, int64_t clip, const TableCosts& costs, const EvaluateOptions& options) {
  const at::NoGradGuard no_grad;
  ClipResult r;
  r.frames = clips.frames_of(clip);
  if (options.frames > 0) r.frames = std::min(r.frames, options.frames);
  const int64_t height = clips.height_of(clip), width = clips.width_of(clip);
  Motion::Reference reference;
  std::vector<double> luma;
  models::VectorCoder vector_coder;
  for (int64_t t = 0; t < r.frames; ++t) {
    const Planes whole = clips.frame(clip, t), x = models::pad_planes(whole);
    const int quality = std::min(63, options.quality + kQualityPattern[t % 8]);
    models::Level level = models::Level::of(quality, x.y.options());
    if (!options.frozen) level.index = -1;
    models::VectorField vectors;
    if (t > 0) {
      const double penalty = network.config().vector_weight() / std::sqrt(network.lambda(level.q).item<double>());
      vectors = models::search_vectors(x.y, reference.picture.y, at::full({1, 1, 1}, penalty, x.y.options()), {.interpolation = network.config().interpolation});
      if (options.refresh > 0 && t % options.refresh == 0) reference.feature = at::Tensor();
    }
    const Motion::Frame f = network.code(x, reference, vectors, level, {.noise = false, .mode = options.mode, .skip_below = costs.skip_below()});
    const double hyper = costs.hyperlatents(f.hyper_symbols, f.hyper_rows);
    const double side = !f.vector_symbols.defined() ? 0.0 : network.config().vector_coding == models::VectorCoding::mixed ? mixed_bits(vector_coder, f) : costs.vectors(f.vector_symbols, f.vector_rows);
    const double bits = hyper + side + costs.latents(f.symbols, f.rows);
    r.bits += bits;
    r.hyper_bits += hyper;
    r.vector_bits += side;
    if (t == 0) r.key_bits = bits;
    const Planes decoded = models::crop_planes(f.next.picture, height, width);
    luma.push_back(psnr_of(decoded.y, whole.y));
    r.psnr_y += luma.back();
    r.psnr_u += psnr_of(decoded.uv.select(1, 0), whole.uv.select(1, 0));
    r.psnr_v += psnr_of(decoded.uv.select(1, 1), whole.uv.select(1, 1));
    reference = f.next;
  }
  const double n = static_cast<double>(r.frames);
  r.psnr_y /= n;
  r.psnr_u /= n;
  r.psnr_v /= n;
  r.bpp = r.bits / (n * static_cast<double>(height * width));
  const size_t tail = (luma.size() + 7) / 8;
  for (size_t i = luma.size() - tail; i < luma.size(); ++i) r.last_y += luma[i] / static_cast<double>(tail);
  return r;
}

}  // namespace tessera::train
