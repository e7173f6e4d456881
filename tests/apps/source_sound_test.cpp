// Sound in step with frames: what is before the first frame is dropped, what is missing is silent.
#include "apps/tessera/source_sound.h"

#include <gtest/gtest.h>

#include "tests/data/av_samples.h"
#include "tests/data/temporary_folder.h"

namespace tessera::cli {
namespace {

class SourceSoundTest : public testing::Test {
 protected:
  // Samples 0, 1, 2, ... in units of 1/4096; 1000 a second.
  SourceSoundTest() {
    std::vector<float> samples;
    for (int i = 0; i < 2000; ++i) samples.push_back(static_cast<float>(i) / 4096);
    test::put_file(folder_.path("a.wav"), test::float_wav(1000, 1, samples));
  }
  SourceSound sound() const { return *SourceSound::open(folder_.path("a.wav")); }
  static std::vector<float> all(SourceSound& s) {
    std::vector<float> out;
    for (;;) {
      const auto piece = s.rest();
      EXPECT_TRUE(piece) << piece.status().message();
      if (!piece || piece->empty()) return out;
      out.insert(out.end(), piece->begin(), piece->end());
    }
  }
  const test::TemporaryFolder folder_;
};

TEST_F(SourceSoundTest, InStep) {
  SourceSound s = sound();
  s.begin(0);
  EXPECT_EQ(s.until(-1)->size(), 0u);
  EXPECT_EQ(s.until(0.1)->size(), 100u);
  EXPECT_EQ(s.until(0.1)->size(), 0u);
  const auto next = s.until(0.25);
  ASSERT_EQ(next->size(), 150u);
  EXPECT_EQ(next->front(), 100.0f / 4096);
  EXPECT_EQ(all(s).size(), 1750u);
  EXPECT_TRUE(s.until(1e6)->empty());
}

TEST_F(SourceSoundTest, EarlySoundIsDropped) {
  SourceSound s = sound();
  s.begin(0.5);  // the first frame is shown half a second into the file
  const auto first = s.until(0.01);
  ASSERT_EQ(first->size(), 10u);
  EXPECT_EQ(first->front(), 500.0f / 4096);
  EXPECT_EQ(all(s).size(), 1490u);
}

TEST_F(SourceSoundTest, LateSoundBeginsWithSilence) {
  SourceSound s = sound();
  s.begin(-0.25);
  const auto first = s.until(0.3);
  ASSERT_EQ(first->size(), 300u);
  EXPECT_EQ((*first)[249], 0);
  EXPECT_EQ((*first)[299], 49.0f / 4096);
  EXPECT_EQ(all(s).size(), 1950u);
}

TEST_F(SourceSoundTest, NonsenseTimesAreNotFollowed) {
  SourceSound s = sound();
  s.begin(1e12);
  EXPECT_EQ(all(s).size(), 2000u);
  SourceSound late = sound();
  late.begin(3);  // all of it is early
  EXPECT_TRUE(all(late).empty());
}

TEST_F(SourceSoundTest, FilesWithoutSound) {
  test::put_file(folder_.path("b.y4m"), "YUV4MPEG2 W16 H16 F25:1\nFRAME\n" + std::string(384, 'x'));
  EXPECT_FALSE(SourceSound::open(folder_.path("b.y4m")));
  EXPECT_FALSE(SourceSound::open(folder_.path("none")));
  EXPECT_FALSE(SourceSound::open("-"));
}

}  // namespace
}  // namespace tessera::cli
