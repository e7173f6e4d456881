#include "apps/tessera/media_kind.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/byte_file.h"
#include "tests/data/temporary_folder.h"

namespace tessera::cli {
namespace {

MediaType type(const std::string& bytes, const std::string& name = "x") {
  return type_of_bytes(std::vector<uint8_t>(bytes.begin(), bytes.end()), name);
}

TEST(MediaKind, SoundByItsFirstBytes) {
  const std::string size = "\x24\x08\x01\x01";
  for (const std::string& bytes : {"RIFF" + size + "WAVEfmt ", std::string("fLaC...."), std::string("OggS...."), std::string("ID3....."),
                                   size + "ftypM4A ", std::string("\xFF\xFB\x90\x64"), std::string("\xFF\xF1\x50\x80")}) {
    EXPECT_EQ(type(bytes), MediaType::sound) << bytes;
  }
}

TEST(MediaKind, VideoByItsFirstBytes) {
  const std::string size = "\x24\x08\x01\x01";
  for (const std::string& bytes : {"RIFF" + size + "AVI LIST", size + "ftypisom", std::string("YUV4MPEG2 W16"), std::string("\x1A\x45\xDF\xA3"), size + "moov...."}) {
    EXPECT_EQ(type(bytes), MediaType::video) << bytes;
  }
}

TEST(MediaKind, AnimationsAndTransportStreamsAreVideo) {
  EXPECT_EQ(type("GIF89a..."), MediaType::video);
  std::string packets(200, '.');
  packets[0] = packets[188] = 0x47;
  EXPECT_EQ(type(packets), MediaType::video);
  packets[188] = '.';
  EXPECT_EQ(type(packets), MediaType::picture) << "one byte says nothing";
  EXPECT_EQ(type("G", "a.ts"), MediaType::video);
}

TEST(MediaKind, PicturesByTheirFirstBytesWhateverTheName) {
  const std::string size = "\x24\x08\x01\x01";
  for (const std::string& bytes : {std::string("\x89PNG\r\n\x1a\n"), std::string("\xff\xd8\xff\xe0"), "RIFF" + size + "WEBP", size + "ftypavif", size + "ftypheic"}) {
    EXPECT_EQ(type(bytes), MediaType::picture) << bytes;
  }
  EXPECT_EQ(type("\x89PNG\r\n\x1a\n", "x.wav"), MediaType::picture);
}

TEST(MediaKind, NamesDecideWhereBytesSayNothing) {
  EXPECT_EQ(type("??", "a/B.MP3"), MediaType::sound);
  EXPECT_EQ(type("??", "a/b.txt"), MediaType::picture);
  EXPECT_EQ(type("??", "a/b.MTS"), MediaType::video);
  EXPECT_TRUE(is_video_extension("y4m"));
  EXPECT_FALSE(is_video_extension("wav"));
  EXPECT_EQ(type("", ""), MediaType::picture);
  EXPECT_EQ(lower_extension("x.y/z.FLAC"), "flac");
  EXPECT_EQ(lower_extension("x.y/z"), "");
  EXPECT_TRUE(is_sound_extension("opus"));
  EXPECT_FALSE(is_sound_extension("png"));
}

TEST(MediaKind, StreamsByTheirFlags) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("s");
  for (const auto& [flags, expected] : {std::pair{2, MediaType::sound}, {0, MediaType::picture}, {1, MediaType::video}}) {
    ASSERT_TRUE(media::write_file(path, std::vector<uint8_t>{'T', 'S', 'R', 0x10, 30, static_cast<uint8_t>(flags)}).ok());
    EXPECT_EQ(*type_of_stream(path), expected);
  }
  ASSERT_TRUE(media::write_file(path, std::vector<uint8_t>{'T', 'S'}).ok());
  EXPECT_EQ(*type_of_stream(path), MediaType::picture);
  EXPECT_EQ(type_of_stream(folder.path("none")).status().code(), ErrorCode::io);
  EXPECT_EQ(type_of_input(folder.path("none")).status().code(), ErrorCode::io);
}

}  // namespace
}  // namespace tessera::cli
