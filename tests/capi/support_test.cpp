// What the functions of the C interface share, with a struct that has grown: callers of the first version, of this one, of a later one.
#include <gtest/gtest.h>

#include <array>
#include <new>
#include <stdexcept>

#include "codec/c_support.h"

namespace {

struct Grown {
  size_t struct_size;
  uint64_t first;
  uint64_t second;  // since the second version
};

struct Old {
  size_t struct_size;
  uint64_t first;
};

struct New {
  Grown now;
  uint64_t third;
};

}  // namespace

template <>
inline constexpr size_t tessera::c::kFirstSize<Grown> = sizeof(Old);

namespace tessera::c {
namespace {

TEST(CSupport, OldStructsKeepTheDefaultsOfWhatTheyLack) {
  const Old old{sizeof(Old), 5};
  Grown read{sizeof(Grown), 1, 2};
  ASSERT_TRUE(read_struct(reinterpret_cast<const Grown*>(&old), "s", read).ok());
  EXPECT_EQ(read.first, 5u);
  EXPECT_EQ(read.second, 2u);
}

TEST(CSupport, OldStructsAreNotWrittenBehindTheirEnd) {
  struct {
    Old old;
    uint64_t behind;
  } room{{sizeof(Old), 0}, 99};
  ASSERT_TRUE(write_struct(reinterpret_cast<Grown*>(&room.old), "s", Grown{sizeof(Grown), 7, 8}).ok());
  EXPECT_EQ(room.old.first, 7u);
  EXPECT_EQ(room.old.struct_size, sizeof(Old));
  EXPECT_EQ(room.behind, 99u);
  init_struct(reinterpret_cast<Grown*>(&room.old), sizeof(Old), Grown{sizeof(Grown), 3, 4});
  EXPECT_EQ(room.old.first, 3u);
  EXPECT_EQ(room.old.struct_size, sizeof(Old));
  EXPECT_EQ(room.behind, 99u);
}

TEST(CSupport, NewStructsMayNotAskForWhatIsUnknown) {
  New later{{sizeof(New), 5, 6}, 0};
  Grown read{sizeof(Grown), 1, 2};
  ASSERT_TRUE(read_struct(&later.now, "s", read).ok());
  EXPECT_EQ(read.second, 6u);
  later.third = uint64_t{1} << 63;
  EXPECT_EQ(read_struct(&later.now, "s", read).code(), ErrorCode::unsupported);
  ASSERT_TRUE(write_struct(&later.now, "s", Grown{sizeof(Grown), 7, 8}).ok());
  EXPECT_EQ(later.now.second, 8u);
  EXPECT_EQ(later.third, 0u);
  EXPECT_EQ(later.now.struct_size, sizeof(New));
}

TEST(CSupport, ImpossibleSizesAreRefused) {
  Grown g{0, 1, 2}, read{};
  for (const size_t size : {size_t{0}, sizeof(size_t), sizeof(Old) - 1, kMaxStruct + 1, ~size_t{0}}) {
    g.struct_size = size;
    EXPECT_EQ(read_struct(&g, "s", read).code(), ErrorCode::invalid_argument) << size;
    EXPECT_EQ(write_struct(&g, "s", Grown{}).code(), ErrorCode::invalid_argument) << size;
    EXPECT_EQ(check_optional(&g, "s").code(), ErrorCode::invalid_argument) << size;
    EXPECT_EQ(g.first, 1u);
  }
  EXPECT_EQ(read_struct<Grown>(nullptr, "s", read).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(write_struct<Grown>(nullptr, "s", Grown{}).code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(check_optional<Grown>(nullptr, "s").ok());
}

TEST(CSupport, NoExceptionLeaves) {
  tsr_error error = TSR_INIT(tsr_error);
  EXPECT_EQ(call(&error, []() -> Status { throw std::bad_alloc(); }), TSR_OUT_OF_MEMORY);
  EXPECT_STREQ(error.message, "not enough memory");
  EXPECT_EQ(call(&error, []() -> Status { throw std::length_error("vector"); }), TSR_OUT_OF_MEMORY);
  EXPECT_EQ(call(&error, []() -> Status { throw std::runtime_error("reason"); }), TSR_DEVICE);
  EXPECT_STREQ(error.message, "reason");
  EXPECT_EQ(call(&error, []() -> Status { throw 5; }), TSR_DEVICE);
  EXPECT_EQ(call(nullptr, []() -> Status { throw 5; }), TSR_DEVICE);
  EXPECT_EQ(call(&error, []() -> Status { return {ErrorCode::limit, "too large"}; }), TSR_LIMIT);
  EXPECT_EQ(error.code, TSR_LIMIT);
  EXPECT_STREQ(error.message, "too large");
  EXPECT_EQ(call(&error, []() -> Status { return {}; }), TSR_OK);
  EXPECT_EQ(error.code, TSR_OK);
  EXPECT_STREQ(error.message, "");
}

TEST(CSupport, MessagesAreCutBetweenCharacters) {
  tsr_error error = TSR_INIT(tsr_error);
  std::string text(TSR_MESSAGE_BYTES - 2, 'x');
  text += "\xE2\x82\xAC and so on";  // three bytes, of which one would fit
  EXPECT_EQ(finish(&error, ErrorCode::io, text.c_str()), TSR_IO);
  EXPECT_EQ(error.message, std::string(TSR_MESSAGE_BYTES - 2, 'x'));
  finish(&error, ErrorCode::io, std::string(TSR_MESSAGE_BYTES - 1, 'y').c_str());
  EXPECT_EQ(error.message, std::string(TSR_MESSAGE_BYTES - 1, 'y'));
}

}  // namespace
}  // namespace tessera::c
