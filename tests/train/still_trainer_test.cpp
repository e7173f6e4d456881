// A few steps of training on the CPU: it learns, resumes where it stopped, evaluates, and refuses what it cannot use.
#include "apps/tessera-train/still_trainer.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "models/still_model.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_still.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

class StillTrainer : public testing::Test {
 protected:
  StillTrainer() {
    test::write_picture_pack(folder.path("a.tspk"));
    options.data = folder.path("a.tspk");
    options.out = folder.path("out");
    options.name = "still-tiny";
    options.log_every = 2;
    options.max_steps = 10;
    recipe.config = models::test::tiny_config();
    recipe.optimizer.warmup_steps = 4;
    recipe.optimizer.ema = 0.8;
    StillPhase p;
    p.crop = 64;
    p.batch = 2;
    p.rate_begin = p.rate_end = 3e-3;
    recipe.phases = {p};
  }
  std::string log() const { return test::text_of(options.out + "/log.txt"); }

  const tessera::test::TemporaryFolder folder;
  RunOptions options;
  StillRecipe recipe;
};

TEST_F(StillTrainer, LearnsResumesAndEvaluates) {
  ASSERT_EQ(train_still(recipe, options), 0);
  EXPECT_LT(test::value_at(log(), 10, "loss"), test::value_at(log(), 2, "loss"));
  const auto model = models::load_still(options.out + "/weights.safetensors");
  EXPECT_EQ(model->name, "still-tiny");
  EXPECT_NE(model->training.find("\"steps\":10"), std::string::npos);
  EXPECT_NE(model->training.find("\"data\":\"a.tspk\""), std::string::npos);

  options.resume = options.out + "/checkpoint.safetensors";
  options.eval = options.data;
  options.max_steps = 12;
  ASSERT_EQ(train_still(recipe, options), 0);
  EXPECT_NE(log().find("saved at step 12"), std::string::npos);
  EXPECT_NE(log().find("eval exact quality 63"), std::string::npos);
}

TEST_F(StillTrainer, ContinuesReleasedWeightsAndSaysSo) {
  options.max_steps = 2;
  ASSERT_EQ(train_still(recipe, options), 0);
  options.init = options.out + "/weights.safetensors";
  options.out = folder.path("again");
  ASSERT_EQ(train_still(recipe, options), 0);
  EXPECT_NE(models::load_still(options.out + "/weights.safetensors")->training.find("\"continues\""), std::string::npos);
}

TEST_F(StillTrainer, BrokenTrainingEndsAndKeepsNothing) {
  recipe.optimizer.warmup_steps = 1;
  recipe.optimizer.clip = 1e30;
  recipe.optimizer.muon = false;
  recipe.phases[0].rate_begin = recipe.phases[0].rate_end = 1e30;
  options.max_steps = 200;
  EXPECT_EQ(train_still(recipe, options), 1);
  EXPECT_NE(log().find("training broke down"), std::string::npos);
  EXPECT_FALSE(test::exists(options.out + "/weights.safetensors"));
}

TEST_F(StillTrainer, BadInput) {
  RunOptions bad = options;
  bad.data = folder.path("missing.tspk");
  EXPECT_THROW(train_still(recipe, bad), std::runtime_error);
  options.max_steps = 1;
  ASSERT_EQ(train_still(recipe, options), 0);
  bad = options;
  bad.resume = options.out + "/weights.safetensors";  // not a checkpoint
  EXPECT_THROW(train_still(recipe, bad), std::runtime_error);
#ifndef TESSERA_WITH_CUDA
  bad = options;
  bad.cuda = true;
  EXPECT_THROW(train_still(recipe, bad), std::runtime_error);
#endif
}

}  // namespace
}  // namespace tessera::train
