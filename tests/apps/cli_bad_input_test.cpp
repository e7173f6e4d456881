// Whatever is wrong with a file: one sentence that names it, the exit code of the class, and nothing left
// behind.
#include <gtest/gtest.h>

#include "bitstream/file.h"
#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

namespace bs = bitstream;

class CliBadInput : public testing::Test {
 protected:
  void SetUp() override {
    const std::string picture = write_photo(folder_.path("good.png"), 64, 48);
    ASSERT_EQ(run_program({"encode", picture, folder_.path("good.tsr"), "--quiet"}).code, 0);
    good_ = text_of(folder_.path("good.tsr"));
  }

  void expect(const Outcome& outcome, int code, const std::string& file) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(outcome.error_lines(), 1u) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("tessera: ", 0), 0u) << outcome.err;
    EXPECT_NE(outcome.err.find(file), std::string::npos) << outcome.err;
    EXPECT_FALSE(exists(folder_.path("out.png")));
    EXPECT_FALSE(exists(folder_.path("out.tsr")));
    for (const auto& name : folder_.names()) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
  }

  // Decodes, verifies and inspects these bytes: all must fail alike.
  void expect_stream(const std::string& bytes, int code) {
    const std::string path = folder_.path("bad.tsr");
    put_text_file(path, bytes);
    expect(run_program({"decode", path, folder_.path("out.png")}), code, "bad.tsr");
    expect(run_program({"verify", path}), code, "bad.tsr");
  }

  std::string header_with(const std::function<void(bs::FileHeader&)>& change) {
    auto parsed = bs::parse_file(span(good_));
    bs::FileHeader header = parsed->header;
    change(header);
    bs::ByteWriter out;
    EXPECT_TRUE(bs::write_header(out, header).ok());
    const auto rest = span(good_).subspan(parsed->header_bytes);
    out.bytes(rest);
    return {out.view().begin(), out.view().end()};
  }

  static std::span<const uint8_t> span(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }

  TemporaryFolder folder_;
  std::string good_;
};

TEST_F(CliBadInput, MissingFile) {
  const std::string none = folder_.path("none.png");
  expect(run_program({"encode", none, folder_.path("out.tsr")}), 19, "none.png");
  expect(run_program({"decode", folder_.path("none.tsr"), folder_.path("out.png")}), 19, "none.tsr");
  expect(run_program({"info", none}), 19, "none.png");
  expect(run_program({"verify", none}), 19, "none.png");
}

TEST_F(CliBadInput, UnreadablePictures) {
  const std::string bad = folder_.path("bad.png");
  put_text_file(bad, "these are no pixels");
  expect(run_program({"encode", bad, folder_.path("out.tsr")}), 13, "bad.png");
  put_text_file(bad, "");
  expect(run_program({"encode", bad, folder_.path("out.tsr")}), 13, "bad.png");
  const std::string png = text_of(folder_.path("good.png"));
  put_text_file(bad, png.substr(0, png.size() / 2));
  expect(run_program({"encode", bad, folder_.path("out.tsr")}), 11, "bad.png");
  std::string flipped = png;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
  put_text_file(bad, flipped);
  expect(run_program({"encode", bad, folder_.path("out.tsr")}), 12, "bad.png");
  expect(run_program({"encode", folder_.folder(), folder_.path("out.tsr")}), 19, folder_.folder());
}

TEST_F(CliBadInput, AbsurdPictureDimensions) {
  put_text_file(folder_.path("huge.ppm"), "P6 4000000000 4000000000 255\nxxx");
  expect(run_program({"encode", folder_.path("huge.ppm"), folder_.path("out.tsr")}), 14, "huge.ppm");
}

TEST_F(CliBadInput, UnwritableOutputs) {
  const std::string in = folder_.path("good.png");
  expect(run_program({"encode", in, "/nowhere/out.tsr"}), 19, "/nowhere/out.tsr");
  expect(run_program({"encode", in, "/dev/full"}), 19, "/dev/full");
  expect(run_program({"encode", in, "-"}, "", "/dev/full"), 19, "standard output");
  expect(run_program({"decode", folder_.path("good.tsr"), "/dev/full"}), 19, "/dev/full");
  expect(run_program({"decode", folder_.path("good.tsr"), "/nowhere/out.png"}), 19, "/nowhere/out.png");
  expect(run_program({"encode", in, "--out-dir", folder_.path("good.png/x")}), 19, "good.png/x");
}

TEST_F(CliBadInput, TruncatedStreams) {
  for (size_t size : {size_t{0}, size_t{3}, size_t{10}, size_t{30}, good_.size() / 2, good_.size() - 1}) {
    expect_stream(good_.substr(0, size), 11);
  }
}

TEST_F(CliBadInput, FlippedBits) {
  for (size_t at : {size_t{0}, size_t{8}, good_.size() / 2, good_.size() - 1}) {
    std::string bytes = good_;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    expect_stream(bytes, 12);
  }
  expect_stream(good_ + "more", 12);
  expect_stream("\x89PNG", 12);
}

TEST_F(CliBadInput, WrongMediaKind) {
  // A video cannot become a picture; and its packets, which are a picture's, do not decode, or their model is another.
  const std::string path = folder_.path("bad.tsr");
  put_text_file(path, header_with([](bs::FileHeader& h) { h.kind = bs::MediaKind::video; }));
  expect(run_program({"decode", path, folder_.path("out.png")}), 18, "bad.tsr");
  const Outcome verified = run_program({"verify", path});
  expect(verified, verified.code, "bad.tsr");
  EXPECT_TRUE(verified.code == 12 || verified.code == 15) << verified.code;
}

TEST_F(CliBadInput, NewerVersionAndUnknownFeature) {
  std::string newer = good_;
  newer[3] = 0x20;
  expect_stream(newer, 13);
  expect_stream(header_with([](bs::FileHeader& h) { h.required_features = 1; }), 13);
}

TEST_F(CliBadInput, AbsurdStreamDimensions) {
  expect_stream(header_with([](bs::FileHeader& h) { h.picture.width = h.picture.height = 4000000000u; }), 14);
}

TEST_F(CliBadInput, UnknownModelAndWeights) {
  const std::string in = folder_.path("good.png");
  expect(run_program({"encode", in, folder_.path("out.tsr"), "--model", "no-such-model"}), 15,
         "no-such-model");
  expect(run_program({"encode", in, folder_.path("out.tsr"), "--weights-dir", folder_.path("w")}), 15,
         "good.png");
  expect(
      run_program({"encode", in, folder_.path("out.tsr")}, "", "", {"TESSERA_WEIGHTS=" + folder_.path("w")}),
      15, "good.png");
}

}  // namespace
}  // namespace tessera::test
