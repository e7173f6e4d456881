#include "tests/fuzz/tiny_models.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "bitstream/header.h"
#include "models/still_model.h"
#include "tests/codec/sounds.h"
#include "tests/codec/videos.h"
#include "tests/fuzz/loose_stream.h"
#include "tests/fuzz/require.h"
#include "tests/models/tiny_still.h"

namespace tessera::fuzz {
namespace {

// Waves and some noise; 16-bit samples where `depth` asks for them.
Bytes picture(uint32_t width, uint32_t height, uint32_t channels, uint32_t depth) {
  Bytes samples;
  uint32_t noise = 1;
  for (uint32_t i = 0; i < width * height * channels; ++i) {
    noise = noise * 1664525u + 1013904223u;
    const uint32_t value = (i / channels % width * 3 + i / channels / width * 5 + (noise >> 28)) << (depth - 8) & ((1u << depth) - 1);
    samples.push_back(static_cast<uint8_t>(value));
    if (depth > 8) samples.push_back(static_cast<uint8_t>(value >> 8));
  }
  return samples;
}

Bytes image(const std::string& folder, uint32_t width, uint32_t height, uint32_t channels, uint32_t depth, uint32_t tile) {
  auto encoder = ImageEncoder::create({.quality = 20, .threads = 1, .tile = tile, .weights_dir = folder});
  TESSERA_REQUIRE(encoder.ok());
  const Bytes samples = picture(width, height, channels, depth);
  const size_t stride = size_t{width} * channels * (depth > 8 ? 2 : 1);
  ImageMetadata metadata;
  metadata.icc = Bytes(20, 1);
  metadata.xmp = Bytes(9, 2);
  auto stream = encoder->encode({samples.data(), width, height, channels, depth, stride}, metadata);
  TESSERA_REQUIRE(stream.ok());
  return *stream;
}

Bytes sound(const std::string& folder, const std::string& model, uint32_t channels, bool low_delay) {
  AudioEncoderOptions options;
  options.model = model;
  options.bit_rate = channels == 2 ? 6000 : 3200;
  options.channels = channels;
  options.low_delay = low_delay;
  options.weights_dir = folder;
  return test::encoded(options, test::voice(8000, channels, low_delay ? 1500 : 9000)).bytes();
}

Bytes video(const std::string& folder, const std::string& model, uint32_t depth) {
  VideoEncoderOptions options;
  options.model = model;
  options.weights_dir = folder;
  options.threads = 1;
  options.keyint = 3;
  return test::encoded(options, test::moving_clip(33, 17, 5, depth)).bytes();
}

}  // namespace

TinyModels::TinyModels() {
  const std::string& f = folder();
  models::Still network(models::test::tiny_config());
  models::test::randomise(network, 3);
  models::export_still(network, f + "/still.safetensors", "still", 1, "{}");
  test::write_weights(f);
  test::write_video_weights(f);
  // The Bayesian codec's priors are small as they are; golden streams of theirs are in the corpus.
  for (const char* prior : {"bayes.safetensors", "bayes-sound.safetensors"}) {
    TESSERA_REQUIRE(std::filesystem::copy_file(std::string(TESSERA_SHIPPED_WEIGHTS "/") + prior, f + "/" + prior));
  }
  auto list = list_models(f);
  TESSERA_REQUIRE(list.ok());
  models_ = std::move(*list);
  images_ = {image(f, 40, 30, 3, 8, 0), image(f, 70, 33, 4, 8, 64), image(f, 9, 50, 1, 12, 0), image(f, 64, 64, 2, 16, 0)};
  sounds_ = {sound(f, "speech", 1, false), sound(f, "speech", 1, true), sound(f, "sound", 2, false), sound(f, "coded", 1, false)};
  videos_ = {video(f, "motion-lite", 8), video(f, "motion-lite", 10), video(f, "motion", 8)};
}

const TinyModels& TinyModels::get() {
  static const TinyModels models;
  return models;
}

Bytes TinyModels::adopted(std::span<const uint8_t> stream) const {
  size_t size = 0;
  auto header = bitstream::parse_header(stream, {}, &size);
  if (!header || header->model_name == "overfit") return {stream.begin(), stream.end()};
  const auto named = std::ranges::find_if(models_, [&](const ModelInfo& m) { return m.name == header->model_name; });
  const auto model = named != models_.end() ? named : std::ranges::find_if(
      models_, [&](const ModelInfo& m) { return m.media == bitstream::media_name(header->kind) && !m.name.starts_with("bayes"); });
  if (model == models_.end()) return {stream.begin(), stream.end()};
  header->model_name = model->name;
  header->model_hash = model->hash;
  bitstream::ByteWriter out;
  if (!bitstream::write_header(out, *header).ok()) return {stream.begin(), stream.end()};
  out.bytes(stream.subspan(size));
  return out.take();
}

size_t mutate_or_replace(uint8_t* data, size_t size, size_t max_size, unsigned seed, size_t options, const std::vector<Bytes>& streams) {
  if (seed % 64 != 0 && size > options) return mutate_stream(data, size, max_size, seed, options);
  const Bytes& stream = streams[seed / 64 % streams.size()];
  if (max_size < options + stream.size()) return size;
  std::fill_n(data, options, uint8_t{0});
  std::ranges::copy(stream, data + options);
  return options + stream.size();
}

void choose_simd(uint8_t choice) {
  constexpr const char* kLevels[] = {"avx512", "scalar", "avx2"};
  ::setenv("TESSERA_SIMD", kLevels[choice % 3], 1);
}

}  // namespace tessera::fuzz
