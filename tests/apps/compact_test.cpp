// The released form of a model: what it keeps, and what it says of itself.
#include "apps/tessera-train/compact.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "models/audio/speech_model.h"
#include "models/video/motion_model.h"
#include "models/weights.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_speech.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::train {
namespace {

using models::audio::load_speech;
using tessera::test::TemporaryFolder;

TEST(Compact, KeepsTheIndexModelAndNamesItsRevision) {
  const TemporaryFolder folder;
  models::test::write_tiny_speech_with_index(folder.folder(), "a", models::test::tiny_speech());
  const auto path = [&](const char* name) { return folder.folder() + "/" + name + ".safetensors"; };
  compact_weights(path("a"), path("b"), "some voices", 7);
  const auto before = load_speech(path("a")), after = load_speech(path("b"));
  EXPECT_EQ(before->revision, 1u);
  EXPECT_EQ(after->revision, 7u);
  EXPECT_NE(after->hash, before->hash);
  EXPECT_NE(after->training.find("some voices"), std::string::npos);
  ASSERT_TRUE(after->index);
  EXPECT_EQ(after->index->levels(), before->index->levels());
  compact_weights(path("a"), path("e"), "", 0, "voices");
  EXPECT_EQ(load_speech(path("e"))->name, "voices");
  EXPECT_EQ(load_speech(path("e"))->revision, 1u);
  // Once more: what is compact already stays as it is.
  compact_weights(path("b"), path("c"), "");
  EXPECT_EQ(load_speech(path("c"))->hash, after->hash);
  EXPECT_THROW(compact_weights(path("none"), path("d"), ""), std::runtime_error);
}

// The pixel path's matrices that are named, nothing of the entropy path; and the model still loads.
TEST(Compact, MatricesOfVideoAsInt8WhereTheyAreNamed) {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.folder() + "/" + name + ".safetensors"; };
  models::MotionConfig config = models::test::tiny_motion_config();
  config.hyper_channels = 64;  // large enough for int8
  models::Motion network(config);
  models::test::randomise(network, 3, 0.3);
  models::export_motion(network, path("a"), "tiny", 1, "{}");
  compact_weights(path("a"), path("b"), "", 2, "", "", {"context.", "temporal."});
  const models::Weights before = models::load_weights(path("a")), after = models::load_weights(path("b"));
  EXPECT_LT(after.file_bytes, before.file_bytes);
  EXPECT_EQ(after.tensors.at("context.memory.weight").scalar_type(), at::kChar);
  EXPECT_EQ(after.tensors.at("synthesis.latent.weight").scalar_type(), at::kHalf);
  EXPECT_FALSE(after.tensors.contains("temporal.join.int8.scale"));
  const auto model = models::load_motion(path("b"));
  EXPECT_EQ(model->revision, 2u);
  const at::Tensor was = network.params().find("context.memory.weight")->tensor, is = model->network.params().find("context.memory.weight")->tensor;
  EXPECT_GT((was - is).abs().max().item<double>(), 0);
  EXPECT_LT((was - is).abs().max().item<double>(), 0.01 * was.abs().max().item<double>());
  EXPECT_THROW(compact_weights(path("none"), path("c"), "", 0, "", "", {"context."}), std::runtime_error);
}

}  // namespace
}  // namespace tessera::train
