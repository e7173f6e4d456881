// `tessera encode --codec bayes` as its users run it, with the installed priors.
#include <gtest/gtest.h>

#include "tests/apps/run_program.h"
#include "tests/data/av_samples.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

TEST(CliBayes, APictureThereAndBack) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png"), 20, 12), stream = folder.path("a.tsr"), out = folder.path("b.png");
  const Outcome coded = run_program({"encode", "--codec", "bayes", "--effort", "0", "-q", "20", in, stream});
  ASSERT_EQ(coded.code, 0) << coded.err;
  EXPECT_NE(coded.err.find("20x12, quality 20"), std::string::npos) << coded.err;
  EXPECT_LT(text_of(stream).size(), 200u);
  EXPECT_EQ(run_program({"decode", stream, out}).code, 0);
  EXPECT_TRUE(exists(out));
  EXPECT_EQ(run_program({"verify", stream}).code, 0);
  const Outcome info = run_program({"info", stream, "--check"});
  EXPECT_EQ(info.code, 0);
  EXPECT_NE(info.out.find("bayes revision 1"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("as stored"), std::string::npos) << info.out;
}

TEST(CliBayes, ASnippetThereAndBack) {
  TemporaryFolder folder;
  const std::string in = folder.path("a.wav"), stream = folder.path("a.tsr"), out = folder.path("b.wav");
  put_text_file(in, float_wav(24000, 1, tones(24000, 1, 1200)));
  const Outcome coded = run_program({"encode", "--codec", "bayes", "--effort", "0", "-q", "16", in, stream});
  ASSERT_EQ(coded.code, 0) << coded.err;
  EXPECT_EQ(run_program({"decode", stream, out}).code, 0);
  EXPECT_EQ(text_of(out).size(), 44 + 2 * 1200u);
  EXPECT_EQ(run_program({"verify", stream}).code, 0);
}

TEST(CliBayes, OneSentenceForWhatItIsNotFor) {
  TemporaryFolder folder;
  const std::string in = write_photo(folder.path("a.png"), 300, 300), small = write_photo(folder.path("s.png"), 8, 8);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"encode", "--codec", "bayes", in}, {"encode", "--codec", "bayes", "--device", "cuda", small},
                                                {"encode", "--codec", "bayes", "--tile", "64", small}, {"encode", "--codec", "bayes", "--weights-dir", folder.path("none"), small}}) {
    const Outcome refused = run_program(words);
    EXPECT_NE(refused.code, 0);
    EXPECT_EQ(refused.error_lines(), 1u) << refused.err;
  }
  EXPECT_FALSE(exists(folder.path("a.tsr")));
  EXPECT_FALSE(exists(folder.path("s.tsr")));
}

}  // namespace
}  // namespace tessera::test
