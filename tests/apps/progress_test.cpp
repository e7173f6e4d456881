#include "apps/tessera/progress.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

TEST(Progress, Lines) {
  EXPECT_EQ(progress_line(0, 0, 1, 5, 10), "[----------]   0 %");
  EXPECT_EQ(progress_line(0.5, 3, 10, 60, 10), "[#####-----]  50 %  3/10  1:00 left");
  EXPECT_EQ(progress_line(1, 1, 1, 9, 10), "[##########] 100 %  0:00 left");
  EXPECT_EQ(progress_line(7, 1, 1, 9, 4), "[####] 100 %  0:00 left");
}

TEST(Progress, Clock) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(6.2), "0:07");
  EXPECT_EQ(clock_text(754), "12:34");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(clock_text(1e30), "99:59:59");
  EXPECT_EQ(clock_text(-5), "0:00");
}

TEST(Progress, SilentWhenNotWanted) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar(2, false);
    bar.update(0, 0.5);
    bar.update(1, 1);
  }
  EXPECT_TRUE(testing::internal::GetCapturedStderr().empty());
}

}  // namespace
}  // namespace tessera::cli
