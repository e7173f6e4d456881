// A few steps of training on the CPU, spectral and adversarial: it learns, resumes where it stopped, evaluates.
#include "apps/tessera-train/audio_trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <stdexcept>

#include "models/audio/speech_model.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_speech.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

class AudioTrainer : public testing::TestWithParam<int> {
 protected:
  AudioTrainer() {
    const auto channels = static_cast<uint32_t>(GetParam());
    std::ofstream raw(folder.path("a.s16"), std::ios::binary);
    for (int i = 0; i < 16000; ++i) {
      for (uint32_t c = 0; c < channels; ++c) {
        const auto v = static_cast<int16_t>(9000 * std::sin(0.1 * i + c) + 3000 * std::sin(0.37 * i));
        raw.write(reinterpret_cast<const char*>(&v), 2);
      }
    }
    raw.close();
    write_audio_pack(folder.path("a.pack"), {folder.path("a.s16")}, 8000, channels);
    options.data = folder.path("a.pack");
    options.out = folder.path("out");
    options.name = "tiny";
    options.log_every = 4;
    options.max_steps = 12;
    recipe.config = models::test::tiny_speech(false, GetParam());
    recipe.discriminator = {.periods = {2, 3}, .windows = {256}, .width = 4};
    recipe.optimizer.warmup_steps = 4;
    recipe.optimizer.ema = 0.8;
    AudioPhase p;
    p.seconds = 0.4;
    p.batch = 2;
    p.rate_begin = p.rate_end = 3e-3;
    recipe.phases = {p};
  }
  std::string log() const { return test::text_of(options.out + "/log.txt"); }

  const tessera::test::TemporaryFolder folder;
  RunOptions options;
  AudioRecipe recipe;
};

TEST_P(AudioTrainer, LearnsThenMeetsItsAdversary) {
  ASSERT_EQ(train_audio(recipe, options), 0);
  EXPECT_LT(test::value_at(log(), 12, "loss"), test::value_at(log(), 4, "loss"));
  EXPECT_EQ(log().find("judge"), std::string::npos);

  recipe.phases.push_back(recipe.phases[0]);
  recipe.phases[0].minutes = 1e-9;  // over: the checkpoint was in it
  recipe.phases[1].adversarial = true;
  options.resume = options.out + "/checkpoint.safetensors";
  options.eval = options.data;
  options.max_steps = 0;
  recipe.phases[1].minutes = 0.05;
  options.log_every = 1;
  ASSERT_EQ(train_audio(recipe, options), 0);
  EXPECT_NE(log().find("phase 1: adversarial"), std::string::npos);
  EXPECT_NE(log().find(" judge "), std::string::npos);
  EXPECT_NE(log().find("eval levels 1 "), std::string::npos);
  EXPECT_TRUE(test::exists(options.out + "/clip0_levels1.s16"));
}

TEST_P(AudioTrainer, ContinuesReleasedWeights) {
  options.max_steps = 2;
  ASSERT_EQ(train_audio(recipe, options), 0);
  options.init = options.out + "/weights.safetensors";
  options.out = folder.path("again");
  EXPECT_EQ(train_audio(recipe, options), 0);
}

TEST_P(AudioTrainer, BadInput) {
  RunOptions bad = options;
  bad.data = folder.path("missing.pack");
  EXPECT_THROW(train_audio(recipe, bad), std::runtime_error);
  bad = options;
  bad.init = options.data;
  EXPECT_THROW(train_audio(recipe, bad), std::runtime_error);
}

INSTANTIATE_TEST_SUITE_P(Channels, AudioTrainer, testing::Values(1, 2));

}  // namespace
}  // namespace tessera::train
