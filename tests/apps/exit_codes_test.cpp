#include "apps/tessera/exit_codes.h"

#include <gtest/gtest.h>

#include <set>

namespace tessera::cli {
namespace {

TEST(ExitCodes, DistinctAndStable) {
  std::set<int> codes{kExitUnexpected, kExitUsage};
  for (int code = 0; code <= static_cast<int>(ErrorCode::cancelled); ++code) {
    EXPECT_TRUE(codes.insert(exit_code(static_cast<ErrorCode>(code))).second);
  }
  EXPECT_EQ(exit_code(ErrorCode::ok), 0);
  EXPECT_EQ(exit_code(ErrorCode::truncated), 11);
  EXPECT_EQ(exit_code(ErrorCode::io), 19);
  EXPECT_NE(exit_code_help().find("15 model missing"), std::string::npos);
}

TEST(ExitCodes, OneLineOnStandardError) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(fail({ErrorCode::corrupt, "two\nlines"}), 12);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "tessera: two lines\n");
}

TEST(ExitCodes, NamesAreAddedOnce) {
  const Status once = named("a.tsr", {ErrorCode::io, "bad"});
  EXPECT_EQ(once.message(), "a.tsr: bad");
  EXPECT_EQ(named("a.tsr", once).message(), "a.tsr: bad");
  EXPECT_EQ(named("-", {ErrorCode::io, "bad"}).message(), "standard input: bad");
  EXPECT_TRUE(named("a", Status()).ok());
}

}  // namespace
}  // namespace tessera::cli
