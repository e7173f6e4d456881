#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

using Names = std::vector<std::string>;

TEST(CliEncode, OneFileBesideItsInput) {
  TemporaryFolder folder;
  const Outcome outcome = run_program({"encode", write_photo(folder.path("a.png")), "-q", "40"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.empty());
  EXPECT_EQ(outcome.error_lines(), 1u) << "the summary, and no bar without a terminal: " << outcome.err;
  EXPECT_NE(outcome.err.find("96x64, quality 40"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(" bpp"), std::string::npos);
  EXPECT_EQ(folder.names(), (Names{"a.png", "a.tsr"}));
  EXPECT_EQ(text_of(folder.path("a.tsr")).substr(0, 3), "TSR");
}

TEST(CliEncode, OverwritesUnlessTold) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png")), out = folder.path("b.tsr");
  put_text_file(out, "old");
  const Outcome kept = run_program({"encode", in, out, "-n"});
  EXPECT_EQ(kept.code, 19);
  EXPECT_EQ(text_of(out), "old");
  EXPECT_EQ(run_program({"encode", in, out, "--quiet"}).code, 0);
  EXPECT_EQ(text_of(out).substr(0, 3), "TSR");
  EXPECT_EQ(run_program({"encode", in, out, "-y"}).code, 0);
}

TEST(CliEncode, APictureIsNotWrittenAsMatroska) {
  TemporaryFolder folder;
  const Outcome outcome = run_program({"encode", write_photo(folder.path("a.png")), folder.path("a.tsr.mkv")});
  EXPECT_EQ(outcome.code, 18);
  EXPECT_EQ(outcome.error_lines(), 1u) << outcome.err;
  EXPECT_EQ(folder.names(), Names{"a.png"});
}

TEST(CliEncode, QuietIsQuiet) {
  TemporaryFolder folder;
  const Outcome outcome = run_program({"encode", write_photo(folder.path("a.png")), "--quiet"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(outcome.err.empty());
}

TEST(CliEncode, StandardStreams) {
  TemporaryFolder folder;
  const std::string png = text_of(write_photo(folder.path("a.png")));
  ASSERT_EQ(run_program({"encode", folder.path("a.png"), folder.path("a.tsr")}).code, 0);
  const Outcome outcome = run_program({"encode", "-", "-"}, png);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, text_of(folder.path("a.tsr")));
  const Outcome one_dash = run_program({"encode", "-"}, png);
  EXPECT_EQ(one_dash.out, outcome.out);
  const Outcome decoded = run_program({"decode", "-", "-", "--format", "ppm", "--quiet"}, outcome.out);
  EXPECT_EQ(decoded.code, 0) << decoded.err;
  EXPECT_EQ(decoded.out.substr(0, 2), "P6");
}

TEST(CliEncode, ManyFilesIntoANewFolder) {
  TemporaryFolder folder;
  std::vector<std::string> arguments{"encode", "--out-dir", folder.path("new/sub"), "--threads", "3"};
  for (uint32_t i = 0; i < 5; ++i) {
    arguments.push_back(
        write_photo(folder.path(fmt::format("p{}.{}", i, i % 2 ? "jpg" : "png")), 40 + i, 30));
  }
  const Outcome outcome = run_program(arguments);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err.rfind("5 of 5 files, ", 0), 0u) << outcome.err;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(exists(folder.path(fmt::format("new/sub/p{}.tsr", i))));
}

TEST(CliEncode, OneBadFileDoesNotStopTheOthers) {
  TemporaryFolder folder;
  const std::string good = write_photo(folder.path("good.png"));
  put_text_file(folder.path("bad.png"), "not a picture");
  const Outcome outcome = run_program(
      {"encode", folder.path("bad.png"), good, "--out-dir", folder.path("out"), "--threads", "1"});
  EXPECT_EQ(outcome.code, 13);
  EXPECT_EQ(outcome.error_lines(), 2u) << outcome.err;
  EXPECT_NE(outcome.err.find("1 of 2 files"), std::string::npos) << outcome.err;
  EXPECT_TRUE(exists(folder.path("out/good.tsr")));
  EXPECT_FALSE(exists(folder.path("out/bad.tsr")));
}

TEST(CliEncode, NoChecksumIsSmaller) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png"));
  ASSERT_EQ(run_program({"encode", in, folder.path("with.tsr")}).code, 0);
  ASSERT_EQ(run_program({"encode", in, folder.path("without.tsr"), "--no-checksum"}).code, 0);
  EXPECT_LT(text_of(folder.path("without.tsr")).size(), text_of(folder.path("with.tsr")).size());
}

}  // namespace
}  // namespace tessera::test
