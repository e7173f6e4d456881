#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

TEST(CliBench, JsonHasARowForEachFileAndQuality) {
  TemporaryFolder folder;
  const std::string a = write_photo(folder.path("a.png")), b = write_photo(folder.path("b.png"), 70, 70);
  const Outcome outcome = run_program({"bench", a, b, "-q", "10,50", "--repeat", "2", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto rows = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 4u);
  for (const auto& row : rows) {
    EXPECT_GT(row["bpp"], 0);
    EXPECT_GT(row["encode_seconds"], 0);
    EXPECT_GT(row["decode_seconds"], 0);
    EXPECT_TRUE(row["psnr_db"].is_null() || row["psnr_db"] > 15);
  }
  EXPECT_EQ(rows[3]["quality"], 50);
  EXPECT_EQ(rows[3]["file"], b);
}

// A list is one argument: what follows it is a file.
TEST(CliBench, ListsDoNotSwallowFiles) {
  TemporaryFolder folder;
  const Outcome outcome = run_program({"bench", "--json", "--repeat", "1", "--bitrate", "6k,12k", "-q", "8,40", write_photo(folder.path("a.png"))});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out).size(), 2u);
}

TEST(CliBench, SeveralPicturesAtOnce) {
  TemporaryFolder folder;
  const std::string a = write_photo(folder.path("a.png"));
  const Outcome json = run_program({"bench", a, "-q", "30", "--repeat", "1", "--parallel", "2", "--json"});
  ASSERT_EQ(json.code, 0) << json.err;
  const auto rows = nlohmann::json::parse(json.out);
  EXPECT_GT(rows[0]["encoded_per_second"], 0);
  EXPECT_GT(rows[0]["decoded_per_second"], 0);
  const Outcome table = run_program({"bench", a, "-q", "30", "--repeat", "1", "--parallel", "2"});
  EXPECT_NE(table.out.find("several at once"), std::string::npos);
  EXPECT_EQ(run_program({"bench", a, "--parallel", "0"}).code, 2);
}

TEST(CliBench, TableAndMissingFile) {
  TemporaryFolder folder;
  const std::string a = write_photo(folder.path("a.png"));
  const Outcome outcome = run_program({"bench", a, folder.path("none.png"), "-q", "30", "--repeat", "1"});
  EXPECT_EQ(outcome.code, 19);
  EXPECT_NE(outcome.out.find("a.png"), std::string::npos);
  EXPECT_EQ(outcome.error_lines(), 1u) << outcome.err;
  put_text_file(folder.path("b.png"), text_of(a).substr(0, 100));
  const Outcome once = run_program({"bench", folder.path("none.png"), folder.path("b.png"), "-q", "10,20,30", "--repeat", "1"});
  EXPECT_EQ(once.code, 19);
  EXPECT_EQ(once.error_lines(), 2u) << "one for each file, not for each quality: " << once.err;
}

}  // namespace
}  // namespace tessera::test
