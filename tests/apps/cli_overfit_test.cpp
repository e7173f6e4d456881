// `tessera encode --codec overfit` as its users run it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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

// A square that moves.
std::string y4m(int width, int height, int frames) {
  std::string bytes = fmt::format("YUV4MPEG2 W{} H{} F25:1 Ip A1:1 C420mpeg2\n", width, height);
  for (int t = 0; t < frames; ++t) {
    bytes += "FRAME\n";
    for (int i = 0; i < width * height; ++i) {
      const int x = i % width - 2 * t, y = i / width;
      bytes += static_cast<char>(x > 4 && x < 14 && y > 4 && y < 14 ? 180 : 60 + y);
    }
    bytes.append(static_cast<size_t>((width + 1) / 2 * ((height + 1) / 2) * 2), static_cast<char>(128));
  }
  return bytes;
}

TEST(CliOverfit, VideoThereAndBackWithoutWeights) {
  TemporaryFolder folder;
  const std::string in = folder.path("a.y4m"), stream = folder.path("a.tsr"), out = folder.path("b.y4m"), track = folder.path("a.tsr.mkv");
  put_text_file(in, y4m(48, 32, 7));
  const Outcome coded = run_program({"encode", "--codec", "overfit-video", "--effort", "0", "--keyint", "3", in, stream, "--weights-dir", folder.path("none")});
  ASSERT_EQ(coded.code, 0) << coded.err;
  EXPECT_NE(coded.err.find("48x32, 7 frames, 3 key, quality 32"), std::string::npos) << coded.err;
  EXPECT_EQ(run_program({"decode", stream, out, "--weights-dir", folder.path("none")}).code, 0);
  const auto frames = [](const std::string& file) { return file.size() - file.find('\n'); };  // bytes behind the first line
  EXPECT_EQ(frames(text_of(out)), frames(text_of(in)));
  EXPECT_EQ(run_program({"verify", stream}).code, 0);
  const Outcome info = run_program({"info", stream, "--check"});
  EXPECT_EQ(info.code, 0) << info.err;
  EXPECT_NE(info.out.find("overfit-video revision 1"), std::string::npos) << info.out;
  ASSERT_EQ(run_program({"encode", "--codec", "overfit-video", "--effort", "0", "--without", "plain", in, track}).code, 0);
  EXPECT_EQ(run_program({"decode", track, out}).code, 0);
  for (const auto& [option, value] : {std::pair("--without", "nonsense"), {"--bitrate", "100k"}, {"--keyint", "300"}}) {
    const Outcome refused = run_program({"encode", "--codec", "overfit-video", option, value, in, folder.path("c.tsr")});
    EXPECT_NE(refused.code, 0) << option;
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
    EXPECT_FALSE(exists(folder.path("c.tsr"))) << option;
  }
}

// An hour of training, ended by Ctrl-C after a moment: a stream, exit code 0.
TEST(CliOverfit, AnInterruptionEndsTheTrainingNotTheStream) {
  TemporaryFolder folder;
  put_text_file(folder.path("a.y4m"), y4m(64, 48, 40));
  for (const auto& [codec, in] : {std::pair(std::string("overfit"), write_photo(folder.path("a.png"), 64, 48)), {"overfit-video", folder.path("a.y4m")}}) {
    const std::string stream = folder.path(codec + ".tsr");
    std::vector<std::string> words{TESSERA_PROGRAM, "encode", "--codec", codec, "--effort", "9", "--quiet", in, stream};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int status = 0;
    // On a busy machine the program may still be loading its libraries, and is ended by the signal: once more then, with more time.
    for (const int seconds : {3, 10, 30}) {
      pid_t child = 0;
      ASSERT_EQ(::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ), 0);
      std::this_thread::sleep_for(std::chrono::seconds(seconds));
      ASSERT_EQ(::kill(child, SIGINT), 0);
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      if (WIFEXITED(status)) break;
    }
    ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(run_program({"verify", stream}).code, 0);
  }
}

// A rate that no quality reaches.
TEST(CliRate, TheLineAtTheEndSaysThatTheModelCannot) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png")), stream = folder.path("a.tsr");
  for (const auto& [rate, words] : {std::pair{"0.001", "quality 0, the smallest that the model can"}, {"48", "quality 63, the best that the model can"}}) {
    const Outcome outcome = run_program({"encode", in, stream, "--bpp", rate});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(run_program({"encode", in, stream, "-q", "0"}).err.find("the smallest"), std::string::npos) << "nobody asked for a rate";
}

}  // namespace
}  // namespace tessera::test
