// Streams that were stored when the shipped weights were made: every later build, on every machine, has to decode them
// to the same symbols. `golden_test --regenerate` stores new ones, which a change of the weights asks for.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "data/byte_file.h"
#include "data/picture_io.h"
#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

const std::string kFolder = TESSERA_GOLDEN;
constexpr const char* kHow = "; where the weights were meant to change, run golden_test --regenerate and commit tests/golden";

struct Golden {
  const char* name;
  uint32_t width, height, channels, depth;
  int quality;
  uint32_t tile;
  bool picture;  // the decoded samples are stored as well
};
constexpr Golden kStreams[] = {
    {"rgb", 64, 64, 3, 8, 20, 0, true},       {"grey", 70, 50, 1, 8, 40, 0, false}, {"rgba16", 48, 40, 4, 16, 10, 0, false},
    {"tiles", 128, 64, 3, 8, 30, 64, false}, {"best", 96, 64, 3, 8, 63, 0, false}, {"pixel", 1, 1, 3, 8, 0, 0, false},
};

Picture source(const Golden& g) { return photo(g.width, g.height, g.channels, g.depth); }
std::string path(const Golden& g, const char* extension) { return kFolder + "/" + g.name + extension; }

std::string hex(uint64_t value, int digits) {
  char text[17];
  std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(value));
  return text;
}

std::string installed_hash() {
  const auto models = list_models();
  if (!models) return models.status().message();
  for (const ModelInfo& model : *models) {
    if (model.name == "still") return hex(model.hash, 16);
  }
  return "none";
}

nlohmann::json stored() {
  const auto bytes = media::read_file(kFolder + "/golden.json");
  EXPECT_TRUE(bytes) << bytes.status().message();
  return bytes ? nlohmann::json::parse(bytes->begin(), bytes->end(), nullptr, false) : nlohmann::json();
}

class GoldenStreams : public testing::TestWithParam<Golden> {
 protected:
  void SetUp() override {
    json_ = stored();
    ASSERT_TRUE(json_.is_object());
    ASSERT_EQ(json_["hash"], installed_hash()) << "the golden streams belong to other weights than the installed ones" << kHow;
  }
  void TearDown() override { ::unsetenv("TESSERA_SIMD"); }

  nlohmann::json json_;
};

TEST_P(GoldenStreams, DecodeToTheSameSymbols) {
  const Golden& g = GetParam();
  const auto stream = media::read_file(path(g, ".tsr"));
  ASSERT_TRUE(stream) << stream.status().message();
  ASSERT_TRUE(json_["checksums"].contains(g.name)) << g.name << kHow;
  const std::string expected = json_["checksums"][g.name];
  for (const char* simd : {"scalar", "avx2", "avx512"}) {
    for (int threads : {1, 2}) {
      ::setenv("TESSERA_SIMD", simd, 1);
      Report report;
      auto decoder = ImageDecoder::create({.threads = threads});
      const Status status = decoder->verify(*stream, &report);
      ASSERT_TRUE(status.ok()) << status.message() << kHow;
      EXPECT_EQ(hex(report.symbol_checksum, 8), expected) << simd << ", " << threads << " threads";
    }
  }
  const auto info = inspect(*stream);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->quality, g.quality);
  EXPECT_EQ(info->tile_size, g.tile);
  EXPECT_TRUE(info->stored_checksum);
}

TEST_P(GoldenStreams, DecodeToTheSamePicture) {
  const Golden& g = GetParam();
  const auto stream = media::read_file(path(g, ".tsr"));
  ASSERT_TRUE(stream) << stream.status().message();
  const Image image = decoded(*stream);
  const Picture original = source(g);
  EXPECT_GT(psnr(original, image), 18);
  if (original.has_alpha()) {
    EXPECT_EQ(alpha_of(image), alpha_of(original));
  }
  if (!g.picture) return;
  const auto picture = media::read_picture(path(g, ".png"));
  ASSERT_TRUE(picture) << picture.status().message();
  ASSERT_EQ(picture->samples.size(), image.data.size());
  for (size_t i = 0; i < image.data.size(); ++i) {
    ASSERT_LE(std::abs(picture->samples[i] - image.data[i]), 1) << "sample " << i << ": the network's float part may differ by 1";
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenStreams, testing::ValuesIn(kStreams), [](const auto& g) { return std::string(g.param.name); });

Status regenerate() {
  nlohmann::ordered_json json;
  json["model"] = "still";
  json["hash"] = installed_hash();
  for (const Golden& g : kStreams) {
    const Picture picture = source(g);
    auto encoder = ImageEncoder::create({.quality = g.quality, .threads = 1, .tile = g.tile});
    if (!encoder) return encoder.status();
    Report report;
    const auto stream = encoder->encode(view_of(picture), {}, &report);
    if (!stream) return stream.status();
    TESSERA_RETURN_IF_ERROR(media::write_file(path(g, ".tsr"), *stream));
    json["checksums"][g.name] = hex(report.symbol_checksum, 8);
    if (!g.picture) continue;
    auto decoder = ImageDecoder::create({.threads = 1});
    auto image = decoder->decode(*stream);
    if (!image) return image.status();
    Picture out = media::make_picture(g.width, g.height, g.channels, g.depth);
    out.samples = std::move(image->data);
    TESSERA_RETURN_IF_ERROR(media::write_picture(path(g, ".png"), out));
  }
  const std::string text = json.dump(2) + "\n";
  return media::write_file(kFolder + "/golden.json", std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace
}  // namespace tessera::test

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--regenerate") == 0) {
    const tessera::Status status = tessera::test::regenerate();
    if (!status.ok()) std::cerr << "golden_test: " << status.message() << "\n";
    return status.ok() ? 0 : 1;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
