#include "tests/codec/videos.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/video/motion_model.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::test {
namespace {

void put(uint8_t*& to, int value, uint32_t bit_depth) {
  const auto sample = static_cast<uint16_t>(std::clamp(value, 0, (1 << bit_depth) - 1));
  if (bit_depth == 8) {
    *to++ = static_cast<uint8_t>(sample);
    return;
  }
  std::memcpy(to, &sample, sizeof sample);
  to += sizeof sample;
}

int sample_of(const uint8_t* plane, size_t i, uint32_t bit_depth) {
  if (bit_depth == 8) return plane[i];
  uint16_t value;
  std::memcpy(&value, plane + 2 * i, sizeof value);
  return value;
}

}  // namespace

VideoFrameView Clip::view(size_t frame) const {
  VideoFrameView v;
  const uint8_t* at = frames[frame].data();
  for (int p = 0; p < 3; ++p) {
    v.planes[p] = at;
    v.strides[p] = format.plane_width(p) * format.sample_bytes();
    at += format.plane_bytes(p);
  }
  v.time = times.empty() ? frame : times[frame];
  return v;
}

Clip moving_clip(uint32_t width, uint32_t height, size_t frames, uint32_t bit_depth, size_t scene) {
  Clip clip;
  clip.format.width = width;
  clip.format.height = height;
  clip.format.bit_depth = bit_depth;
  const double peak = (1 << bit_depth) - 1;
  for (size_t t = 0; t < frames; ++t) {
    std::vector<uint8_t> samples(clip.format.plane_bytes(0) + 2 * clip.format.plane_bytes(1));
    uint8_t* to = samples.data();
    const double which = scene > 0 ? static_cast<double>(t / scene) : 0;
    for (int p = 0; p < 3; ++p) {
      const double step = p == 0 ? 1 : 2;
      for (uint32_t i = 0; i < clip.format.plane_height(p); ++i) {
        for (uint32_t j = 0; j < clip.format.plane_width(p); ++j) {
          const double x = j * step - 1.5 * static_cast<double>(t) + 977 * which, y = i * step + 0.75 * static_cast<double>(t) - 613 * which;
          // Incommensurable waves, other ones in other scenes.
          const double f = 1 + 2.1 * which;
          const double v = std::sin(0.31 * f * x + 0.05 * y + p) + std::sin(0.11 * y - 0.07 * f * x) + std::sin(0.23 * f * y + 0.032 * x) + std::sin(0.041 * x + 0.13 * f * y);
          put(to, static_cast<int>(std::lround(peak * (0.5 + 0.11 * v))), bit_depth);
        }
      }
    }
    clip.frames.push_back(std::move(samples));
  }
  return clip;
}

constexpr double kSmall = 0.03;  // of random weights: the encoder gives up predicting with a network that fails

void write_video_weights(const std::string& folder) {
  const auto write = [&](models::Motion& network, const std::string& name) { models::export_motion(network, folder + "/" + name + ".safetensors", name, 1, "{}"); };
  models::Motion untrained(models::test::tiny_motion_config());
  models::test::round_to_grids(untrained);
  write(untrained, "motion-lite");
  models::MotionConfig config = models::test::tiny_motion_config();  // the ways of streams and pictures that weights have now; those above have the first ones
  config.vector_coding = models::VectorCoding::mixed;
  config.interpolation = models::Interpolation::lagrange;
  models::Motion random(config);
  models::test::randomise(random, 7, kSmall);
  write(random, "motion");
  models::Motion stem(models::test::tiny_motion_config(false));
  models::test::randomise(stem, 8, kSmall);
  write(stem, "stem");
}

Bytes VideoStream::bytes() const {
  Bytes all = header;
  for (const VideoPacket& packet : packets) all.insert(all.end(), packet.bytes.begin(), packet.bytes.end());
  return all;
}

VideoStream encoded(const VideoEncoderOptions& options, const Clip& clip, const std::vector<size_t>& keys) {
  VideoStream stream;
  VideoEncoderOptions o = options;
  o.format = clip.format;
  auto encoder = VideoEncoder::create(o);
  EXPECT_TRUE(encoder) << encoder.status().message();
  if (!encoder) return stream;
  stream.header = encoder->header();
  for (size_t t = 0; t < clip.frames.size(); ++t) {
    const Status status = encoder->send(clip.view(t), std::find(keys.begin(), keys.end(), t) != keys.end());
    EXPECT_TRUE(status.ok()) << status.message();
    const size_t behind = options.ahead ? 1 : 0;
    if (t < behind) continue;
    auto packet = encoder->receive();
    if (o.model == "overfit-video") {  // in groups
      for (; packet; packet = encoder->receive()) stream.packets.push_back(std::move(*packet));
      continue;
    }
    EXPECT_TRUE(packet) << "a packet leaves before the next frame arrives, or, of an encoder that runs ahead, the one after it";
    if (!packet) return stream;
    EXPECT_EQ(packet->time, clip.view(t - behind).time);
    stream.packets.push_back(std::move(*packet));
    EXPECT_FALSE(encoder->receive());
  }
  EXPECT_TRUE(encoder->flush().ok());
  while (auto packet = encoder->receive()) stream.packets.push_back(std::move(*packet));
  stream.report = encoder->report();
  return stream;
}

std::vector<VideoFrame> decoded(const VideoDecoderOptions& options, const VideoStream& stream, const std::vector<size_t>& lost, VideoReport* report) {
  std::vector<VideoFrame> frames;
  auto decoder = VideoDecoder::create(options);
  const auto good = [](const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); };
  good(decoder->open(stream.header));
  const auto collect = [&] {
    while (auto frame = decoder->receive()) frames.push_back(std::move(*frame));
  };
  for (size_t i = 0; i < stream.packets.size(); ++i) {
    good(std::find(lost.begin(), lost.end(), i) == lost.end() ? decoder->send(stream.packets[i].bytes) : decoder->lost(1));
    collect();
    if (options.ahead == 0 && !options.symbols_only && !stream.packets[i].index) {
      EXPECT_EQ(frames.size(), i + 1) << "a frame is out as soon as its packet is there";
    }
  }
  good(decoder->flush());
  collect();
  if (report != nullptr) *report = decoder->report();
  return frames;
}

double luma_psnr(const Clip& clip, size_t frame, const VideoFrame& out) {
  const VideoFormat& f = clip.format;
  if (out.samples.size() != clip.frames[frame].size()) return -1;
  double sum = 0;
  const size_t count = size_t{f.width} * f.height;
  for (size_t i = 0; i < count; ++i) {
    const double d = sample_of(clip.frames[frame].data(), i, f.bit_depth) - sample_of(out.samples.data(), i, f.bit_depth);
    sum += d * d;
  }
  const double peak = (1 << f.bit_depth) - 1;
  return 10 * std::log10(peak * peak * static_cast<double>(count) / std::max(sum, 1e-9));
}

}  // namespace tessera::test
