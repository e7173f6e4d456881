// `tessera encode --codec overfit` as its users run it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

extern char** environ;

namespace tessera::test {
namespace {

TEST(CliOverfit, ThereAndBackWithoutWeights) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png"), 48, 32), stream = folder.path("a.tsr"), out = folder.path("b.png");
  const Outcome coded = run_program({"encode", "--codec", "overfit", "--effort", "0", in, stream, "--weights-dir", folder.path("none")});
  ASSERT_EQ(coded.code, 0) << coded.err;
  EXPECT_NE(coded.err.find("48x32, quality 32"), std::string::npos) << coded.err;
  EXPECT_EQ(run_program({"decode", stream, out, "--weights-dir", folder.path("none")}).code, 0);
  EXPECT_TRUE(exists(out));
  EXPECT_EQ(run_program({"verify", stream}).code, 0);
  const Outcome info = run_program({"info", stream, "--check"});
  EXPECT_EQ(info.code, 0);
  EXPECT_NE(info.out.find("overfit revision 1"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("as stored"), std::string::npos) << info.out;
}

TEST(CliOverfit, ARateIsAimedAt) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png"), 64, 64);
  const Outcome coded = run_program({"encode", "--codec", "overfit", "--effort", "1", "--bpp", "2", in});
  ASSERT_EQ(coded.code, 0) << coded.err;
  const double bpp = static_cast<double>(text_of(folder.path("a.tsr")).size()) * 8 / (64 * 64);
  EXPECT_NEAR(bpp, 2, 0.6);
}

// An hour of training, ended by Ctrl-C after a moment: a stream, exit code 0.
TEST(CliOverfit, AnInterruptionEndsTheTrainingNotTheStream) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png"), 64, 48), stream = folder.path("a.tsr");
  std::vector<std::string> words{TESSERA_PROGRAM, "encode", "--codec", "overfit", "--effort", "9", "--quiet", in, stream};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  ASSERT_EQ(::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ), 0);
  std::this_thread::sleep_for(std::chrono::seconds(3));
  ASSERT_EQ(::kill(child, SIGINT), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(run_program({"verify", stream}).code, 0);
}

}  // namespace
}  // namespace tessera::test
