#include "tests/apps/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "data/byte_file.h"
#include "data/picture_io.h"
#include "data/synth.h"
#include "tests/data/temporary_folder.h"

extern char** environ;

namespace tessera::test {

size_t Outcome::error_lines() const { return static_cast<size_t>(std::count(err.begin(), err.end(), '\n')); }

std::string text_of(const std::string& path) {
  auto bytes = media::read_file(path);
  EXPECT_TRUE(bytes) << bytes.status().message();
  return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

void put_text_file(const std::string& path, const std::string& bytes) {
  const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  ASSERT_TRUE(media::write_file(path, copy).ok());
}

bool exists(const std::string& path) { return std::filesystem::exists(path); }

Outcome run_program(const std::vector<std::string>& arguments, const std::string& input,
                    const std::string& stdout_path, const std::vector<std::string>& environment) {
  TemporaryFolder folder;
  put_text_file(folder.path("in"), input);
  const std::string out = stdout_path.empty() ? folder.path("out") : stdout_path;
  std::vector<std::string> words{TESSERA_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = environment;
  variables.push_back("OMP_WAIT_POLICY=passive");  // several tests at a time share few cores
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  for (char** variable = environ; *variable != nullptr; ++variable) envp.push_back(*variable);
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, folder.path("in").c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0644);
  posix_spawn_file_actions_addopen(&actions, 2, folder.path("err").c_str(), O_WRONLY | O_CREAT, 0644);
  pid_t child = 0;
  Outcome outcome;
  const int spawned = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(spawned, 0) << argv[0];
  if (spawned != 0) return outcome;
  int state = 0;
  ::waitpid(child, &state, 0);
  if (WIFEXITED(state)) outcome.code = WEXITSTATUS(state);
  if (stdout_path.empty()) outcome.out = text_of(out);
  outcome.err = text_of(folder.path("err"));
  return outcome;
}

std::string write_photo(const std::string& path, uint32_t width, uint32_t height, uint32_t channels,
                        uint32_t bit_depth) {
  const auto picture = media::synth_picture(media::SynthKind::photo, width, height, channels, bit_depth);
  EXPECT_TRUE(media::write_picture(path, picture).ok());
  return path;
}

}  // namespace tessera::test
