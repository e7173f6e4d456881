#include "data/temporary_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <thread>
#include <vector>

#include "data/byte_file.h"
#include "data/picture.h"
#include "tests/data/temporary_folder.h"

namespace tessera::media {
namespace {

using test::TemporaryFolder;

TEST(TemporaryFile, NamesAreItsOwn) {
  TemporaryFolder folder;
  const std::string target = folder.path("a");
  std::vector<std::string> names(8);
  std::vector<std::thread> threads;
  for (std::string& name : names) {
    threads.emplace_back([&] {
      const int fd = open_temporary(target, O_WRONLY, name);
      EXPECT_GE(fd, 0);
      ::close(fd);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  for (const std::string& name : names) {
    EXPECT_TRUE(name.starts_with(target));
    EXPECT_EQ(::unlink(name.c_str()), 0);
    forget_temporary(name);
  }
}

TEST(TemporaryFile, LinksAreFollowed) {
  TemporaryFolder folder;
  const auto link = [&](const std::string& target, const std::string& name) { EXPECT_EQ(::symlink(target.c_str(), folder.path(name).c_str()), 0); };
  link("new", "a");
  link(folder.path("a"), "b");
  link("loop", "loop");
  EXPECT_EQ(followed(folder.path("a")), folder.path("new"));
  EXPECT_EQ(followed(folder.path("b")), folder.path("new"));
  EXPECT_EQ(followed(folder.path("new")), folder.path("new"));
  EXPECT_EQ(followed(folder.path("loop")), folder.path("loop"));
  ASSERT_TRUE(write_file(folder.path("b"), Bytes{1, 2}).ok());
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"a", "b", "loop", "new"}));
  EXPECT_EQ(*read_file(folder.path("new")), (Bytes{1, 2}));
  EXPECT_EQ(followed(folder.path("a")), folder.path("new")) << "still a link";
}

TEST(TemporaryFile, NamesMayBeAsLongAsTheSystemAllows) {
  TemporaryFolder folder;
  const std::string name(255, 'x');
  ASSERT_TRUE(write_file(folder.path(name), Bytes{3}).ok());
  EXPECT_EQ(folder.names(), std::vector<std::string>{name});
  EXPECT_FALSE(write_file(folder.path(name + "x"), Bytes{3}).ok());
  EXPECT_EQ(folder.names().size(), 1u);
}

TEST(TemporaryFile, AFolderThatIsNotThereIsAnError) {
  TemporaryFolder folder;
  std::string name;
  EXPECT_EQ(open_temporary(folder.path("no/a"), O_WRONLY, name), -1);
  EXPECT_EQ(errno, ENOENT);
}

// In a process of its own, as it may not write anything afterwards.
TEST(TemporaryFile, TheEndRemovesWhatIsHalfDone) {
  TemporaryFolder folder;
  const auto end = [&] {
    std::string half, whole, late;
    if (open_temporary(folder.path("half"), O_WRONLY, half) < 0 || open_temporary(folder.path("whole"), O_WRONLY, whole) < 0) std::exit(1);
    if (::rename(whole.c_str(), folder.path("whole").c_str()) != 0) std::exit(2);
    forget_temporary(whole);
    remove_temporaries();
    std::exit(open_temporary(folder.path("late"), O_WRONLY, late) < 0 && errno == EINTR ? 42 : 3);
  };
  EXPECT_EXIT(end(), testing::ExitedWithCode(42), "");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"whole"});
}

}  // namespace
}  // namespace tessera::media
