#include "apps/tessera-train/average.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "models/video/motion_model.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::train {
namespace {

class Average : public testing::Test {
 protected:
  std::string path(const char* name) const { return folder.folder() + "/" + name + ".safetensors"; }
  // A network whose parameters are moved by noise of this seed.
  void write(const char* name, uint64_t seed, const models::MotionConfig& config) {
    models::Motion network(config);
    models::test::randomise(network, seed, 0.2);
    models::export_motion(network, path(name), "tiny", 3, R"({"run":")" + std::string(name) + "\"}");
  }
  static at::Tensor value(const models::MotionModel& model, const char* name) { return model.network.params().find(name)->tensor; }
  const tessera::test::TemporaryFolder folder;
};

TEST_F(Average, IsTheWeightedMean) {
  write("a", 1, models::test::tiny_motion_config());
  write("b", 400, models::test::tiny_motion_config());
  average_weights({path("a"), path("b")}, {3, 1}, path("m"), 7);
  const auto a = models::load_motion(path("a")), b = models::load_motion(path("b")), m = models::load_motion(path("m"));
  EXPECT_EQ(m->revision, 7u);
  EXPECT_EQ(m->name, "tiny");
  EXPECT_EQ(m->training, a->training);
  for (const char* name : {"context.memory.weight", "analysis.latent_gain.lo", "synthesis.unembed.bias"}) {
    const at::Tensor expected = value(*a, name) * 0.75 + value(*b, name) * 0.25;
    EXPECT_LT((value(*m, name) - expected).abs().max().item<double>(), 1e-3 * expected.abs().max().item<double>()) << name;
  }
}

TEST_F(Average, OfOneFileIsThatFile) {
  write("a", 1, models::test::tiny_motion_config());
  average_weights({path("a")}, {}, path("m"), 0);
  EXPECT_EQ(models::load_motion(path("m"))->hash, models::load_motion(path("a"))->hash);
}

TEST_F(Average, WhatDoesNotFit) {
  write("a", 1, models::test::tiny_motion_config());
  models::MotionConfig other = models::test::tiny_motion_config();
  other.mean_channels = 32;
  write("b", 2, other);
  EXPECT_THROW(average_weights({path("a"), path("b")}, {}, path("m"), 0), std::runtime_error);
  EXPECT_THROW(average_weights({path("a"), path("none")}, {}, path("m"), 0), std::runtime_error);
  EXPECT_THROW(average_weights({path("a")}, {1, 2}, path("m"), 0), std::runtime_error);
  EXPECT_THROW(average_weights({path("a")}, {0}, path("m"), 0), std::runtime_error);
  EXPECT_THROW(average_weights({}, {}, path("m"), 0), std::runtime_error);
}

}  // namespace
}  // namespace tessera::train
