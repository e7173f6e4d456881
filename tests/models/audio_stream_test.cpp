// Audio networks over signals of any length: what streams give equals Speech on the whole signal, however the signal is cut.
#include <gtest/gtest.h>

#include <cmath>

#include <torch/csrc/autograd/autograd.h>

#include "models/audio/codes.h"
#include "models/audio/resynthesis.h"
#include "models/audio/speech_model.h"
#include "models/audio/stream.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tensors.h"
#include "tests/models/tiny_speech.h"

namespace tessera::models::audio {
namespace {

using models::test::random_normal;
using tessera::test::TemporaryFolder;

struct Variant {
  const char* name;
  bool causal;
  int64_t channels, block;
};

class AudioStream : public testing::TestWithParam<Variant> {
 protected:
  AudioStream() : network(config()) {
    models::test::randomise(network, 7);
    export_speech(network, folder_.path("m.safetensors"), "m", 3, "{}");
    model = load_speech(folder_.path("m.safetensors"));
  }
  static SpeechConfig config() { return models::test::tiny_speech(GetParam().causal, GetParam().channels); }

  // [C,T] as interleaved samples.
  static std::vector<float> interleaved(const at::Tensor& x) {
    const at::Tensor t = x.t().contiguous();
    return {t.const_data_ptr<float>(), t.const_data_ptr<float>() + t.numel()};
  }

  std::vector<float> analyse(const std::vector<float>& samples, size_t piece) const {
    AnalysisStream stream(model, GetParam().block);
    std::vector<float> latents;
    const size_t step = piece * static_cast<size_t>(GetParam().channels);
    for (size_t at = 0; at < samples.size(); at += step) {
      stream.push(std::span(samples).subspan(at, std::min(step, samples.size() - at)), latents);
    }
    stream.finish(latents);
    return latents;
  }

  std::vector<float> synthesise(const std::vector<float>& latents) const {
    SynthesisStream stream(model, GetParam().block);
    std::vector<float> samples;
    const auto step = static_cast<size_t>(GetParam().block * config().quantizer.dim);
    for (size_t at = 0; at < latents.size(); at += step) stream.push(std::span(latents).subspan(at, std::min(step, latents.size() - at)), samples);
    stream.finish(samples);
    return samples;
  }

  models::test::Threads threads_{1};  // libtorch's own would wait for each other on a busy machine
  TemporaryFolder folder_;
  Speech network;
  std::shared_ptr<const SpeechModel> model;
};

TEST_P(AudioStream, AnalysisAgreesWithTheNetwork) {
  const SpeechConfig c = config();
  for (const int64_t samples : {1, 39, 40, 41, 400, 4321}) {
    const at::Tensor x = random_normal({c.channels, samples}, 5) * 0.1;
    const at::Tensor expected = network.analysis(pad_to(x, c.hop).unsqueeze(0)).squeeze(0);
    const std::vector<float> latents = analyse(interleaved(x), 1000);
    ASSERT_EQ(static_cast<int64_t>(latents.size()), frame_count(c, samples) * c.quantizer.dim) << samples;
    ASSERT_EQ(static_cast<int64_t>(latents.size()), expected.numel()) << samples;
    const float* e = expected.const_data_ptr<float>();
    for (size_t i = 0; i < latents.size(); ++i) ASSERT_NEAR(latents[i], e[i], 2e-4) << samples << " samples, value " << i;
  }
}

TEST_P(AudioStream, SynthesisAgreesWithTheNetwork) {
  const SpeechConfig c = config();
  for (const int64_t frames : {4, 5, 17, 60}) {
    const at::Tensor z = random_normal({frames, c.quantizer.dim}, 6);
    const at::Tensor expected = network.synthesis(z.unsqueeze(0)).squeeze(0);
    const std::vector<float> samples = synthesise({z.const_data_ptr<float>(), z.const_data_ptr<float>() + z.numel()});
    ASSERT_EQ(static_cast<int64_t>(samples.size()), frames * c.hop * c.channels);
    const std::vector<float> e = interleaved(expected);
    const auto skip = static_cast<size_t>(priming(c) * c.channels);
    ASSERT_EQ(samples.size(), e.size() + skip);
    for (size_t i = 0; i < e.size(); ++i) ASSERT_NEAR(samples[i + skip], e[i], 1e-4 + 1e-3 * std::abs(e[i])) << frames << " frames, sample " << i;
  }
}

TEST_P(AudioStream, ResynthesisAgreesWithTheNetworkAndHasAGradient) {
  const SpeechConfig c = config();
  const Resynthesis synthesis(model);
  const at::Tensor z = random_normal({30, c.quantizer.dim}, 11);
  const at::Tensor y = synthesis(z), expected = network.synthesis(z.unsqueeze(0)).squeeze(0);
  ASSERT_EQ(y.sizes(), expected.sizes());
  EXPECT_LT((y - expected).abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>());
  // Along a direction, against the difference of two syntheses.
  const at::Tensor weights = random_normal(y.sizes(), 12), direction = random_normal(z.sizes(), 13);
  const at::Tensor moved = z.clone().set_requires_grad(true);
  const double slope = (torch::autograd::grad({(synthesis(moved) * weights).sum()}, {moved})[0] * direction).sum().item<double>();
  const auto value = [&](double step) { return (synthesis(z + direction * step) * weights).sum().item<double>(); };
  const double difference = (value(1e-3) - value(-1e-3)) / 2e-3;
  EXPECT_NEAR(slope, difference, 0.02 * std::abs(difference) + 1e-2 * weights.norm().item<double>());
}

TEST_P(AudioStream, PiecesDoNotMatter) {
  const at::Tensor x = random_normal({config().channels, 3333}, 8) * 0.1;
  const std::vector<float> samples = interleaved(x), whole = analyse(samples, 100000);
  for (const size_t piece : {1, 7, 40, 333}) EXPECT_EQ(analyse(samples, piece), whole) << piece;
}

TEST_P(AudioStream, ResetStartsAnew) {
  const at::Tensor x = random_normal({config().channels, 1000}, 9) * 0.1;
  AnalysisStream analysis(model, GetParam().block);
  std::vector<float> first, second;
  for (std::vector<float>* latents : {&first, &second}) {
    analysis.push(interleaved(x), *latents);
    analysis.finish(*latents);
    EXPECT_THROW(analysis.push(interleaved(x), *latents), std::logic_error);
    analysis.reset();
  }
  EXPECT_EQ(first, second);
}

// A block in the middle of a stream that starts some blocks earlier is the same, bit by bit, as in the whole stream.
TEST_P(AudioStream, SettlesAfterItsReach) {
  const SpeechConfig c = config();
  const int64_t block = GetParam().block;
  const at::Tensor z = random_normal({40 * block, c.quantizer.dim}, 10);
  const std::vector<float> all(z.const_data_ptr<float>(), z.const_data_ptr<float>() + z.numel()), whole = synthesise(all);
  SynthesisStream late(model, block);
  const int64_t start = 10 * block;
  const std::vector<float> rest(all.begin() + start * c.quantizer.dim, all.end());
  const std::vector<float> samples = synthesise(rest);
  const auto skipped = static_cast<size_t>(late.settle() * c.channels), offset = static_cast<size_t>(start * c.hop * c.channels);
  ASSERT_LT(skipped, samples.size() / 2);
  for (size_t i = skipped; i < samples.size(); ++i) ASSERT_EQ(samples[i], whole[i + offset]) << i;
}

TEST_P(AudioStream, NothingGivesNothing) {
  EXPECT_TRUE(analyse({}, 1).empty());
  EXPECT_TRUE(synthesise({}).empty());
  SynthesisStream stream(model, GetParam().block);
  std::vector<float> samples;
  EXPECT_THROW(stream.push(std::vector<float>(3), samples), std::invalid_argument);
}

TEST_P(AudioStream, CodesAgreeWithTheQuantizer) {
  const QuantizerConfig& q = config().quantizer;
  const at::Tensor z = random_normal({33, q.dim}, 11);
  CodeSearch search(model);
  search.begin({z.const_data_ptr<float>(), static_cast<size_t>(z.numel())});
  EXPECT_EQ(search.frames(), 33);
  for (const int64_t levels : {int64_t{2}, q.levels, int64_t{1}}) {
    const at::Tensor expected = network.quantizer().encode(z, levels);
    const std::vector<uint16_t> indices = search.indices(levels);
    ASSERT_EQ(static_cast<int64_t>(indices.size()), expected.numel());
    const int64_t* e = expected.const_data_ptr<int64_t>();
    for (size_t i = 0; i < indices.size(); ++i) ASSERT_EQ(indices[i], e[i]) << levels << " levels, index " << i;
    const std::vector<float> latents = look_up(*model, indices, levels);
    const at::Tensor values = network.quantizer().decode(expected);
    for (size_t i = 0; i < latents.size(); ++i) ASSERT_NEAR(latents[i], values.const_data_ptr<float>()[i], 1e-5);
  }
  EXPECT_THROW(search.indices(q.levels + 1), std::invalid_argument);
  // Without paths what is transmitted are the nearest codes, and a further level goes on from them.
  EXPECT_EQ(search.chosen(1), search.indices(1));
  const std::vector<uint16_t> two = search.indices(2), further = search.further(1);
  for (size_t t = 0, g = static_cast<size_t>(q.groups); t < 33; ++t) {
    for (size_t i = 0; i < g; ++i) ASSERT_EQ(further[t * g + i], two[(2 * t + 1) * g + i]);
  }
  EXPECT_THROW(search.begin(std::vector<float>(3)), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Variants, AudioStream,
                         testing::Values(Variant{"mono", false, 1, 20}, Variant{"stereo", false, 2, 16}, Variant{"causal", true, 1, 20},
                                         Variant{"small_blocks", false, 1, 2}, Variant{"causal_small", true, 2, 1}),
                         [](const auto& v) { return std::string(v.param.name); });

TEST(SpeechModel, FilesRoundTrip) {
  const TemporaryFolder folder;
  const uint64_t hash = models::test::write_tiny_speech(folder.folder(), "speech", models::test::tiny_speech());
  const auto model = load_speech(folder.path("speech.safetensors"));
  EXPECT_EQ(model->hash, hash);
  EXPECT_EQ(model->name, "speech");
  EXPECT_EQ(model->revision, 1u);
  EXPECT_EQ(model->config.to_json(), models::test::tiny_speech().to_json());
  EXPECT_EQ(model->codebooks.sizes(), (std::vector<int64_t>{6, 1, 16, 8}));
}

TEST(SpeechModel, MovingCodesTravel) {
  const TemporaryFolder folder;
  SpeechConfig config = models::test::tiny_speech();
  config.quantizer.linear = false;
  Speech network(config);
  for (auto [name, tensor] : network.quantizer().buffers()) tensor.mul_(2).copy_(tensor.to(at::kHalf).to(at::kFloat));
  export_speech(network, folder.path("m.safetensors"), "m", 1, "{}");
  EXPECT_TRUE(load_speech(folder.path("m.safetensors"))->codebooks.equal(network.quantizer().codebooks()));
}

TEST(SpeechModel, BadFilesAreRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.path("m.safetensors");
  EXPECT_THROW(load_speech(path), std::runtime_error);
  Speech network(models::test::tiny_speech());
  std::map<std::string, at::Tensor> tensors;
  for (const Param& p : network.params().list()) tensors[p.name] = p.tensor.clone();
  const auto attempt = [&](std::map<std::string, std::string> metadata) {
    save_weights(path, tensors, metadata);
    return load_speech(path);
  };
  const std::string config = network.config().to_json();
  EXPECT_NO_THROW(attempt({{"model", "m"}, {"revision", "1"}, {"config", config}, {"training", "{}"}}));
  EXPECT_THROW(attempt({{"model", "m"}, {"revision", "x"}, {"config", config}, {"training", "{}"}}), std::runtime_error);
  EXPECT_THROW(attempt({{"revision", "1"}, {"config", config}, {"training", "{}"}}), std::runtime_error);
  EXPECT_THROW(attempt({{"model", "m"}, {"revision", "1"}, {"config", "{}"}, {"training", "{}"}}), std::runtime_error);
  EXPECT_THROW(attempt({{"model", "m"}, {"revision", "1"}, {"training", "{}"}}), std::runtime_error);
  tensors["decoder.head.bias"][0] = NAN;
  EXPECT_THROW(attempt({{"model", "m"}, {"revision", "1"}, {"config", config}, {"training", "{}"}}), std::runtime_error);
  tensors.erase("decoder.head.bias");
  EXPECT_THROW(attempt({{"model", "m"}, {"revision", "1"}, {"config", config}, {"training", "{}"}}), std::runtime_error);
}

}  // namespace
}  // namespace tessera::models::audio
