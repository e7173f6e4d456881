// Work that ends before it is done, by a time limit or because the program is killed, leaves no half file under the name that was asked for: nothing, what was
// there before, or all of it.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "tests/apps/run_program.h"
#include "tests/data/av_samples.h"
#include "tests/data/temporary_folder.h"

extern char** environ;

namespace tessera::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string y4m(int width, int height, int frames) {
  std::string file = "YUV4MPEG2 W" + std::to_string(width) + " H" + std::to_string(height) + " F25:1 C420jpeg\n";
  for (int f = 0; f < frames; ++f) {
    file += "FRAME\n";
    for (int i = 0; i < width * height * 3 / 2; ++i) file += static_cast<char>((i * 7 + i / width * (f + 3)) & 255);
  }
  return file;
}

TEST(CliTimeLimit, IsAnErrorAndLeavesNothing) {
  TemporaryFolder folder;
  const std::string picture = folder.path("p.tsr"), video = folder.path("v.tsr");
  ASSERT_EQ(run_program({"encode", write_photo(folder.path("p.png")), picture}).code, 0);
  put_text_file(folder.path("v.y4m"), y4m(64, 48, 5));
  ASSERT_EQ(run_program({"encode", folder.path("v.y4m"), video}).code, 0);
  for (const auto& [in, out] : {std::pair(picture, folder.path("o.png")), {video, folder.path("o.y4m")}}) {
    const Outcome late = run_program({"decode", in, out, "--max-time", "1e-9"});
    EXPECT_EQ(late.code, 14) << late.err;
    EXPECT_EQ(late.error_lines(), 1u) << late.err;
    EXPECT_NE(late.err.find("time limit"), std::string::npos) << late.err;
    EXPECT_FALSE(exists(out));
    EXPECT_EQ(run_program({"decode", in, out, "--max-time", "3600"}).code, 0);
    EXPECT_EQ(run_program({"decode", in, out, "--max-time", "-1"}).code, 2);
  }
}

class CliKill : public testing::Test {
 protected:
  // Runs the program, kills it after `delay`. True when it had ended by itself before.
  static bool run_and_kill(std::vector<std::string> words, Clock::duration delay) {
    words.insert(words.begin(), TESSERA_PROGRAM);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    EXPECT_EQ(::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ), 0);
    const auto end = Clock::now() + delay;
    int status = 0;
    while (Clock::now() < end) {
      if (::waitpid(child, &status, WNOHANG) == child) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::kill(child, SIGKILL);
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status);
  }

  // Kills `words`, which write `output`, at kMoments moments of the time that they take; `whole` has to accept what is there.
  void kill_at_moments(const std::vector<std::string>& words, const std::string& output, const std::function<bool()>& whole) {
    const auto start = Clock::now();
    ASSERT_EQ(run_program(words).code, 0);
    const auto all = Clock::now() - start;
    ASSERT_TRUE(whole());
    const std::string before = "what was there before";
    int killed = 0;
    for (int moment = 0; moment < kMoments; ++moment) {
      const bool replaced = moment % 2 == 1;
      std::filesystem::remove(output);
      if (replaced) put_text_file(output, before);
      killed += run_and_kill(words, all * (moment + 1) / kMoments) ? 0 : 1;
      const bool untouched = replaced ? exists(output) && text_of(output) == before : !exists(output);
      EXPECT_TRUE(untouched || whole()) << "killed after " << moment + 1 << "/" << kMoments;
    }
    EXPECT_GT(killed, kMoments / 4);
  }

  static constexpr int kMoments = 10;
  TemporaryFolder folder_;
};

TEST_F(CliKill, Encoding) {
  const std::string out = folder_.path("a.tsr");
  const auto whole = [&] { return run_program({"verify", out}).code == 0; };
  kill_at_moments({"encode", write_photo(folder_.path("a.png"), 700, 500), out, "--quiet"}, out, whole);
  put_text_file(folder_.path("a.y4m"), y4m(160, 96, 12));
  kill_at_moments({"encode", folder_.path("a.y4m"), out, "--quiet"}, out, whole);
}

TEST_F(CliKill, Decoding) {
  const std::string in = folder_.path("a.tsr"), picture = folder_.path("a.png"), video = folder_.path("a.mkv");
  ASSERT_EQ(run_program({"encode", write_photo(folder_.path("in.png"), 700, 500), in}).code, 0);
  const auto size_of = [](const std::string& path) { return text_of(path).size(); };
  ASSERT_EQ(run_program({"decode", in, picture}).code, 0);
  const size_t picture_size = size_of(picture);
  kill_at_moments({"decode", in, picture, "--quiet"}, picture, [&] { return size_of(picture) == picture_size; });
  put_text_file(folder_.path("a.y4m"), y4m(160, 96, 12));
  const std::string stream = folder_.path("v.tsr");
  ASSERT_EQ(run_program({"encode", folder_.path("a.y4m"), stream}).code, 0);
  const std::string out = folder_.path("v.y4m");
  ASSERT_EQ(run_program({"decode", stream, out}).code, 0);
  const size_t video_size = size_of(out);
  kill_at_moments({"decode", stream, out, "--quiet"}, out, [&] { return size_of(out) == video_size; });
}

class CliSignal : public CliKill {
 protected:
  // Runs the program, its standard input a pipe with `input` in it that never ends, until the folder has a temporary file; then the signal ends it.
  void end_in_the_middle(std::vector<std::string> words, const std::string& input, int number) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    words.insert(words.begin(), TESSERA_PROGRAM);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    pid_t child = 0;
    ASSERT_EQ(::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ASSERT_EQ(::write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    const auto end = Clock::now() + std::chrono::seconds(60);
    while (!half_done() && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(half_done());
    ::kill(child, number);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number) << status;
    EXPECT_FALSE(half_done());
    ::close(ends[0]);
    ::close(ends[1]);
  }

  bool half_done() const {
    for (const std::string& name : folder_.names()) {
      if (name.find(".part-") != std::string::npos) return true;
    }
    return false;
  }
};

TEST_F(CliSignal, LeavesNoTemporaryFile) {
  const std::string out = folder_.path("o.tsr"), frames = y4m(64, 48, 2);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) end_in_the_middle({"encode", "-", out}, frames, number);
  EXPECT_TRUE(folder_.names().empty());
}

TEST_F(CliSignal, EndsTheFittingOfSoundAtOnce) {
  put_text_file(folder_.path("a.wav"), float_wav(24000, 1, tones(24000, 1, 48000)));
  end_in_the_middle({"encode", "--codec", "bayes", "--effort", "9", folder_.path("a.wav"), folder_.path("a.tsr")}, {}, SIGINT);
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"a.wav"});
}

}  // namespace
}  // namespace tessera::test
