// The training kernels of overfitted networks on a GPU, against libtorch's operators on the CPU; and a whole encoding.
// What the kernels compute, part by part and on any machine: tests/models/inr/fused_test.cpp.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "data/synth.h"
#include "models/cuda/register.h"
#include "models/device.h"
#include "models/inr/fit.h"
#include "models/step_graph.h"

namespace tessera::test {
namespace {

using namespace models::inr;

class CudaFit : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!models::load_cuda(&why)) GTEST_SKIP() << why;
    models::cuda::register_kernels();
  }
};

at::Tensor photo(int64_t height, int64_t width, int64_t outputs) {
  const media::Picture p = media::synth_picture(media::SynthKind::photo, static_cast<uint32_t>(width), static_cast<uint32_t>(height), static_cast<uint32_t>(outputs));
  return at::from_blob(const_cast<uint8_t*>(p.samples.data()), {height, width, outputs}, at::kByte).to(at::kFloat).div(255).permute({2, 0, 1}).contiguous();
}

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) { return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed)); }

double difference(const at::Tensor& a, const at::Tensor& b) { return ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item<double>(); }

TEST_F(CudaFit, GradientsAreThoseOfStockOperators) {
  for (const auto& [height, width, outputs] : {std::tuple<int64_t, int64_t, int64_t>(512, 768, 3), {70, 45, 3}, {333, 517, 3}, {200, 300, 1}, {17, 1000, 3}}) {
    const Config config = outputs == 3 ? colour_pyramid(height, width) : pyramid(height, width, 1);
    ASSERT_TRUE(fused(config));
    const at::Tensor picture = photo(height, width, outputs);
    Fit stock(config, picture, {.weight = 800, .stock = true});
    std::vector<at::Tensor> state = stock.snapshot();
    state[0] = state[0] + random({state[0].size(0)}, 1) * 3;
    state[1] = state[1] + random({state[1].size(0)}, 2) * 0.05;
    stock.restore(state);
    stock.choose_shifts(false);
    Fit own(config, picture.to(at::kCUDA), {.weight = 800});
    for (at::Tensor& t : state) t = t.to(at::kCUDA);
    own.restore(state);
    own.choose_shifts(false);
    EXPECT_NEAR(own.evaluate().bits / stock.evaluate().bits, 1, 1e-4);
    EXPECT_NEAR(own.evaluate().mse / stock.evaluate().mse, 1, 1e-4);
    const auto a = own.gradients(), b = stock.gradients();
    EXPECT_LT(difference(a[0].cpu(), b[0]), 1e-3) << height << "x" << width << " latents";
    int64_t at = 0;
    for (int p = 0; p < kParts; ++p) {
      const int64_t size = part_size(config, static_cast<PartName>(p));
      if (size > 0) {
        EXPECT_LT(difference(a[1].cpu().narrow(0, at, size), b[1].narrow(0, at, size)), 2e-3) << height << "x" << width << " part " << p;
      }
      at += size;
    }
  }
}

// As encoders train: steps as a graph, the bases turned now and then. By kernels and by libtorch's operators the loss falls alike: over three pictures, the second and
// third the first mirrored, since the noise of so few steps alone moves one picture's loss by some percent.
TEST_F(CudaFit, TrainsAsStockOperatorsDo) {
  const Config config = colour_pyramid(512, 768);
  double loss[2] = {};
  for (const int64_t number : {0, 1, 2}) {
    const at::Tensor original = photo(512, 768, 3).to(at::kCUDA), picture = number == 0 ? original : original.flip({number});
    for (const bool stock : {false, true}) {
      at::manual_seed(static_cast<uint64_t>(number));
      Fit fit(config, picture, {.weight = 800, .stock = stock});
      models::StepGraph graph([&] { fit.soft_step(); }, true);
      constexpr int kSteps = 400;
      graph.synchronise();
      auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < kSteps; ++i) {
        if (i == kSteps / 2) {
          graph.synchronise();
          begin = std::chrono::steady_clock::now();
        }
        if (i % 16 == 0) graph.synchronise();
        graph.run([&] {
          if (i % 10 == 9) fit.refresh();
          fit.set({0.05, 0.025, 0.3, 1.5, 800});
        });
      }
      graph.synchronise();
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      const Fit::Numbers n = fit.read();
      EXPECT_EQ(n.bad, 0);
      fit.choose_shifts(false);
      const Fit::Numbers end = fit.evaluate();
      const double now = end.bits / (512.0 * 768) + 800 * end.mse;
      std::printf("picture %d, %s: %.3f ms a step of 768x512, loss %.4f\n", static_cast<int>(number), stock ? "libtorch" : "kernels", 2e3 * seconds / kSteps, now);
      loss[stock] += now;
    }
  }
  EXPECT_NEAR(loss[0] / loss[1], 1, 0.03);
}

}  // namespace
}  // namespace tessera::test
