#include "apps/tessera-exactness/search.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>

#include "apps/tessera-exactness/clips.h"
#include "models/device.h"
#include "models/parallel.h"
#include "models/video/cpu_search.h"
#include "models/video/motion_search.h"
#include "models/video/vectors.h"

#ifdef TESSERA_WITH_CUDA
#include "models/cuda/register.h"
#endif

namespace tessera::exactness {
namespace {

using models::SearchOptions;
using models::VectorField;
using Clock = std::chrono::steady_clock;
using Find = std::function<VectorField(const at::Tensor&, const at::Tensor&, const at::Tensor&)>;

// [frames,1,H,W] in 0..1, cut to multiples of 16.
at::Tensor luma_of(const Clip& clip) {
  std::vector<at::Tensor> frames;
  const int64_t h = clip.height, w = clip.width;
  for (const auto& frame : clip.frames) {
    frames.push_back(at::from_blob(const_cast<uint8_t*>(frame.data()), {1, h, w}, at::kByte).narrow(1, 0, h / 16 * 16).narrow(2, 0, w / 16 * 16).to(at::kFloat) / 255);
  }
  return at::stack(frames).contiguous();
}

double bits_of(const VectorField& f) {
  const at::Tensor residual = (f.coarse - models::predict_vectors(f.coarse)).abs(), delta = f.delta.abs();
  return (at::log2(residual + 1) * 2 + 0.5).sum().item<double>() + (at::log2(delta + 1) * 2 + delta.ne(0) * 2.5 + 0.1).sum().item<double>();
}

// The vectors of all frames, in order; prints a line.
std::vector<VectorField> measure(const char* name, const at::Tensor& luma, double penalty, models::Interpolation kind, const Find& find) {
  const at::Tensor price = at::full({1, 1, 1}, penalty, luma.options());
  double difference = 0, bits = 0, seconds = 0;
  const int64_t pairs = luma.size(0) - 1;
  std::vector<VectorField> all;
  for (int64_t i = 1; i <= pairs; ++i) {
    const at::Tensor now = luma.narrow(0, i, 1), before = luma.narrow(0, i - 1, 1);
    const auto start = Clock::now();
    VectorField f = find(now, before, price);
    (void)f.delta.sum().item<float>();  // waits for a GPU
    seconds += std::chrono::duration<double>(Clock::now() - start).count();
    f = {f.coarse.cpu(), f.delta.cpu()};
    difference += (models::warp_luma(before.cpu(), models::dense_vectors(f), kind) - now.cpu()).abs().sum().item<double>() * 255;
    bits += bits_of(f);
    all.push_back(f);
  }
  const double n = static_cast<double>(pairs), samples = n * static_cast<double>(luma.size(2) * luma.size(3));
  std::printf("  %-24s %8.4f a sample, %7.3f bits a block, together %8.4f, %8.2f ms\n", name, difference / samples, bits / samples * 256, (difference + penalty * bits) / samples,
              1000 * seconds / n);
  std::fflush(stdout);
  return all;
}

bool same(const std::vector<VectorField>& a, const std::vector<VectorField>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i].coarse, b[i].coarse) || !at::equal(a[i].delta, b[i].delta)) return false;
  }
  return true;
}

}  // namespace

int compare_searches(const SearchSettings& s) {
  const c10::InferenceMode inference;
  const bool cuda = s.device == "cuda";
  if (cuda) {
    std::string why;
    if (!models::load_cuda(&why)) throw std::runtime_error("CUDA is not available: " + why);
#ifdef TESSERA_WITH_CUDA
    models::cuda::register_kernels();
#endif
  }
  models::set_threads(s.threads);
  SearchOptions options = {.reach = 32, .quarters = true, .visits = 3, .diagonals = true};  // the encoder's defaults
  if (!models::interpolation_of(s.interpolation, options.interpolation)) throw std::runtime_error(s.interpolation + " is no interpolation");
  const models::Interpolation kind = options.interpolation;
  bool equal = true;
  for (const Clip& clip : read_clips(s.pack, s.frames)) {
    if (clip.frames.size() < 2) continue;
    std::printf("%u x %u, %zu frames, penalty %.4g\n", clip.width, clip.height, clip.frames.size(), s.penalty);
    const at::Tensor luma = luma_of(clip);
    measure("blocks in raster order", luma, s.penalty, kind, [&](const auto& now, const auto& before, const auto& price) { return models::search_vectors_cpu(now, before, price, options); });
    const auto coloured = measure("blocks in four colours", luma, s.penalty, kind, [&](const auto& now, const auto& before, const auto& price) {
      return models::search_vectors_coloured(now, before, price, options);
    });
    if (!cuda) continue;
    const at::Tensor there = luma.cuda();
    if (models::gpu_search_is_good()) {
      const Find kernels = [&](const auto& now, const auto& before, const auto& price) { return models::search_vectors(now, before, price, options); };
      (void)kernels(there.narrow(0, 1, 1), there.narrow(0, 0, 1), at::full({1, 1, 1}, s.penalty, there.options()));  // the first call takes longer
      const bool agree = same(measure("the same by the GPU", there, s.penalty, kind, kernels), coloured);
      if (!agree) std::printf("  other vectors than the CPU's\n");
      equal = equal && agree;
    }
    measure("tensor operators, GPU", there, s.penalty, kind, [&](const auto& now, const auto& before, const auto& price) {
      return models::search_vectors_by_tensors(now, before, price, options);
    });
  }
  return equal ? 0 : 1;
}

}  // namespace tessera::exactness
