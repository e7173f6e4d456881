// A few steps of training on the CPU: it learns, resumes, evaluates, and refuses what it cannot use.
#include "apps/tessera-train/video_trainer.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "models/video/motion_model.h"
#include "tests/data/temporary_folder.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

using tessera::test::TemporaryFolder;

VideoRecipe tiny_recipe() {
  VideoRecipe r;
  r.model = "motion-tiny";
  r.optimizer.warmup_steps = 4;
  r.optimizer.ema = 0.8;
  models::MotionConfig& c = r.config;
  c.patch_channels = c.trunk_channels = 96;
  c.latents = 64;
  c.hyperlatents = 16;
  c.hyper_channels = c.state_channels = c.mean_channels = 24;
  c.enc_patch_blocks = c.dec_patch_blocks = c.reference_blocks = c.mean_blocks = 1;
  c.enc_trunk_blocks = c.dec_trunk_blocks = c.head_blocks = 0;
  VideoPhase p;
  p.frames = 3;
  p.crop = 64;
  p.batch = 2;
  p.minutes = 5;
  p.rate_begin = 2e-3;
  p.rate_end = 2e-3;
  p.reach = 8;
  r.phases = {p};
  return r;
}

class VideoTrainer : public testing::Test {
 protected:
  VideoTrainer() {
    test::write_moving_pack(folder.path("a.tsvp"));
    test::write_picture_pack(folder.path("a.tspk"));
    options.run.data = folder.path("a.tsvp");
    options.pictures = folder.path("a.tspk");
    options.run.out = folder.path("out");
    options.run.name = "motion-tiny";
    options.run.log_every = 2;
  }
  std::string log() const { return test::text_of(options.run.out + "/log.txt"); }
  const TemporaryFolder folder;
  VideoRunOptions options;
};

TEST_F(VideoTrainer, LearnsResumesAndEvaluates) {
  options.run.max_steps = 10;
  ASSERT_EQ(train_video(tiny_recipe(), options), 0);
  EXPECT_LT(test::value_at(log(), 10, "loss"), test::value_at(log(), 2, "loss"));
  EXPECT_EQ(log().find("skipped 1"), std::string::npos);  // every gradient was finite
  const auto model = models::load_motion(options.run.out + "/weights.safetensors");
  EXPECT_EQ(model->name, "motion-tiny");
  EXPECT_NE(model->training.find("\"steps\":10"), std::string::npos);

  // Continues at step 10, and compares the frozen network with the trained one.
  options.run.resume = options.run.out + "/checkpoint.safetensors";
  options.run.eval = options.run.data;
  options.run.max_steps = 12;
  options.eval_frames = 3;
  ASSERT_EQ(train_video(tiny_recipe(), options), 0);
  EXPECT_NE(log().find("saved at step 12"), std::string::npos);
  EXPECT_NE(log().find("frozen against trained"), std::string::npos);
  EXPECT_NE(log().find("eval exact quality 54 mean"), std::string::npos);

  VideoRunOptions only;
  only.run.init = options.run.out + "/weights.safetensors";
  only.run.eval = options.run.data;
  only.eval_frames = 1;
  EXPECT_EQ(evaluate_video(only), 0);
}

// Weights without fine latents go on with them, on clips of all scales.
TEST_F(VideoTrainer, GoesOnWithFineLatents) {
  options.run.max_steps = 4;
  ASSERT_EQ(train_video(tiny_recipe(), options), 0);
  VideoRecipe r = tiny_recipe();
  r.config.latents += 64;
  r.config.fine_latents = 64;
  r.rough = 0.5;
  r.phases[0].batch = 4;
  r.phases[0].synthetic = r.phases[0].enlarged = r.phases[0].reduced = 0.25;
  r.phases[0].keys = 0.5;
  r.phases[0].lead = 1;
  options.run.init = options.run.out + "/weights.safetensors";
  options.run.out = folder.path("wider");
  options.run.eval = options.run.data;
  options.eval_frames = 3;
  ASSERT_EQ(train_video(r, options), 0);
  EXPECT_EQ(models::load_motion(options.run.out + "/weights.safetensors")->network.config().fine_latents, 64);
  EXPECT_EQ(log().find("skipped 1"), std::string::npos);
}

TEST_F(VideoTrainer, WithoutConditioning) {
  VideoRecipe r = tiny_recipe();
  r.config.conditioning = false;
  options.run.max_steps = 3;
  options.run.log_every = 1;
  ASSERT_EQ(train_video(r, options), 0);
  EXPECT_NE(log().find("vectors 0.0000"), std::string::npos);
}

TEST_F(VideoTrainer, BadInput) {
  VideoRunOptions bad = options;
  bad.run.data = folder.path("missing.tsvp");
  EXPECT_THROW(train_video(tiny_recipe(), bad), std::runtime_error);
  bad = options;
  bad.run.init = options.run.data;
  EXPECT_THROW(train_video(tiny_recipe(), bad), std::runtime_error);
  bad = options;
  bad.run.max_steps = 1;
  ASSERT_EQ(train_video(tiny_recipe(), bad), 0);
  bad.run.resume = options.run.out + "/weights.safetensors";  // not a checkpoint
  EXPECT_THROW(train_video(tiny_recipe(), bad), std::runtime_error);
}

}  // namespace
}  // namespace tessera::train
