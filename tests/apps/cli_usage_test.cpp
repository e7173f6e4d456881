// Help, version, and command lines that are wrong.
#include <gtest/gtest.h>

#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

TEST(CliUsage, HelpEverywhereWithExitCodes) {
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{}, {"encode"}, {"decode"}, {"info"}, {"verify"}, {"models"}, {"bench"}}) {
    arguments.push_back("--help");
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_TRUE(outcome.err.empty()) << outcome.err;
    EXPECT_NE(outcome.out.find("12 corrupt"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("Usage: tessera"), std::string::npos) << outcome.out;
  }
}

TEST(CliUsage, Version) {
  const Outcome outcome = run_program({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out.rfind("tessera ", 0), 0u);
  EXPECT_NE(outcome.out.find("stream format 1.0"), std::string::npos);
}

TEST(CliUsage, WrongCommandLinesGiveOneSentenceAndCode2) {
  TemporaryFolder folder;
  const std::string a = write_photo(folder.path("a.png")), b = write_photo(folder.path("b.png"));
  const std::vector<std::vector<std::string>> lines{
      {},
      {"nonsense"},
      {"encode"},
      {"encode", "--nonsense", a},
      {"encode", a, "-q", "64"},
      {"encode", a, "-q", "-1"},
      {"encode", a, "-q", "high"},
      {"encode", a, "--bpp", "0"},
      {"encode", a, "-q", "5", "--bpp", "0.5"},
      {"encode", a, "--effort", "10"},
      {"encode", a, "--device", "abacus"},
      {"encode", a, "--threads", "-1"},
      {"encode", a, b},                                // two inputs without --out-dir
      {"encode", a, b, folder.path("c.tsr")},          // the same
      {"encode", a, a, "--out-dir", folder.path("")},  // two outputs of one name
      {"encode", "-", "-", "--out-dir", folder.path("")},
      {"encode", a, "-y", "-n"},
      {"decode", folder.path("x.tsr"), folder.path("y.tsr")},
      {"decode", folder.path("x.tsr"), folder.path("y.gif")},
      {"decode", folder.path("x.tsr"), "--format", "gif"},
      {"decode", folder.path("x.tsr"), "--max-pixels", "-1"},
      {"bench", a, "--repeat", "0"},
      {"bench", a, "--frames", "-1"},
      {"info"},
      {"verify"},
  };
  for (const auto& line : lines) {
    const Outcome outcome = run_program(line);
    std::string text;
    for (const auto& word : line) text += word + " ";
    EXPECT_EQ(outcome.code, 2) << text << outcome.err;
    EXPECT_EQ(outcome.error_lines(), 1u) << text << outcome.err;
    EXPECT_EQ(outcome.err.rfind("tessera: ", 0), 0u) << text << outcome.err;
  }
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"a.png", "b.png"})) << "nothing was written";
}

TEST(CliUsage, SaysWhatIsWrong) {
  TemporaryFolder folder;
  const std::string a = write_photo(folder.path("a.png"));
  const std::vector<std::pair<std::vector<std::string>, std::string>> lines{
      {{}, "no command: encode, decode, info, verify, models, bench (see tessera --help)"},
      {{"nonsense"}, "\"nonsense\" is no command: encode"},
      {{"--quiet", "encode", a}, "a command has to come before --quiet: encode, "},
      {{"encode"}, "no input file (see tessera encode --help)"},
      {{"encode", "-x.png"}, "-x.png is no option; a file of such a name goes behind --"},
      {{"encode", a, "--nonsense"}, "--nonsense (see tessera encode --help)"},
      {{"encode", a, "--bpp", "0"}, "not in range 0.001 to 48 "},
      {{"encode", a, "--bpp", "nan"}, "not in range"},
      {{"encode", a, "--sound-bitrate", "x"}, "--sound-bitrate: x is no bit rate"},
      {{"decode", a, "--max-time", "nan"}, "not in range"},
      {{"decode", a, folder.path("b.tsr")}, "the output cannot be a .tsr file"},
  };
  for (const auto& [words, sentence] : lines) {
    const Outcome outcome = run_program(words);
    EXPECT_EQ(outcome.code, 2) << sentence;
    EXPECT_NE(outcome.err.find(sentence), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(run_program({"encode", "--help"}).out.find("{false}"), std::string::npos);
}

TEST(CliUsage, NamesThatBeginWithADashAndFormatsInCapitals) {
  TemporaryFolder folder;
  const std::string a = write_photo(folder.path("a.png")), stream = folder.path("a.tsr");
  ASSERT_EQ(run_program({"encode", "--quiet", "--", a, stream}).code, 0);
  EXPECT_EQ(run_program({"decode", stream, folder.path("b"), "--format", "PPM"}).code, 0);
  EXPECT_EQ(text_of(folder.path("b")).substr(0, 2), "P6");
}

TEST(CliUsage, InputIsNeverTheOutput) {
  TemporaryFolder folder;
  put_text_file(folder.path("a.tsr"), "x");
  const Outcome outcome = run_program({"encode", folder.path("a.tsr"), folder.path("./a.tsr")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("the same file"), std::string::npos) << outcome.err;
  EXPECT_EQ(text_of(folder.path("a.tsr")), "x");
}

}  // namespace
}  // namespace tessera::test
