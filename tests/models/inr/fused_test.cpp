// The GPU's training kernels, run on the CPU: against libtorch's operators, which know nothing of each other. What a GPU itself makes of them:
// tests/cuda/fit_test.cpp.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>

#include "data/synth.h"
#include "models/inr/adam.h"
#include "models/inr/fit.h"
#include "models/inr/rounding.h"
#include "models/inr/soap.h"
#include "tests/models/inr/emulated_cuda.h"

namespace tessera::models::cuda {
using test::atomicAdd;
using test::blockDim;
using test::blockIdx;
using test::gridDim;
}  // namespace tessera::models::cuda

#define TESSERA_BLOCKS 5  // fewer than there is work for
#include "models/cuda/fit_device.cuh"

namespace tessera::test {
namespace {

using namespace models::inr;

// The kernels are there as long as this is.
class Emulated {
 public:
  Emulated() {
    fit_kernels() = models::cuda::all_kernels([]() -> void* { return nullptr; });
    fit_kernels().cpu = true;
  }
  ~Emulated() { fit_kernels() = {}; }
};

at::Tensor photo(int64_t height, int64_t width, int64_t outputs) {
  const media::Picture p = media::synth_picture(media::SynthKind::photo, static_cast<uint32_t>(width), static_cast<uint32_t>(height), static_cast<uint32_t>(outputs));
  return at::from_blob(const_cast<uint8_t*>(p.samples.data()), {height, width, outputs}, at::kByte).to(at::kFloat).div(255).permute({2, 0, 1}).contiguous();
}

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) { return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed)); }

double difference(const at::Tensor& a, const at::Tensor& b) { return ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item<double>(); }

// A state in which everything counts: latents of all sizes, some beyond what the context sees, and weights of all signs.
void shake(Fit& fit) {
  std::vector<at::Tensor> state = fit.snapshot();
  state[0] = state[0] + random({state[0].size(0)}, 1) * 3;
  state[0][7] = 300;
  state[0][state[0].size(0) - 40] = -260;
  state[1] = state[1] + random({state[1].size(0)}, 2) * 0.05;
  fit.restore(state);
  fit.choose_shifts(false);
}

struct Size {
  int64_t height, width, outputs;
  bool colours;
};

TEST(FusedKernels, GiveTheGradientsOfStockOperators) {
  for (const Size& s : {Size{70, 45, 3, true}, {64, 65, 3, false}, {33, 66, 1, false}, {17, 100, 3, true}, {2, 40, 1, false}}) {
    const Config config = s.colours ? colour_pyramid(s.height, s.width) : pyramid(s.height, s.width, static_cast<int>(s.outputs));
    ASSERT_TRUE(fused(config));
    const at::Tensor picture = photo(s.height, s.width, s.outputs);
    Fit stock(config, picture, {.weight = 800, .stock = true});
    shake(stock);
    const Emulated kernels;
    Fit own(config, picture, {.weight = 800});
    own.restore(stock.snapshot());
    own.choose_shifts(false);
    EXPECT_NEAR(own.evaluate().bits / stock.evaluate().bits, 1, 1e-4);
    EXPECT_NEAR(own.evaluate().mse / stock.evaluate().mse, 1, 1e-4);
    const auto a = own.gradients(), b = stock.gradients();
    EXPECT_LT(difference(a[0], b[0]), 1e-4) << s.height << "x" << s.width << " latents";
    // Part by part: what is small is not hidden behind what is large.
    int64_t at = 0;
    for (int p = 0; p < kParts; ++p) {
      const int64_t size = part_size(config, static_cast<PartName>(p));
      if (size > 0) {
        EXPECT_LT(difference(a[1].narrow(0, at, size), b[1].narrow(0, at, size)), 2e-4) << s.height << "x" << s.width << " part " << p;
      }
      at += size;
    }
  }
}

TEST(FusedKernels, AreForTheDefaultNetworksOnly) {
  EXPECT_TRUE(fused(colour_pyramid(512, 768)));
  EXPECT_TRUE(fused(pyramid(512, 768, 1)));
  EXPECT_FALSE(fused(pyramid(1, 1, 1)));
  EXPECT_FALSE(fused(with_front(colour_pyramid(512, 768), Front::rbf, 512, 768)));
  Config wide = colour_pyramid(512, 768);
  wide.width = 24;
  EXPECT_FALSE(fused(wide));
}

// Training is chaotic: on one machine the loss after 33 steps moves by 6 % with the number of threads that add up libtorch's sums. So a short way at a small rate is
// compared closely, and a longer one, with all that a training has, only by what it reaches.
TEST(FusedKernels, TrainAPicture) {
  const Config config = colour_pyramid(40, 70);
  const at::Tensor picture = photo(40, 70, 3);
  const auto loss_of = [](const Fit::Numbers& n) { return n.bits / 2800 + 1000 * n.mse; };
  const auto soft_loss = [&] {  // of the last three of eight steps, as training sees it: no weight is on a grid, whose choice jumps
    Fit fit(config, picture, {.weight = 1000});
    for (int i = 0; i < 8; ++i) {
      if (i == 4) fit.refresh();
      if (i == 5) fit.read();
      fit.set({0.001, 0.001, 0.3, 1.5, 1000});
      fit.soft_step();
    }
    return loss_of(fit.read());
  };
  const auto trained = [&](int steps, int hard_steps) {
    Fit fit(config, picture, {.weight = 1000});
    for (int i = 0; i < steps; ++i) {
      if (i % 5 == 4) fit.refresh();
      fit.set({0.01, 0.01, 0.3, 1.5, 1000});
      fit.soft_step();
    }
    fit.choose_shifts(false);
    if (hard_steps > 0) {
      fit.forget_moments();
      fit.start_best();
      for (int i = 0; i < hard_steps; ++i) {
        fit.set({2e-4, 5e-4, 0.1, 1, 1000});
        fit.hard_step();
      }
      fit.restore_best();
    }
    return loss_of(fit.evaluate());
  };
  const double before = trained(0, 0), stock_near = soft_loss(), stock = trained(30, 3);
  const Emulated kernels;
  const double near = soft_loss(), own = trained(30, 3);
  EXPECT_NEAR(near / stock_near, 1, 2e-3);  // sums in another order
  EXPECT_LT(own, 0.8 * before);
  EXPECT_NEAR(own / stock, 1, 0.15);
}

TEST(FusedKernels, SoftRoundingAndItsSlope) {
  const at::Tensor x = random({1000}, 3) * 5, uniform = at::rand({1000}, at::make_generator<at::CPUGeneratorImpl>(4)), out = random({1000}, 5);
  for (const auto& [temperature, shape] : {std::pair(0.3, 2.0), {0.1, 1.0}, {0.2, 1.4}}) {
    const at::Tensor t = at::full({}, temperature), s = at::full({}, shape);
    at::Tensor a = x.clone().set_requires_grad(true), b = x.clone().set_requires_grad(true);
    const at::Tensor expected = soft_round(soft_round(a, t) + shaped_noise(uniform, s), t);
    const Emulated kernels;
    const at::Tensor value = soft_round_fused(b, uniform, t, s);
    EXPECT_LT(difference(value.detach(), expected.detach()), 1e-5);
    torch::autograd::backward({(expected * out).sum()}, {});
    torch::autograd::backward({(value * out).sum()}, {});
    EXPECT_LT(difference(b.grad(), a.grad()), 1e-3) << temperature << " " << shape;
  }
}

// Optimisers: several steps with kernels and without, one of them with a gradient that is not finite.
TEST(FusedKernels, OptimisersTakeTheSameSteps) {
  constexpr int64_t kTotal = 3 + 40 * 9 + 2 + 6 * 27 + 3 * 9 + 7;
  const std::vector<Soap::Place> places{{3, 40, 9}, {3 + 360 + 2, 6, 27}, {3 + 360 + 2 + 162, 3, 9}};
  const auto run = [&](bool by_soap) {
    at::Tensor values = random({kTotal}, 9), moments = at::zeros({2, kTotal}), steps = at::zeros({});
    Soap soap(places, kTotal, values.options());
    for (uint64_t i = 0; i < 25; ++i) {
      at::Tensor g = random({kTotal}, 100 + i);
      if (i == 12) g[5] = std::numeric_limits<float>::quiet_NaN();
      values.mutable_grad() = g;
      const AdamStep adam(steps, at::isfinite(g.sum()));
      if (by_soap) {
        soap.update(adam, values, moments, at::full({}, 0.01));
        if (i % 10 == 9) soap.refresh(moments);
      } else {
        adam.update(values, moments, at::full({}, 0.01));
      }
    }
    return std::vector<at::Tensor>{values, moments, soap.state()[0]};
  };
  for (const bool by_soap : {false, true}) {
    const std::vector<at::Tensor> stock = run(by_soap);
    const Emulated kernels;
    const std::vector<at::Tensor> own = run(by_soap);
    for (size_t i = 0; i < (by_soap ? 3u : 2u); ++i) EXPECT_LT(difference(own[i], stock[i]), 2e-4) << by_soap << " " << i;
  }
}

}  // namespace
}  // namespace tessera::test
