// Analysis by synthesis: what the encoder sends sounds nearer to its source than what it would have sent, at the same rate.
#include "codec/audio_refine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/audio/codes.h"
#include "tests/codec/sounds.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_speech.h"

namespace tessera::test {
namespace {

using models::audio::SpectralLoss;

constexpr uint32_t kRate = 8000;

class AudioRefine : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = std::make_unique<TemporaryFolder>();
    write_weights(folder->folder());
  }
  static void TearDownTestSuite() { folder.reset(); }

  static AudioStream stream(const std::string& model, uint32_t channels, const std::vector<float>& samples, int effort, double lookahead = 10) {
    AudioEncoderOptions o;
    o.model = model;
    o.bit_rate = channels == 2 ? 6000 : 3200;
    o.channels = channels;
    o.effort = effort;
    o.lookahead = lookahead;
    o.weights_dir = folder->folder();
    return encoded(o, samples);
  }

  // Mel and multi-resolution STFT distance of what comes back.
  static std::pair<double, double> distance(const AudioStream& stream, const std::vector<float>& samples, uint32_t channels) {
    AudioDecoderOptions o;
    o.weights_dir = folder->folder();
    const std::vector<float> back = decoded(o, stream);
    EXPECT_EQ(back.size(), samples.size());
    const auto tensor = [&](const std::vector<float>& v) { return at::tensor(v).view({1, -1, static_cast<int64_t>(channels)}).transpose(1, 2).contiguous(); };
    const auto terms = SpectralLoss(kRate, at::kCPU)(tensor(back), tensor(samples));
    return {terms.mel.item<double>(), terms.multi.item<double>()};
  }

  static std::unique_ptr<TemporaryFolder> folder;
};

std::unique_ptr<TemporaryFolder> AudioRefine::folder;

TEST_F(AudioRefine, SoundsNearerAtTheSameRate) {
  for (const auto& [model, channels] : {std::pair{"speech", 1u}, {"coded", 1u}, {"sound", 2u}, {"sound", 1u}}) {
    const std::vector<float> samples = voice(kRate, channels, 3 * kRate);
    const AudioStream plain = stream(model, channels, samples, 6), refined = stream(model, channels, samples, 7);
    EXPECT_NEAR(static_cast<double>(refined.bytes().size()), static_cast<double>(plain.bytes().size()), 0.03 * static_cast<double>(plain.bytes().size())) << model;
    const auto [mel, multi] = distance(plain, samples, channels);
    const auto [nearer_mel, nearer_multi] = distance(refined, samples, channels);
    EXPECT_LT(15 * nearer_mel + 6 * nearer_multi, 0.97 * (15 * mel + 6 * multi)) << model << channels;
  }
}

TEST_F(AudioRefine, WithoutLookAheadToo) {
  const std::vector<float> samples = voice(kRate, 1, 3 * kRate);
  const auto [mel, multi] = distance(stream("speech", 1, samples, 6, 0), samples, 1);
  const auto [nearer_mel, nearer_multi] = distance(stream("speech", 1, samples, 7, 0), samples, 1);
  EXPECT_LT(15 * nearer_mel + 6 * nearer_multi, 15 * mel + 6 * multi);
}

TEST_F(AudioRefine, LengthsSilenceAndTheSameBytesEveryTime) {
  for (const size_t length : {0u, 1u, 39u, 41u, 4001u, 9000u}) {
    const std::vector<float> samples = voice(kRate, 1, length);
    const AudioStream refined = stream("speech", 1, samples, 7);
    if (!samples.empty()) distance(refined, samples, 1);
    EXPECT_EQ(refined.bytes(), stream("speech", 1, samples, 7).bytes());
  }
  const std::vector<float> silence(9000, 0.f);
  AudioDecoderOptions o;
  o.weights_dir = folder->folder();
  for (const float v : decoded(o, stream("speech", 1, silence, 7))) ASSERT_TRUE(std::isfinite(v));
}

// The refiner alone: what may not be chosen is not, and the best of what may is.
TEST_F(AudioRefine, ChoosesAmongWhatIsAllowed) {
  const auto model = models::audio::load_speech(folder->folder() + "/speech.safetensors");
  const int64_t d = model->config.quantizer.dim, frames = 20;
  const std::vector<float> sound = voice(kRate, 1, static_cast<size_t>(frames * model->config.hop)), latents(static_cast<size_t>(frames * d), 0.5f);
  const AudioRefiner refiner(model, 1, 6);
  int calls = 0;
  const auto same = [&](std::span<const float> z) -> AudioRefiner::Tried {
    ++calls;
    return {{z.begin(), z.end()}, true};
  };
  // Without a quantiser each step of descent counts.
  EXPECT_GT(refiner({{}, latents, {}, sound}, same), 0);
  EXPECT_EQ(calls, 7);
  int count = 0;
  const auto never = [&](std::span<const float> z) -> AudioRefiner::Tried { return {{z.begin(), z.end()}, count++ == 0}; };
  EXPECT_EQ(refiner({{}, latents, {}, sound}, never), 0);
  EXPECT_EQ(refiner({{}, latents, {}, {}}, same), 0);  // nothing to hear
}

}  // namespace
}  // namespace tessera::test
