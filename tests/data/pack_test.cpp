#include "data/pack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "data/byte_file.h"
#include "data/pack_writer.h"
#include "data/picture_io.h"
#include "data/synth.h"
#include "tests/data/temporary_folder.h"

namespace tessera::media {
namespace {

TEST(Pack, RoundTrip) {
  test::TemporaryFolder folder;
  auto writer = PackWriter::create(folder.path("a.pack"));
  ASSERT_TRUE(writer);
  std::vector<Picture> pictures;
  for (uint32_t i = 1; i < 20; ++i) {
    pictures.push_back(synth_picture(SynthKind::photo, 3 * i, 100 / i));
    ASSERT_TRUE(writer->add(pictures.back()).ok());
  }
  ASSERT_TRUE(writer->finish().ok());
  auto pack = Pack::open(folder.path("a.pack"));
  ASSERT_TRUE(pack) << pack.status().message();
  ASSERT_EQ(pack->size(), pictures.size());
  uint64_t pixels = 0;
  for (size_t i = 0; i < pack->size(); ++i) {
    const PackedPicture& packed = (*pack)[i];
    EXPECT_EQ(packed.width, pictures[i].width);
    EXPECT_EQ(packed.height, pictures[i].height);
    EXPECT_TRUE(std::equal(pictures[i].samples.begin(), pictures[i].samples.end(), packed.rgb));
    pixels += uint64_t{packed.width} * packed.height;
  }
  EXPECT_EQ(pack->pixels(), pixels);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.pack"});
}

TEST(Pack, OutlivesTheReaderObjectItCameFrom) {
  test::TemporaryFolder folder;
  auto writer = PackWriter::create(folder.path("a.pack"));
  ASSERT_TRUE(writer->add(synth_picture(SynthKind::noise, 8, 8)).ok());
  ASSERT_TRUE(writer->finish().ok());
  Pack copy = *Pack::open(folder.path("a.pack"));
  EXPECT_EQ(copy[0].rgb[0], synth_picture(SynthKind::noise, 8, 8).samples[0]);
}

TEST(Pack, UnfinishedLeavesNothing) {
  test::TemporaryFolder folder;
  {
    auto writer = PackWriter::create(folder.path("a.pack"));
    ASSERT_TRUE(writer->add(synth_picture(SynthKind::noise, 8, 8)).ok());
  }
  EXPECT_TRUE(folder.names().empty());
  EXPECT_EQ(PackWriter::create("/nowhere/a.pack").status().code(), ErrorCode::io);
}

TEST(Pack, FolderWithCopiesAndForeignFiles) {
  test::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("sub"));
  ASSERT_TRUE(write_picture(folder.path("b.png"), synth_picture(SynthKind::photo, 200, 150)).ok());
  ASSERT_TRUE(write_picture(folder.path("sub/a.jpg"), synth_picture(SynthKind::photo, 101, 99, 1)).ok());
  ASSERT_TRUE(write_picture(folder.path("tiny.png"), synth_picture(SynthKind::photo, 20, 20)).ok());
  ASSERT_TRUE(write_file(folder.path("broken.png"), Bytes{1, 2, 3}).ok());
  ASSERT_TRUE(write_file(folder.path("note.txt"), Bytes{1, 2, 3}).ok());
  PackOptions options;
  options.half_size = true;
  int told = 0, failed = 0;
  options.on_file = [&](const std::string&, const Status& status) { ++told, failed += !status.ok(); };
  auto count = pack_folder(folder.folder(), folder.path("out.pack"), options);
  ASSERT_TRUE(count) << count.status().message();
  EXPECT_EQ(*count, 3u) << "two pictures, and one copy that is large enough";
  EXPECT_EQ(told, 4);
  EXPECT_EQ(failed, 1);
  auto pack = Pack::open(folder.path("out.pack"));
  ASSERT_TRUE(pack);
  EXPECT_EQ((*pack)[1].width, 100u);
  EXPECT_EQ((*pack)[1].height, 75u);
  EXPECT_EQ(pack_folder(folder.path("none"), folder.path("x")).status().code(), ErrorCode::io);
  EXPECT_EQ(pack_folder(folder.path("sub"), folder.path("x"), {.min_side = 1000}).status().code(),
            ErrorCode::invalid_argument);
}

TEST(Pack, DamageIsFound) {
  test::TemporaryFolder folder;
  auto writer = PackWriter::create(folder.path("a"));
  ASSERT_TRUE(writer->add(synth_picture(SynthKind::noise, 5, 5)).ok());
  ASSERT_TRUE(writer->finish().ok());
  const Bytes whole = *read_file(folder.path("a"));
  for (size_t size = 0; size < whole.size(); ++size) {
    ASSERT_TRUE(write_file(folder.path("b"), std::span(whole).first(size)).ok());
    EXPECT_FALSE(Pack::open(folder.path("b"))) << size;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    if (i >= kPackHeader && i < whole.size() - kPackEntry) continue;  // samples carry no checksum
    Bytes damaged = whole;
    damaged[i] ^= 0x10;
    ASSERT_TRUE(write_file(folder.path("b"), damaged).ok());
    EXPECT_FALSE(Pack::open(folder.path("b"))) << i;
  }
  EXPECT_EQ(Pack::open(folder.path("none")).status().code(), ErrorCode::io);
}

}  // namespace
}  // namespace tessera::media
