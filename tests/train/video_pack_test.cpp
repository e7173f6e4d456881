#include "apps/tessera-train/video_pack.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/data/temporary_folder.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

using tessera::test::TemporaryFolder;

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

TEST(VideoPack, RoundTrip) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.tsvp");
  test::write_marked_pack(path);
  const VideoPackIndex pack = read_video_index(path);
  ASSERT_EQ(pack.clips.size(), 3u);
  EXPECT_EQ(pack.clips[0].width, 96u);
  EXPECT_EQ(pack.clips[1].frames, 1u);
  EXPECT_EQ(pack.clips[2].height, 72u);
  const std::string bytes = bytes_of(path);
  const auto frame = test::marked_frame(200, 72, 4, 2);
  EXPECT_EQ(bytes.substr(pack.clips[2].offset + 4 * pack.clips[2].frame_bytes(), frame.size()), std::string(frame.begin(), frame.end()));
}

TEST(VideoPack, DamageIsNoticed) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.tsvp"), other = folder.path("b.tsvp");
  test::write_marked_pack(path);
  const std::string bytes = bytes_of(path);
  for (const size_t cut : {size_t{0}, size_t{3}, size_t{31}, size_t{40}, bytes.size() / 2, bytes.size() - 1}) {
    write_bytes(other, bytes.substr(0, cut));
    EXPECT_THROW(read_video_index(other), std::runtime_error) << cut;
  }
  for (const size_t at : {size_t{0}, size_t{4}, size_t{9}, size_t{17}, size_t{25}, bytes.size() - 20, bytes.size() - 4}) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 0x40);
    write_bytes(other, broken);
    EXPECT_THROW(read_video_index(other), std::runtime_error) << at;
  }
  EXPECT_THROW(read_video_index(folder.path("missing")), std::runtime_error);
}

TEST(VideoPack, WrongFramesAreRefusedAndLeaveNothing) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.tsvp");
  {
    VideoPackWriter writer(path);
    EXPECT_THROW(writer.add_frame(std::vector<uint8_t>(6)), std::runtime_error);
    EXPECT_THROW(writer.begin_clip(3, 2), std::runtime_error);
    writer.begin_clip(2, 2);
    EXPECT_THROW(writer.add_frame(std::vector<uint8_t>(5)), std::runtime_error);
    EXPECT_THROW(writer.finish(), std::runtime_error);  // a clip without frames
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  EXPECT_THROW(VideoPackWriter(folder.path("no/such/folder")), std::runtime_error);
}

}  // namespace
}  // namespace tessera::train
