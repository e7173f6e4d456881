// The audio front end and network: exact inverses, causality, shapes, sizes.
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <chrono>
#include <cmath>

#include "models/audio/speech.h"
#include "tests/models/tensors.h"

namespace tessera::models::audio {
namespace {

using test::close;
using test::random_normal;
using test::same;

SpeechConfig tiny() {
  SpeechConfig c;
  c.sample_rate = 8000;
  c.hop = 40;
  c.window = 160;
  c.width = 16;
  c.encoder_blocks = 2;
  c.decoder_blocks = 2;
  c.quantizer.dim = 8;
  c.quantizer.levels = 3;
  c.quantizer.codes = 16;
  return c;
}

// Residual branches start at zero; filled, so that every layer matters.
void randomise(Speech& network) {
  const at::NoGradGuard no_grad;
  uint64_t seed = 1;
  for (Param& p : network.params().list()) p.tensor.add_(random_normal(p.tensor.sizes(), seed++) * 0.1);
}

TEST(AudioFrontend, InverseIsExact) {
  for (const auto& [hop, window, causal] : {std::tuple{320, 1280, false}, {320, 960, false}, {320, 640, true}, {80, 320, true}, {16, 32, false}}) {
    const Frontend f(hop, window, causal);
    const at::Tensor x = random_normal({2, 2, hop * 7}, 1);
    const auto [re, im] = f.forward(x);
    EXPECT_EQ(re.sizes(), (std::vector<int64_t>{2, 2, f.frames(hop * 7), window / 2 + 1}));
    EXPECT_TRUE(close(f.inverse(re, im), x, 2e-5)) << hop << " " << window << " " << causal;
  }
}

TEST(AudioFrontend, NoiseHasUnitBins) {
  const Frontend f(320, 1280, false);
  const auto [re, im] = f.forward(random_normal({1, 1, 320 * 200}, 2));
  EXPECT_NEAR((re.square() + im.square()).mean().item<double>(), 1.0, 0.05);
}

TEST(AudioFrontend, PadsToTheHop) {
  EXPECT_EQ(pad_to(at::ones({1, 5}), 4).size(1), 8);
  EXPECT_EQ(pad_to(at::ones({1, 8}), 4).size(1), 8);
  EXPECT_EQ(pad_to(at::ones({1, 0}), 4).size(1), 0);
}

TEST(Depthwise1d, AgreesWithStockConvolution) {
  for (const int64_t left : {3, 6, 0}) {
    const int64_t k = 7, c = 5, n = 11;
    const at::Tensor x = random_normal({2, 1, n, c}, 3).requires_grad_(), w = random_normal({k, c}, 4).requires_grad_(),
                     b = random_normal({c}, 5).requires_grad_(), g = random_normal({2, 1, n, c}, 6);
    const at::Tensor y = depthwise1d(x, w, b, left, 0.1);
    torch::autograd::backward({(y * g).sum()}, {});
    const std::vector<at::Tensor> grads = {x.grad().clone(), w.grad().clone(), b.grad().clone()};
    for (const at::Tensor& t : {x, w, b}) t.mutable_grad() = at::Tensor();
    const at::Tensor padded = at::constant_pad_nd(at::leaky_relu(x, 0.1), {0, 0, left, k - 1 - left});
    const at::Tensor expected = at::conv1d(padded.squeeze(1).transpose(1, 2), w.t().unsqueeze(1), b, at::IntArrayRef{1}, at::IntArrayRef{0}, at::IntArrayRef{1}, c)
                                    .transpose(1, 2)
                                    .unsqueeze(1);
    torch::autograd::backward({(expected * g).sum()}, {});
    EXPECT_TRUE(close(y.detach(), expected.detach(), 1e-5));
    EXPECT_TRUE(close(grads[0], x.grad(), 1e-5));
    EXPECT_TRUE(close(grads[1], w.grad(), 1e-5));
    EXPECT_TRUE(close(grads[2], b.grad(), 1e-5));
    // The path of types without row loops.
    const at::Tensor d = depthwise1d(x.detach().to(at::kDouble), w.detach().to(at::kDouble), b.detach().to(at::kDouble), left, 0.1);
    EXPECT_TRUE(close(d.to(at::kFloat), expected.detach(), 1e-5));
  }
}

TEST(Speech, ShapesOfAllVariants) {
  for (const int64_t channels : {1, 2}) {
    for (const bool causal : {false, true}) {
      for (const int64_t groups : {1, 2}) {
        SpeechConfig c = tiny();
        c.channels = channels;
        c.causal = causal;
        c.quantizer.groups = groups;
        Speech network(c);
        const at::Tensor x = random_normal({channels, 333}, 7) * 0.1;
        const at::Tensor indices = network.encode(x, 2);
        EXPECT_EQ(indices.sizes(), (std::vector<int64_t>{network.frames(360), 2, groups}));
        EXPECT_EQ(network.decode(indices).sizes(), (std::vector<int64_t>{channels, 360}));
        EXPECT_TRUE(at::isfinite(network.decode(indices)).all().item<bool>());
      }
    }
  }
}

TEST(Speech, SilenceAndExtremesAreFinite) {
  Speech network(tiny());
  for (const double level : {0.0, 1e-6, 1.0, 30.0}) {
    const at::Tensor y = network.decode(network.encode(at::full({1, 800}, level, at::kFloat), 3));
    EXPECT_TRUE(at::isfinite(y).all().item<bool>());
  }
}

TEST(Speech, TheCausalVariantIgnoresTheFuture) {
  SpeechConfig c = tiny();
  c.causal = true;
  c.window = 80;
  Speech network(c);
  randomise(network);
  at::Tensor x = random_normal({1, 800}, 8), later = x.clone();
  later.narrow(1, 400, 400).normal_();
  // Frames that end by sample 400 are the same, and so are the samples that only they reach.
  const at::Tensor a = network.encode(x, 3), b = network.encode(later, 3);
  EXPECT_TRUE(same(a.narrow(0, 0, 10), b.narrow(0, 0, 10)));
  EXPECT_FALSE(a.equal(b));
  EXPECT_TRUE(close(network.decode(a).narrow(1, 0, 360), network.decode(b).narrow(1, 0, 360), 1e-5));
}

TEST(Speech, GradientsReachEveryParameter) {
  SpeechConfig c = tiny();
  c.channels = 2;
  Speech network(c);
  randomise(network);
  for (Param& p : network.params().list()) p.tensor.set_requires_grad(true);
  const at::Tensor x = random_normal({3, 2, 400}, 9) * 0.1;
  const Speech::Output out = network.forward(x, network.quantizer().random_levels(3, 1.0), true);
  EXPECT_EQ(out.y.sizes(), x.sizes());
  torch::autograd::backward({(out.y - x).square().mean() + out.quantizer_loss}, {});
  for (const Param& p : network.params().list()) {
    ASSERT_TRUE(p.tensor.grad().defined()) << p.name;
    EXPECT_TRUE(at::isfinite(p.tensor.grad()).all().item<bool>()) << p.name;
    EXPECT_GT(p.tensor.grad().abs().sum().item<double>(), 0) << p.name;
  }
}

TEST(Speech, ForwardAgreesWithEncodeAndDecode) {
  Speech network(tiny());
  randomise(network);
  const at::NoGradGuard no_grad;
  const at::Tensor x = random_normal({1, 1, 800}, 10) * 0.1;
  const at::Tensor y = network.forward(x, at::full({1}, 2.f), false).y;
  EXPECT_TRUE(close(y.squeeze(0), network.decode(network.encode(x.squeeze(0), 2)), 1e-4));
}

TEST(SpeechConfig, JsonRoundTripAndLimits) {
  SpeechConfig c = SpeechConfig::sound();
  c.causal = true;
  c.quantizer.linear = false;
  EXPECT_EQ(SpeechConfig::from_json(c.to_json()).to_json(), c.to_json());
  for (const char* bad : {"[]", R"({"hop":0})", R"({"window":1000})", R"({"width":12})", R"({"groups":3})", R"({"causal":1})", R"({"levels":65})",
                          R"({"commitment":"x"})", R"({"hop":1.5})"}) {
    EXPECT_THROW(SpeechConfig::from_json(bad), std::runtime_error) << bad;
  }
}

TEST(SpeechConfig, ShippedSizesAndRates) {
  const SpeechConfig speech;
  EXPECT_EQ(speech.bit_rate(1), 750);
  EXPECT_EQ(speech.bit_rate(16), 12000);
  const Speech network(speech);
  EXPECT_LE(network.params().count(), 5'000'000);
  const SpeechConfig sound = SpeechConfig::sound();
  EXPECT_EQ(sound.bit_rate(2), 3000);
  EXPECT_EQ(sound.bit_rate(16), 24000);
  const Speech big(sound);
  EXPECT_LE(big.params().count(), 8'000'000);
  RecordProperty("speech_parameters", std::to_string(network.params().count()));
  RecordProperty("sound_parameters", std::to_string(big.params().count()));
}

// Untrained, a cartesian network is a transform codec: what it codes without its quantiser has the waveform's shape.
TEST(SpeechNetwork, LappedInitFollowsTheWaveform) {
  SpeechConfig config;
  config.window = 2 * config.hop;
  config.width = 72;
  config.encoder_blocks = config.decoder_blocks = 1;
  config.cartesian = true;
  config.quantizer.codes = 16;
  Speech network(config);
  network.lapped_init(64);
  // A steady tone of 700 Hz: every frame has the same power, so that the missing gain is one factor.
  const at::Tensor x = (at::sin(at::arange(24000, at::kFloat) * (2 * M_PI * 700 / 24000)) * 0.01).view({1, 1, -1});
  const at::NoGradGuard no_grad;
  const at::Tensor y = network.synthesis(network.analysis(x));
  const at::Tensor a = x.flatten().narrow(0, 2000, 20000), b = y.flatten().narrow(0, 2000, 20000);
  const double along = (a * b).sum().item<double>() / (a * a).sum().item<double>();
  const at::Tensor rest = b - a * along;
  const double ratio = along * along * (a * a).sum().item<double>() / (rest * rest).sum().item<double>();
  EXPECT_GT(along, 0);
  EXPECT_GT(10 * std::log10(ratio), 9) << "dB";
  config.cartesian = false;
  EXPECT_THROW(Speech(config).lapped_init(64), std::invalid_argument);
}

}  // namespace
}  // namespace tessera::models::audio
