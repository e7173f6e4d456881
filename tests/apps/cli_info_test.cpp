#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

class CliInfo : public testing::Test {
 protected:
  void SetUp() override {
    const std::string picture = write_photo(folder_.path("a.png"), 120, 80);
    ASSERT_EQ(run_program({"encode", picture, stream_, "-q", "21"}).code, 0);
  }

  TemporaryFolder folder_;
  std::string stream_ = folder_.path("a.tsr");
};

TEST_F(CliInfo, Text) {
  const Outcome outcome = run_program({"info", stream_});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const char* part : {"TSR 1.0, image", "120x80", "still", "latents", "checksum"}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << "\n" << outcome.out;
  }
}

TEST_F(CliInfo, Json) {
  const Outcome outcome = run_program({"info", "--json", stream_, "--check"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["width"], 120);
  EXPECT_EQ(json["quality"], 21);
  EXPECT_EQ(json["model"]["name"], "still");
  EXPECT_EQ(json["bytes"], text_of(stream_).size());
  EXPECT_EQ(json["decoded_checksum"], json["checksum"]);
  EXPECT_GT(json["sections"]["latents"], 0);
}

TEST_F(CliInfo, SeveralFilesAreAList) {
  const Outcome outcome = run_program({"info", "--json", stream_, stream_});
  EXPECT_EQ(nlohmann::json::parse(outcome.out).size(), 2u);
  const Outcome partly = run_program({"info", "--json", stream_, folder_.path("none")});
  EXPECT_EQ(partly.code, 19);
  EXPECT_EQ(nlohmann::json::parse(partly.out).size(), 1u);
}

TEST_F(CliInfo, Verify) {
  const Outcome outcome = run_program({"verify", stream_});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("as stored"), std::string::npos);
  EXPECT_EQ(run_program({"verify", "-", "--quiet"}, text_of(stream_)).code, 0);
  ASSERT_EQ(run_program({"encode", folder_.path("a.png"), stream_, "--no-checksum"}).code, 0);
  EXPECT_NE(run_program({"verify", stream_}).out.find("stores none"), std::string::npos);
}

TEST_F(CliInfo, FullStandardOutput) {
  const Outcome outcome = run_program({"info", stream_}, "", "/dev/full");
  EXPECT_EQ(outcome.code, 19);
  EXPECT_EQ(outcome.error_lines(), 1u);
}

TEST(CliModels, TextAndJson) {
  const Outcome text = run_program({"models"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("still"), std::string::npos);
  const auto json = nlohmann::json::parse(run_program({"models", "--json"}).out);
  ASSERT_TRUE(json.is_array());
  const auto still = std::find_if(json.begin(), json.end(), [](const auto& model) { return model["name"] == "still"; });
  ASSERT_NE(still, json.end());
  EXPECT_EQ((*still)["media"], "image");
}

}  // namespace
}  // namespace tessera::test
