// The configuration that is stored with the weights, and what the default one costs.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "models/still.h"
#include "tests/models/tiny_still.h"

namespace tessera::models {
namespace {

TEST(StillConfig, RoundTrip) {
  for (const StillConfig& c : {StillConfig{}, test::tiny_config()}) {
    const std::string text = c.to_json();
    EXPECT_EQ(StillConfig::from_json(text).to_json(), text);
  }
}

// Every field is stored: each one changed alone survives the round trip.
TEST(StillConfig, EveryFieldSurvives) {
  const auto fields = nlohmann::json::parse(StillConfig{}.to_json());
  int numbers = 0;
  for (const auto& [key, value] : fields.items()) {
    if (!value.is_number()) continue;
    ++numbers;
    auto changed = fields;
    if (value.is_number_integer()) {
      changed[key] = value.get<int64_t>() + (value.get<int64_t>() >= 64 && key != "scale_rows" ? 8 : 1);
    } else {
      changed[key] = value.get<double>() * 1.25;
    }
    EXPECT_EQ(nlohmann::json::parse(StillConfig::from_json(changed.dump()).to_json()), changed) << key;
  }
  EXPECT_EQ(numbers, 17);
}

TEST(StillConfig, RefusesNonsense) {
  const std::vector<std::string> texts = {"",
                                          "null",
                                          "1",
                                          "[]",
                                          "\"still\"",
                                          "{",
                                          "{\"latents\":}",
                                          std::string(100000, '['),
                                          std::string(100000, '{'),
                                          R"({"latents":"many"})",
                                          R"({"latents":null})",
                                          R"({"latents":[256]})",
                                          R"({"latents":256.0})",
                                          R"({"latents":true})",
                                          R"({"latents":0})",
                                          R"({"latents":-8})",
                                          R"({"latents":7})",
                                          R"({"latents":12})",
                                          R"({"latents":4104})",
                                          R"({"latents":1000000000})",
                                          R"({"latents":18446744073709551615})",
                                          R"({"latents":9223372036854775816})",
                                          R"({"latents":1e3})",
                                          R"({"patch_channels":0})",
                                          R"({"trunk_channels":-16})",
                                          R"({"hyper_channels":1})",
                                          R"({"context_channels":99999})",
                                          R"({"attention":4})",
                                          R"({"hyperlatents":264})",
                                          R"({"enc_patch_blocks":0})",
                                          R"({"enc_trunk_blocks":-1})",
                                          R"({"dec_trunk_blocks":65})",
                                          R"({"dec_patch_blocks":1000000})",
                                          R"({"context_blocks":"2"})",
                                          R"({"scale_rows":1})",
                                          R"({"scale_rows":257})",
                                          R"({"scale_rows":-80})",
                                          R"({"scale_min":0})",
                                          R"({"scale_min":-0.1})",
                                          R"({"scale_min":1e400})",
                                          R"({"scale_min":"small"})",
                                          R"({"scale_step":0})",
                                          R"({"scale_step":100})",
                                          R"({"architecture":"speech"})",
                                          R"({"lambda_min":0.5,"lambda_max":0.1})",
                                          R"({"lambda_min":0})",
                                          R"({"lambda_max":-1})",
                                          R"({"lambda_max":1e9})"};
  for (const std::string& text : texts)
    EXPECT_THROW(StillConfig::from_json(text), std::runtime_error) << text.substr(0, 60);
}

// The bound that the project sets itself, and figures that must not drift unnoticed.
TEST(StillConfig, TheDefaultDecodesWithin70kMultiplyAddsAPixel) {
  const Still network(StillConfig{}, Still::Uninitialised{});
  EXPECT_LE(network.decode_macs(), 70000.0);
  EXPECT_GT(network.decode_macs(), 30000.0);
  EXPECT_LE(network.encode_macs(), 80000.0);
  EXPECT_GT(network.encode_macs(), 30000.0);
  RecordProperty("decode_macs", std::to_string(network.decode_macs()));
  RecordProperty("encode_macs", std::to_string(network.encode_macs()));
}

}  // namespace
}  // namespace tessera::models
