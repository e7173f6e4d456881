// What the shell does around the program: pipes that are named, streams that are closed, limits, signals.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

using Names = std::vector<std::string>;

class CliSurroundings : public testing::Test {
 protected:
  // Runs a line of bash in the folder, where $T is the program. Returns its exit code, as the shell gives it.
  int shell(const std::string& line) {
    put_text_file(folder_.path("script"), "cd '" + folder_.path("") + "'\nT=" + TESSERA_PROGRAM + "\n" + line + "\n");
    const int status = std::system(("timeout 100 bash " + folder_.path("script")).c_str());
    EXPECT_TRUE(WIFEXITED(status)) << line;
    return WEXITSTATUS(status);
  }
  std::string text(const std::string& name) { return text_of(folder_.path(name)); }
  bool there(const std::string& name) { return exists(folder_.path(name)); }

  TemporaryFolder folder_;
};

TEST_F(CliSurroundings, APipeThatIsNamed) {
  const std::string in = write_photo(folder_.path("a.png"));
  ASSERT_EQ(shell("$T encode a.png a.tsr && $T decode a.tsr a.ppm"), 0);
  EXPECT_EQ(shell("mkfifo f && { cat a.png > f & } && $T encode f b.tsr"), 0);
  EXPECT_EQ(text("b.tsr"), text("a.tsr"));
  EXPECT_EQ(shell("$T encode <(cat a.png) c.tsr"), 0);
  EXPECT_EQ(text("c.tsr"), text("a.tsr"));
  EXPECT_EQ(shell("cat a.png | $T encode /dev/stdin d.tsr"), 0);
  EXPECT_EQ(text("d.tsr"), text("a.tsr"));
  EXPECT_EQ(shell("$T encode /dev/stdin e.tsr < a.png"), 0);
  EXPECT_EQ(text("e.tsr"), text("a.tsr"));
  EXPECT_EQ(shell("$T decode <(cat a.tsr) b.ppm"), 0);
  EXPECT_EQ(text("b.ppm"), text("a.ppm"));
  EXPECT_EQ(shell("$T info <(cat a.tsr) && $T verify <(cat a.tsr)"), 0);
}

TEST_F(CliSurroundings, OnlyOnePipe) {
  write_photo(folder_.path("a.png"));
  EXPECT_EQ(shell("$T encode <(cat a.png) <(cat a.png) --out-dir d 2> err"), 2);
  EXPECT_NE(text("err").find("only one can be read"), std::string::npos) << text("err");
  EXPECT_EQ(shell("cat a.png | $T encode - <(cat a.png) --out-dir d"), 2);
  EXPECT_EQ(shell("$T encode a.png a.tsr && $T info <(cat a.tsr) - < a.tsr"), 2);
  EXPECT_EQ(shell("$T bench <(cat a.png) 2> err"), 18);
  EXPECT_NE(text("err").find("several times"), std::string::npos) << text("err");
}

TEST_F(CliSurroundings, StandardOutputByItsName) {
  write_photo(folder_.path("a.png"));
  ASSERT_EQ(shell("$T encode a.png a.tsr && ln -s /dev/fd/1 out && ln -s other.tsr link.tsr"), 0);
  EXPECT_EQ(shell("$T encode a.png /dev/stdout > b.tsr"), 0);
  EXPECT_EQ(text("b.tsr"), text("a.tsr"));
  EXPECT_EQ(shell("$T encode a.png /dev/fd/1 | cat > c.tsr"), 0);
  EXPECT_EQ(text("c.tsr"), text("a.tsr"));
  EXPECT_EQ(shell("$T decode a.tsr out --format ppm > a.ppm && [ -L out ] && $T decode a.tsr b.ppm && cmp a.ppm b.ppm"), 0);
  EXPECT_EQ(shell("$T encode a.png link.tsr && [ -L link.tsr ] && cmp other.tsr a.tsr"), 0);
}

TEST_F(CliSurroundings, MessagesThatNobodyCanRead) {
  write_photo(folder_.path("a.png"));
  for (const std::string err : {"2>&-", "2>/dev/full"}) {
    EXPECT_EQ(shell("$T encode a.png a.tsr " + err), 0) << err;
    EXPECT_EQ(shell("$T decode a.tsr a.ppm " + err), 0) << err;
    EXPECT_EQ(shell("$T encode missing.png b.tsr " + err), 19) << err;
    EXPECT_EQ(shell("$T nonsense " + err), 2) << err;
  }
  EXPECT_EQ(shell("$T verify a.tsr > /dev/null"), 0);
}

TEST_F(CliSurroundings, StandardStreamsThatAreClosed) {
  write_photo(folder_.path("a.png"));
  ASSERT_EQ(shell("$T encode a.png a.tsr <&- >&- && $T verify a.tsr"), 0);
  EXPECT_EQ(shell("$T decode a.tsr - >&-"), 19);
  EXPECT_EQ(shell("$T info a.tsr >&-"), 19);
  EXPECT_EQ(shell("$T encode - b.tsr <&-"), 19);
  EXPECT_FALSE(there("b.tsr"));
  // More than a buffer holds, so that it fails in between.
  EXPECT_EQ(shell("$T info $(yes a.tsr | head -200) > /dev/full 2> err"), 19);
  EXPECT_EQ(text("err"), "tessera: standard output: cannot write\n");
}

TEST_F(CliSurroundings, ALimitOfTheFileSize) {
  write_photo(folder_.path("a.png"));
  ASSERT_EQ(shell("$T encode a.png a.tsr"), 0);
  EXPECT_EQ(shell("ulimit -f 1; $T decode a.tsr a.ppm 2> err"), 19);
  EXPECT_EQ(text("err"), "tessera: a.tsr: a.ppm: cannot write: File too large\n");
  EXPECT_EQ(folder_.names(), (Names{"a.png", "a.tsr", "err", "script"}));
}

}  // namespace
}  // namespace tessera::test
