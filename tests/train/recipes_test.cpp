// Recipes of pictures and sound: what is read is written again, what is wrong is refused with the file's name.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "apps/tessera-train/audio_recipe.h"
#include "apps/tessera-train/still_recipe.h"
#include "tests/data/temporary_folder.h"

namespace tessera::train {
namespace {

class Recipes : public testing::Test {
 protected:
  std::string file(const std::string& text) const {
    std::ofstream(folder.path("r.json")) << text;
    return folder.path("r.json");
  }
  template <class Load>
  void refused(Load load, const std::string& text) const {
    try {
      load(file(text));
      FAIL() << text;
    } catch (const std::runtime_error& e) {
      EXPECT_NE(std::string(e.what()).find("r.json"), std::string::npos) << e.what();
    }
  }
  const tessera::test::TemporaryFolder folder;
};

TEST_F(Recipes, StillRoundTrip) {
  const StillRecipe r = load_still_recipe(file(R"({"ema":0.5,"muon":false,"comment":"c","phases":[{"crop":128,"batch":3,"minutes":2,"rate_begin":1e-3}]})"));
  EXPECT_EQ(r.model, "still");
  EXPECT_EQ(r.optimizer.ema, 0.5);
  EXPECT_FALSE(r.optimizer.muon);
  ASSERT_EQ(r.phases.size(), 1u);
  EXPECT_EQ(r.phases[0].crop, 128);
  EXPECT_EQ(r.phases[0].batch, 3);
  EXPECT_EQ(r.phases[0].rate_end, 1e-3);  // as at its beginning
  EXPECT_EQ(load_still_recipe(file(r.to_json())).to_json(), r.to_json());
}

TEST_F(Recipes, AudioRoundTrip) {
  const AudioRecipe r = load_audio_recipe(file(R"({"model":"s","losses":{"mel":3},"variation":{"speed":1.1},"seed":7,
      "phases":[{"seconds":2,"batch":4,"minutes":1,"rate_begin":1e-3,"rate_end":1e-4,"adversarial":true}]})"));
  EXPECT_EQ(r.model, "s");
  EXPECT_EQ(r.mel, 3);
  EXPECT_EQ(r.optimizer.seed, 7u);
  EXPECT_TRUE(r.phases[0].adversarial);
  EXPECT_EQ(r.phases[0].rate_end, 1e-4);
  EXPECT_EQ(load_audio_recipe(file(r.to_json())).to_json(), r.to_json());
}

TEST_F(Recipes, WrongOnes) {
  for (const char* text : {"", "[]", "{}", R"({"phases":[]})", R"({"phases":[{"batch":0}]})", R"({"phases":[{"minutes":0}]})", R"({"phases":[{"rate_begin":-1}]})",
                           R"({"phases":[{"unknown":1}]})", R"({"unknown":1,"phases":[{}]})", R"({"phases":[{"batch":"two"}]})"}) {
    refused(load_still_recipe, text);
    refused(load_audio_recipe, text);
  }
  refused(load_still_recipe, R"({"phases":[{"crop":100}]})");
  refused(load_audio_recipe, R"({"phases":[{"seconds":0}]})");
  refused(load_audio_recipe, R"({"losses":{"smell":3},"phases":[{}]})");
  refused(load_audio_recipe, R"({"variation":{"speed":3},"phases":[{}]})");
  refused(recipe_model, R"({"model":3})");
}

TEST_F(Recipes, ShippedOnes) {
  const std::string all = TESSERA_RECIPES;
  EXPECT_EQ(load_still_recipe(all + "/still.json").model, "still");
  for (const std::string name : {"speech", "speech-hq", "speech-live", "sound"}) {
    EXPECT_EQ(load_audio_recipe(all + "/" + name + ".json").model, name);
    EXPECT_EQ(recipe_model(all + "/" + name + ".json"), name);
  }
}

}  // namespace
}  // namespace tessera::train
