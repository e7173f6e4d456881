#include "data/byte_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/data/temporary_folder.h"

namespace tessera::media {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(ByteFile, RoundTrip) {
  test::TemporaryFolder folder;
  for (size_t size : {size_t{0}, size_t{1}, size_t{65536}, size_t{200000}}) {
    const Bytes bytes(size, 7);
    ASSERT_TRUE(write_file(folder.path("a"), bytes).ok());
    EXPECT_EQ(*read_file(folder.path("a")), bytes);
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"}) << "no temporary name is left";
}

TEST(ByteFile, KeepsTheModeOfWhatItReplaces) {
  test::TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder.path("a"), Bytes{1}).ok());
  ASSERT_EQ(::chmod(folder.path("a").c_str(), 0640), 0);
  ASSERT_TRUE(write_file(folder.path("a"), Bytes{2}).ok());
  struct stat info {};
  ASSERT_EQ(::stat(folder.path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(ByteFile, MissingFileIsNamed) {
  auto bytes = read_file("/nowhere/at-all");
  EXPECT_EQ(bytes.status().code(), ErrorCode::io);
  EXPECT_EQ(bytes.status().message(), "/nowhere/at-all: cannot open: No such file or directory");
}

TEST(ByteFile, UnwritablePlaces) {
  test::TemporaryFolder folder;
  EXPECT_EQ(write_file("/nowhere/at-all", Bytes{1}).code(), ErrorCode::io);
  EXPECT_EQ(write_file(folder.folder(), Bytes{1}).code(), ErrorCode::io) << "a folder";
  EXPECT_EQ(read_file(folder.folder()).status().code(), ErrorCode::io);
  EXPECT_TRUE(folder.names().empty());
}

TEST(ByteFile, FullDisk) {
  const Status status = write_file("/dev/full", Bytes(100, 1));
  EXPECT_EQ(status.code(), ErrorCode::io);
  EXPECT_NE(status.message().find("No space left"), std::string::npos);
  EXPECT_TRUE(write_file("/dev/null", Bytes(100, 1)).ok());
}

TEST(ByteFile, PipesAreReadAndWrittenDirectly) {
  test::TemporaryFolder folder;
  const std::string pipe = folder.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const Bytes bytes(300000, 9);  // more than a pipe holds
  Status written;
  std::thread writer([&] { written = write_file(pipe, bytes); });
  auto read = read_file(pipe);
  writer.join();
  EXPECT_TRUE(written.ok()) << written.message();
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, bytes);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"pipe"}) << "it is still a pipe";
}

TEST(ByteFile, ManyWritersLeaveOneWholeFile) {
  test::TemporaryFolder folder;
  std::vector<std::thread> writers;
  for (uint8_t i = 0; i < 8; ++i) {
    writers.emplace_back([&folder, i] {
      for (int k = 0; k < 20; ++k) EXPECT_TRUE(write_file(folder.path("a"), Bytes(5000, i)).ok());
    });
  }
  for (auto& writer : writers) writer.join();
  const Bytes bytes = *read_file(folder.path("a"));
  EXPECT_EQ(bytes, Bytes(5000, bytes[0]));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

// Killed at any moment, a writer leaves the file that was there or the new one, never half of it.
TEST(ByteFile, AKilledWriterLeavesAWholeFile) {
  test::TemporaryFolder folder;
  const std::string path = folder.path("a");
  const Bytes contents[] = {Bytes(300000, 1), Bytes(500000, 2)};
  ASSERT_TRUE(write_file(path, contents[0]).ok());
  for (int round = 0; round < 30; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (size_t i = 0;; ++i) (void)write_file(path, contents[i % 2]);
    }
    ::usleep(static_cast<useconds_t>(200 + 317 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto bytes = read_file(path);
    ASSERT_TRUE(bytes.ok());
    EXPECT_TRUE(*bytes == contents[0] || *bytes == contents[1]) << bytes->size();
  }
}

TEST(ByteFile, SizeLimit) {
  test::TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder.path("a"), Bytes(100)).ok());
  EXPECT_EQ(read_file(folder.path("a"), 99).status().code(), ErrorCode::limit);
  EXPECT_TRUE(read_file(folder.path("a"), 100));
  EXPECT_EQ(read_file("/dev/zero", 1000000).status().code(), ErrorCode::limit) << "an endless file";
}

}  // namespace
}  // namespace tessera::media
