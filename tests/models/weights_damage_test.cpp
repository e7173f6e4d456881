// Damaged and hostile weights files: always std::runtime_error with a sentence, before anything large is
// allocated.
#include <gtest/gtest.h>

#include <stdexcept>

#include "models/weights.h"
#include "tests/models/temporary_file.h"
#include "tests/models/weights_file.h"

namespace tessera::models {
namespace {

using test::forged_file;
using test::raw_file;
using test::TemporaryFile;

// What the loader says; empty when it takes the file. Other exceptions fail the test.
std::string refusal(const std::string& bytes) {
  static const TemporaryFile file;
  file.write(bytes);
  try {
    load_weights(file.path());
    return {};
  } catch (const std::runtime_error& e) {
    EXPECT_EQ(std::string(e.what()).find("weights file " + file.path() + ": "), 0u) << e.what();
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "not a std::runtime_error: " << e.what();
    return "wrong type";
  }
}

std::string sample() {
  const TemporaryFile file;
  save_weights(file.path(),
               {{"a", at::arange(5, at::kFloat)}, {"b", at::arange(6, at::kChar).reshape({2, 3})}},
               {{"model", "still"}, {"revision", "1"}, {"config", "{}"}, {"training", "{}"}});
  return file.read();
}

TEST(WeightsDamage, EveryTruncation) {
  const std::string bytes = sample();
  ASSERT_EQ(refusal(bytes), "");
  for (size_t size = 0; size < bytes.size(); ++size) ASSERT_NE(refusal(bytes.substr(0, size)), "") << size;
}

TEST(WeightsDamage, EveryFlippedBit) {
  std::string bytes = sample();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    ASSERT_NE(refusal(bytes), "") << "bit " << bit % 8 << " of byte " << bit / 8;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
}

TEST(WeightsDamage, AddedBytes) {
  const std::string bytes = sample();
  EXPECT_NE(refusal(bytes + '\0'), "");
  EXPECT_NE(refusal(bytes + bytes), "");
  EXPECT_NE(refusal(bytes.substr(0, 8) + ' ' + bytes.substr(8)), "");
}

// Reading the metadata alone verifies no checksum, but never crashes.
TEST(WeightsDamage, MetadataOfDamagedFiles) {
  const TemporaryFile file;
  std::string bytes = sample();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char before = bytes[i];
    for (const char value : {'\0', '"', '}'}) {
      bytes[i] = value;
      file.write(bytes);
      try {
        read_weights_metadata(file.path());
      } catch (const std::runtime_error&) {
      }
    }
    bytes[i] = before;
  }
}

struct Case {
  const char* name;
  const char* tensors;
  const char* data;
};
const Case kCases[] = {
    {"Overlap",
     R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]})",
     "123456"},
    {"SameBytesTwice",
     R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})",
     "1234"},
    {"Hole",
     R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]})",
     "12345"},
    {"HoleAtTheStart", R"("a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]})", "123"},
    {"WrongOrder",
     R"("a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})",
     "1234"},
    {"TrailingBytes", R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})", "123"},
    {"DataWithoutTensors", "", "123"},
    {"BeyondTheEnd", R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})", "123"},
    {"ReversedOffsets", R"("a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]})", "1234"},
    {"ShapeTooLarge", R"("a":{"dtype":"U8","shape":[5],"data_offsets":[0,4]})", "1234"},
    {"ShapeTooSmall", R"("a":{"dtype":"U8","shape":[3],"data_offsets":[0,4]})", "1234"},
    {"TypeTooWide", R"("a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]})", "1234"},
    {"HugeShape", R"("a":{"dtype":"F32","shape":[4398046511104],"data_offsets":[0,4]})", "1234"},
    {"HugeShapeAndOffsets",
     R"("a":{"dtype":"F32","shape":[4398046511104],"data_offsets":[0,17592186044416]})", "1234"},
    {"ProductOverflows", R"("a":{"dtype":"U8","shape":[4294967296,4294967296,1],"data_offsets":[0,0]})", ""},
    {"ProductOverflowsToTheRightSize",
     R"("a":{"dtype":"U8","shape":[9223372036854775809,4],"data_offsets":[0,4]})", "1234"},
    {"BytesOverflow", R"("a":{"dtype":"I64","shape":[2305843009213693952],"data_offsets":[0,0]})", ""},
    {"EmptyButHuge", R"("a":{"dtype":"U8","shape":[0,18446744073709551615],"data_offsets":[0,0]})", ""},
    {"EmptyButOverflowing",
     R"("a":{"dtype":"U8","shape":[0,4611686018427387904,4611686018427387904],"data_offsets":[0,0]})", ""},
    {"EmptyButTooLarge", R"("a":{"dtype":"U8","shape":[0,4294967297],"data_offsets":[0,0]})", ""},
    {"NegativeDimension", R"("a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]})", "1234"},
    {"TwoNegativeDimensions", R"("a":{"dtype":"U8","shape":[-2,-2],"data_offsets":[0,4]})", "1234"},
    {"NegativeOffset", R"("a":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]})", "1234"},
    {"OffsetAbove64Bits", R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551620]})",
     "1234"},
    {"FractionalDimension", R"("a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]})", "1234"},
    {"FractionalOffset", R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0.0,4]})", "1234"},
    {"TextDimension", R"("a":{"dtype":"U8","shape":["4"],"data_offsets":[0,4]})", "1234"},
    {"NullDimension", R"("a":{"dtype":"U8","shape":[null],"data_offsets":[0,4]})", "1234"},
    {"ManyDimensions", R"("a":{"dtype":"U8","shape":[4,1,1,1,1,1,1,1,1],"data_offsets":[0,4]})", "1234"},
    {"ShapeIsNumber", R"("a":{"dtype":"U8","shape":4,"data_offsets":[0,4]})", "1234"},
    {"OneOffset", R"("a":{"dtype":"U8","shape":[4],"data_offsets":[4]})", "1234"},
    {"ThreeOffsets", R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]})", "1234"},
    {"OffsetsAreObject", R"("a":{"dtype":"U8","shape":[4],"data_offsets":{"0":0,"1":4}})", "1234"},
    {"UnknownType", R"("a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]})", "12345678"},
    {"TypeIsNumber", R"("a":{"dtype":8,"shape":[4],"data_offsets":[0,4]})", "1234"},
    {"NoType", R"("a":{"shape":[4],"data_offsets":[0,4]})", "1234"},
    {"NoShape", R"("a":{"dtype":"U8","data_offsets":[0,4]})", "1234"},
    {"NoOffsets", R"("a":{"dtype":"U8","shape":[4]})", "1234"},
    {"TensorIsArray", R"("a":[1,2,3])", ""},
    {"TensorIsNull", R"("a":null)", ""},
    {"DuplicateTensor",
     R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})",
     ""},
    {"DuplicateAfterOthers",
     R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})",
     ""},
    {"DuplicateKeyInside", R"("a":{"dtype":"U8","shape":[4],"shape":[4],"data_offsets":[0,4]})", "1234"},
    {"DuplicateMetadata", R"("__metadata__":{"model":"m"})", ""},
    {"EscapedDuplicate",
     R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})",
     ""},
    {"DeepShape", R"("a":{"dtype":"U8","shape":[[[[[[4]]]]]],"data_offsets":[0,4]})", "1234"},
};

// The checksum of each is right, so the refusal comes from the check that the name says.
TEST(WeightsDamage, HostileHeaders) {
  for (const Case& c : kCases) {
    const std::string said = refusal(forged_file(c.tensors, c.data));
    EXPECT_NE(said, "") << c.name;
    EXPECT_EQ(said.find("checksum"), std::string::npos) << c.name << ": " << said;
  }
}

TEST(WeightsDamage, HeadersThatAreNoHeaders) {
  const std::string meta = R"({"__metadata__":{"checksum":"0"}})";
  const std::vector<std::string> headers = {"",
                                            " ",
                                            "{",
                                            "}",
                                            "null",
                                            "1",
                                            "[]",
                                            "\"text\"",
                                            "{}",
                                            "nonsense",
                                            meta + meta,
                                            meta + ",",
                                            "{\"a\":}",
                                            R"({"__metadata__":null})",
                                            R"({"__metadata__":[]})",
                                            R"({"__metadata__":"text"})",
                                            R"({"__metadata__":{}})",
                                            R"({"__metadata__":{"model":"m"}})",
                                            R"({"__metadata__":{"model":1,"checksum":"0"}})",
                                            R"({"__metadata__":{"checksum":0}})",
                                            R"({"__metadata__":{"checksum":null}})",
                                            R"({"__metadata__":{"model":{},"checksum":"0"}})",
                                            "{\"__metadata__\":{\"model\":\"\xff\xfe\",\"checksum\":\"0\"}}",
                                            std::string("{\"__metadata__\":{\0}}", 20)};
  for (const std::string& header : headers) EXPECT_NE(refusal(raw_file(header, "")), "") << header;
}

// A parser that recurses would run out of stack.
TEST(WeightsDamage, DeepNesting) {
  for (const size_t depth : {5u, 6u, 100u, 1000000u}) {
    EXPECT_NE(refusal(raw_file(std::string(depth, '['), "")), "");
    EXPECT_NE(refusal(raw_file("{\"__metadata__\":{\"checksum\":\"0\"},\"a\":" + std::string(depth, '[') +
                                   std::string(depth, ']') + "}",
                               "")),
              "");
    std::string objects;
    for (size_t i = 0; i < depth; ++i) objects += "{\"a\":";
    EXPECT_NE(refusal(raw_file(objects, "")), "");
    EXPECT_NE(refusal(raw_file(objects + "1" + std::string(depth, '}'), "")), "");
  }
}

// More tensors than any model has, each of nothing.
TEST(WeightsDamage, TooManyTensors) {
  // Refused while parsing, so no checksum is needed; a parser that keeps them all would need minutes.
  std::string header = R"({"__metadata__":{"checksum":"0"})";
  for (int i = 0; i < 250000; ++i)
    header += ",\"" + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_NE(refusal(raw_file(header + "}", "")), "");
}

TEST(WeightsDamage, HeaderLengths) {
  const std::string bytes = sample();
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, uint64_t{bytes.size() - 8}, uint64_t{bytes.size()}, uint64_t{16u << 20},
        uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    std::string changed = bytes;
    for (size_t i = 0; i < 8; ++i) changed[i] = static_cast<char>(length >> (8 * i));
    EXPECT_NE(refusal(changed), "") << length;
  }
}

}  // namespace
}  // namespace tessera::models
