#include "apps/tessera-train/video_recipe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/video/motion.h"
#include "tests/data/temporary_folder.h"

namespace tessera::train {
namespace {

using tessera::test::TemporaryFolder;

VideoRecipe load(const std::string& text) {
  const TemporaryFolder folder;
  std::ofstream(folder.path("r.json")) << text;
  return load_video_recipe(folder.path("r.json"));
}

TEST(VideoRecipe, RoundTrip) {
  const VideoRecipe r = load(R"({"model":"m","config":{"architecture":"motion","latents":64},"ema":0.9,"patterned":0.5,"key_bonus":[4,20],"relative":0.75,
      "phases":[{"frames":5,"crop":128,"batch":2,"minutes":0.5,"rate_begin":1e-3,"synthetic":0.25,"enlarged":0.5,"reduced":0.25,"skip":3,"drop":0.1,"keys":0.5,"lead":2,"reach":16,"quarters":false}]})");
  EXPECT_EQ(r.model, "m");
  EXPECT_EQ(r.config.latents, 64);
  EXPECT_EQ(r.key_bonus_least, 4);
  EXPECT_EQ(r.key_bonus_most, 20);
  EXPECT_EQ(r.relative, 0.75);
  ASSERT_EQ(r.phases.size(), 1u);
  EXPECT_EQ(r.phases[0].frames, 5);
  EXPECT_EQ(r.phases[0].enlarged, 0.5);
  EXPECT_EQ(r.phases[0].keys, 0.5);
  EXPECT_EQ(r.phases[0].lead, 2);
  EXPECT_EQ(r.phases[0].reduced, 0.25);
  EXPECT_EQ(r.phases[0].rate_end, 1e-3);
  EXPECT_FALSE(r.phases[0].quarters);
  EXPECT_EQ(load(r.to_json()).to_json(), r.to_json());
}

class BadVideoRecipe : public testing::TestWithParam<const char*> {};

TEST_P(BadVideoRecipe, IsRefusedWithTheFilesName) {
  try {
    load(GetParam());
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("r.json"), std::string::npos) << e.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, BadVideoRecipe,
                         testing::Values("", "[]", "{}", R"({"config":{"architecture":"motion"},"phases":[]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"frames":0}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"crop":100}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"reach":6}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"synthetic":2}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"enlarged":-0.1}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"keys":1.5}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"frames":4,"lead":4}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"synthetic":0.5,"enlarged":0.3,"reduced":0.3}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"frame":2}]})",
                                         R"({"config":{"architecture":"motion"},"key_bonus":8,"phases":[{}]})",
                                         R"({"config":{"architecture":"motion"},"key_bonus":[9,8],"phases":[{}]})",
                                         R"({"config":{"architecture":"motion"},"key_bonus":[0,64],"phases":[{}]})",
                                         R"({"config":{"architecture":"motion"},"relative":1.5,"phases":[{}]})",
                                         R"({"config":{"architecture":"motion"},"phases":[{"frames":"two"}]})",
                                         R"({"config":{"architecture":"still"},"phases":[{}]})", R"({"config":{},"frases":[{}],"phases":[{}]})"));

// The recipes in the box: within the sizes that the models promise.
TEST(VideoRecipe, ShippedRecipes) {
  struct Promise {
    const char* name;
    double decode_kmacs, megabytes;
    std::vector<std::string> int8;  // what is released in int8 (docs/training.md, "Smaller files")
  };
  for (const Promise& p : {Promise{"motion", 200, 25, {"context.block", "context.memory", "mean.", "synthesis.trunk", "analysis.trunk", "hyper_analysis."}},
                           Promise{"motion-lite", 15, 4, {"context.block", "context.memory", "mean.", "analysis.fine", "synthesis.fine", "hyper_analysis."}}, Promise{"stem", 20, 5, {}}}) {
    const std::string path = std::string(TESSERA_RECIPES "/").append(p.name).append(".json");
    EXPECT_TRUE(is_video_recipe(path));
    const VideoRecipe r = load_video_recipe(path);
    EXPECT_EQ(r.model, p.name);
    const models::Motion network(r.config, models::Motion::Uninitialised{});
    EXPECT_LE(network.decode_macs() / 1000, p.decode_kmacs);
    // Stored as float16, learned scales as float32, matrices of the exact path and those listed as int8.
    double bytes = 0;
    for (const auto& q : network.params().list()) {
      const bool exact = q.kind == models::ParamKind::fine && q.tensor.dim() == 2;
      const bool small = q.tensor.dim() >= 2 && q.tensor.numel() >= 4096 && std::any_of(p.int8.begin(), p.int8.end(), [&](const std::string& begin) { return q.name.starts_with(begin); });
      bytes += static_cast<double>(q.tensor.numel()) * (exact || small ? 1 : q.kind == models::ParamKind::fine ? 4 : 2);
    }
    EXPECT_LE(bytes / 1e6, 0.98 * p.megabytes);
    EXPECT_EQ(r.phases.front().frames, 1);
    EXPECT_GE(r.phases.back().frames, 16);
  }
}

// What continues a shipped model is of its shape, or --init would refuse it.
TEST(VideoRecipe, ContinuedRecipes) {
  for (const std::string name : {"motion", "motion-lite"}) {
    const VideoRecipe first = load_video_recipe(TESSERA_RECIPES "/" + name + ".json"), more = load_video_recipe(TESSERA_RECIPES "/" + name + "-continued.json");
    EXPECT_EQ(more.model, name);
    EXPECT_EQ(more.config.to_json(), first.config.to_json());
    EXPECT_GT(more.patterns, 0);
  }
}

TEST(VideoRecipe, OtherRecipesAreToldApart) { EXPECT_FALSE(is_video_recipe(TESSERA_RECIPES "/still.json")); }

}  // namespace
}  // namespace tessera::train
