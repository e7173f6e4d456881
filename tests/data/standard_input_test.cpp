// What standard input holds can be looked at before it is read, be it a pipe or a file.
#include "data/standard_input.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "data/byte_file.h"
#include "data/byte_source.h"
#include "tests/data/temporary_folder.h"

namespace tessera::media {
namespace {

// Puts something else in the place of standard input.
class Input {
 public:
  explicit Input(int fd) : saved_(::dup(STDIN_FILENO)) {
    ::dup2(fd, STDIN_FILENO);
    ::close(fd);
  }
  ~Input() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

int pipe_with(const std::string& text) {
  int ends[2] = {};
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  return ends[0];
}

std::string text_of(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(StandardInput, PipesAreReadOnceAndWhole) {
  const Input input(pipe_with("abcdefghij"));
  EXPECT_EQ(text_of(*peek_standard_input(4)), "abcd");
  EXPECT_EQ(text_of(*peek_standard_input(2)), "ab");
  EXPECT_EQ(text_of(*peek_standard_input(6)), "abcdef");
  EXPECT_EQ(text_of(*read_file("-")), "abcdefghij");
  EXPECT_TRUE(peek_standard_input(3)->empty());
}

TEST(StandardInput, ByteSourcesToo) {
  const Input input(pipe_with("0123456789"));
  EXPECT_EQ(text_of(*peek_standard_input(3)), "012");
  auto source = ByteSource::open("-");
  ASSERT_TRUE(source);
  EXPECT_EQ(source->size(), 0u);
  std::string all;
  std::vector<uint8_t> room(4);
  for (;;) {
    const auto count = source->read(room);
    ASSERT_TRUE(count);
    if (*count == 0) break;
    all += text_of(std::span<const uint8_t>(room).first(*count));
  }
  EXPECT_EQ(all, "0123456789");
}

TEST(StandardInput, FilesStayWhereTheyAre) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("f"), text = "some bytes";
  ASSERT_TRUE(write_file(path, std::vector<uint8_t>(text.begin(), text.end())).ok());
  std::FILE* file = std::fopen(path.c_str(), "rb");
  ASSERT_NE(file, nullptr);
  const Input input(::dup(::fileno(file)));
  EXPECT_EQ(text_of(*peek_standard_input(100)), text);
  EXPECT_EQ(::lseek(STDIN_FILENO, 0, SEEK_CUR), 0);
  EXPECT_EQ(text_of(*read_file("-")), text);
  std::fclose(file);
}

TEST(ByteSources, NameTheirErrors) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(ByteSource::open(folder.path("none")).status().code(), ErrorCode::io);
  EXPECT_EQ(ByteSource::open(folder.folder()).status().code(), ErrorCode::io);
}

}  // namespace
}  // namespace tessera::media
