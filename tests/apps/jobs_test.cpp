#include "apps/tessera/jobs.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/data/temporary_folder.h"

namespace tessera::cli {
namespace {

std::string plan(const std::vector<std::string>& files, const std::string& out_dir = "",
                 Direction direction = Direction::encode) {
  auto jobs = plan_jobs(files, out_dir, direction == Direction::encode ? "tsr" : "png", direction);
  if (!jobs) return "error";
  std::string text;
  for (const Job& job : *jobs) text += job.input + ">" + job.output + " ";
  return text;
}

TEST(Jobs, Rules) {
  EXPECT_EQ(plan({"a/b.png"}), "a/b.png>a/b.tsr ");
  EXPECT_EQ(plan({"b.png", "c.tsr"}), "b.png>c.tsr ");
  EXPECT_EQ(plan({"b.png", "c.TSR"}), "b.png>c.TSR ");
  EXPECT_EQ(plan({"b.png", "-"}), "b.png>- ");
  EXPECT_EQ(plan({"-"}), "->- ");
  EXPECT_EQ(plan({"b.png", "/dev/null"}), "b.png>/dev/null ");
  EXPECT_EQ(plan({"b.png", "/dev/stdout"}), "b.png>- ");
  EXPECT_EQ(plan({"b.tsr", "/dev/fd/1"}, "", Direction::decode), "b.tsr>- ");
  EXPECT_EQ(plan({"a.b.png", "x/c.jpg"}, "o"), "a.b.png>o/a.b.tsr x/c.jpg>o/c.tsr ");
  EXPECT_EQ(plan({"-"}, "o"), "->o/stdin.tsr ");
  EXPECT_EQ(plan({"a.tsr"}, "", Direction::decode), "a.tsr>a.png ");
  EXPECT_EQ(plan({"a.tsr", "b.jpg"}, "", Direction::decode), "a.tsr>b.jpg ");
}

TEST(Jobs, Refusals) {
  EXPECT_EQ(plan({}), "error");
  EXPECT_EQ(plan({"a.png", "b.png"}), "error");
  EXPECT_EQ(plan({"a.png", "b.png", "c.tsr"}), "error");
  EXPECT_EQ(plan({"a.png", "x/a.jpg"}, "o"), "error");
  EXPECT_EQ(plan({"a.tsr"}), "error") << "input and output";
  EXPECT_EQ(plan({"a.tsr", "b.tsr"}, "", Direction::decode), "error");
  EXPECT_EQ(plan({"-", "-"}, "o"), "error");
}

TEST(Jobs, SameFileThroughALink) {
  test::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("d"));
  std::filesystem::create_directory_symlink(folder.path("d"), folder.path("e"));
  std::filesystem::create_symlink("a", folder.path("d/b"));
  std::filesystem::copy_file("/proc/self/comm", folder.path("d/a"));
  EXPECT_TRUE(same_file(folder.path("d/a"), folder.path("e/a")));
  EXPECT_TRUE(same_file(folder.path("d/a"), folder.path("d/b")));
  EXPECT_FALSE(same_file(folder.path("d/a"), folder.path("d/c")));
  EXPECT_TRUE(same_file("./x", "x"));
  EXPECT_FALSE(same_file("-", "-"));
  EXPECT_FALSE(same_file("/dev/null", "/dev/null"));
}

}  // namespace
}  // namespace tessera::cli
