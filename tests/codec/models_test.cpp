// Models that are missing, damaged, or of another revision.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/codec/other_weights.h"
#include "tests/codec/pictures.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

namespace fs = std::filesystem;

ModelInfo installed() {
  const auto models = list_models();
  EXPECT_TRUE(models) << models.status().message();
  for (const ModelInfo& model : *models) {
    if (model.name == "still") return model;
  }
  ADD_FAILURE() << "still is not installed";
  return {};
}

TEST(Models, TheListDescribesThem) {
  const ModelInfo model = installed();
  EXPECT_EQ(model.media, "image");
  EXPECT_EQ(model.file_bytes, fs::file_size(model.file));
  EXPECT_LE(model.file_bytes, 25'000'000u);
  EXPECT_GT(model.parameters, 1'000'000u);
  EXPECT_GT(model.encode_kmac_per_pixel, 0);
  EXPECT_LE(model.decode_kmac_per_pixel, 70);
  EXPECT_NE(model.training.find("steps"), std::string::npos) << model.training;
  const auto info = inspect(encoded(photo(10, 10)));
  EXPECT_EQ(info->model_hash, model.hash);
  EXPECT_EQ(info->model_revision, model.revision);
  EXPECT_EQ(info->decode_kmac_per_pixel, model.decode_kmac_per_pixel);
}

// What the video models promise (docs/video.md).
TEST(Models, VideoModelsKeepTheirSizes) {
  struct Promise {
    const char* name;
    uint64_t bytes;
    double decode_kmacs;
  };
  const auto models = list_models();
  ASSERT_TRUE(models) << models.status().message();
  for (const Promise& p : {Promise{"motion", 25'000'000, 200}, Promise{"motion-lite", 4'000'000, 15}, Promise{"stem", 5'000'000, 20}}) {
    const auto it = std::find_if(models->begin(), models->end(), [&](const ModelInfo& m) { return m.name == p.name; });
    ASSERT_NE(it, models->end()) << p.name;
    EXPECT_EQ(it->media, "video");
    EXPECT_LE(it->file_bytes, p.bytes) << p.name;
    EXPECT_LE(it->decode_kmac_per_pixel, p.decode_kmacs) << p.name;
  }
}

TEST(Models, MissingOnesAreNamed) {
  const TemporaryFolder empty;
  const auto encoder = ImageEncoder::create({.model = "no-such"});
  EXPECT_EQ(encoder.status().code(), ErrorCode::model_missing);
  EXPECT_NE(encoder.status().message().find("no-such"), std::string::npos);
  EXPECT_EQ(ImageEncoder::create({.weights_dir = empty.folder()}).status().code(), ErrorCode::model_missing);
  auto decoder = ImageDecoder::create({.weights_dir = empty.folder()});
  ASSERT_TRUE(decoder) << "which model it needs, the stream says";
  const Status status = decoder->decode(encoded(photo(10, 10))).status();
  EXPECT_EQ(status.code(), ErrorCode::model_missing);
  EXPECT_NE(status.message().find("still"), std::string::npos);
}

TEST(Models, TheHashDecides) {
  const TemporaryFolder folder, both;
  const ModelInfo model = installed();
  const uint64_t hash = copy_weights(model.file, folder.path("still.safetensors"), 999);
  ASSERT_NE(hash, model.hash);
  const Picture picture = photo(64, 64);
  const Bytes ours = encoded(picture), other = encoded(picture, {.weights_dir = folder.folder()});
  EXPECT_EQ(inspect(other)->model_hash, hash);
  EXPECT_EQ(inspect(other)->model_revision, 999u);
  EXPECT_FALSE(inspect(other)->model_available);
  EXPECT_TRUE(inspect(other, folder.folder())->model_available);
  auto decoder = ImageDecoder::create({.threads = 1});
  const Status status = decoder->decode(other).status();
  EXPECT_EQ(status.code(), ErrorCode::model_missing);
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  EXPECT_NE(status.message().find(text), std::string::npos) << status.message();
  // Side by side each stream finds its own.
  fs::copy_file(model.file, both.path("still.safetensors"));
  fs::copy_file(folder.path("still.safetensors"), both.path("still-999.safetensors"));
  EXPECT_EQ(decoded(ours, {.weights_dir = both.folder()}).data, decoded(ours).data);
  EXPECT_EQ(decoded(other, {.weights_dir = both.folder()}).data, decoded(ours).data);
}

TEST(Models, DamagedFilesAreNotLoaded) {
  const TemporaryFolder folder;
  const ModelInfo model = installed();
  const std::string path = folder.path("still.safetensors");
  fs::copy_file(model.file, path);
  fs::resize_file(path, fs::file_size(path) / 2);
  const auto cut = ImageEncoder::create({.weights_dir = folder.folder()});
  EXPECT_EQ(cut.status().code(), ErrorCode::model_missing) << cut.status().message();
  fs::remove(path);
  fs::copy_file(model.file, path);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(model.file_bytes - 1000));
    file.put('!').put('?');
  }
  const auto changed = ImageEncoder::create({.weights_dir = folder.folder()});
  EXPECT_EQ(changed.status().code(), ErrorCode::model_missing) << changed.status().message();
  EXPECT_FALSE(list_models(folder.folder()));
}

}  // namespace
}  // namespace tessera::test
