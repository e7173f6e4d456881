#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "apps/tessera/psnr.h"
#include "apps/tessera/video.h"
#include "data/video_chroma.h"

namespace tessera::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMostDecibels = 100;  // of equal planes

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Result<std::vector<media::VideoFrame>> read_all(media::VideoReader& reader, uint64_t most) {
  std::vector<media::VideoFrame> frames;
  media::VideoFrame frame;
  while (most == 0 || frames.size() < most) {
    const auto got = reader.read(frame);
    if (!got) return got.status();
    if (!*got) break;
    media::to_yuv420(frame, frames.emplace_back());
  }
  return frames;
}

template <class Sample>
double plane_psnr(const uint8_t* a, const uint8_t* b, size_t bytes, double peak) {
  const auto *x = reinterpret_cast<const Sample*>(a), *y = reinterpret_cast<const Sample*>(b);
  const size_t count = bytes / sizeof(Sample);
  uint64_t sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const int d = static_cast<int>(x[i]) - static_cast<int>(y[i]);
    sum += static_cast<uint64_t>(d * d);
  }
  if (sum == 0) return kMostDecibels;
  return std::min(kMostDecibels, 10 * std::log10(peak * peak * static_cast<double>(count) / static_cast<double>(sum)));
}

void add_psnr(const media::VideoFrame& source, const VideoFrame& decoded, VideoTimes& row) {
  double* const totals[] = {&row.psnr_y, &row.psnr_u, &row.psnr_v};
  const uint8_t* at = decoded.samples.data();
  for (int p = 0; p < 3; ++p) {
    const auto plane = source.plane(p);
    const auto of = source.format.bit_depth > 8 ? plane_psnr<uint16_t> : plane_psnr<uint8_t>;
    *totals[p] += of(plane.data(), at, plane.size(), (1 << source.format.bit_depth) - 1);
    at += plane.size();
  }
}

}  // namespace

Result<VideoTimes> time_video(const std::string& file, int quality, double bit_rate, const BenchOptions& options) {
  auto reader = media::VideoReader::open(file);
  if (!reader) return reader.status();
  VideoTiming timing = timing_of(reader->properties());
  auto frames = read_all(*reader, options.frames);
  if (!frames) return frames.status();
  if (frames->empty()) return {ErrorCode::invalid_argument, "there is no frame in it"};
  timing.first = frames->front().time;
  VideoEncoderOptions encoding;
  encoding.model = options.model.empty() ? choose_video_model(options.common.device, options.common.weights_dir) : options.model;
  encoding.format = timing.format;
  encoding.quality = quality;
  encoding.bit_rate = bit_rate;
  encoding.effort = options.effort;
  encoding.ahead = options.common.threads != 1;
  encoding.device = options.common.device;
  encoding.threads = options.common.threads;
  encoding.weights_dir = options.common.weights_dir;
  VideoDecoderOptions decoding;
  decoding.device = options.common.device;
  decoding.threads = options.common.threads;
  decoding.weights_dir = options.common.weights_dir;
  decoding.ahead = options.common.threads == 1 ? 0 : 2;
  VideoTimes row{file, encoding.model, timing.format.width, timing.format.height, frames->size()};
  row.quality = quality;
  row.asked = bit_rate;
  std::vector<double> encode_times, decode_times;
  for (int i = 0; i <= options.repetitions; ++i) {  // the first round only warms up
    auto encoder = VideoEncoder::create(encoding);
    if (!encoder) return encoder.status();
    std::vector<VideoPacket> packets;
    const auto start = Clock::now();
    uint64_t time = 0;
    for (const media::VideoFrame& frame : *frames) {
      VideoFrameView view;
      for (int p = 0; p < 3; ++p) {
        view.planes[p] = frame.plane(p).data();
        view.strides[p] = size_t{frame.format.plane_width(p)} * frame.format.sample_bytes();
      }
      view.time = std::max(timing.ticks(frame.time), &frame == frames->data() ? 0 : time + 1);
      time = view.time;
      TESSERA_RETURN_IF_ERROR(encoder->send(view));
      while (auto packet = encoder->receive()) packets.push_back(std::move(*packet));
    }
    TESSERA_RETURN_IF_ERROR(encoder->flush());
    while (auto packet = encoder->receive()) packets.push_back(std::move(*packet));
    const double encode_time = since(start);
    auto decoder = VideoDecoder::create(decoding);
    if (!decoder) return decoder.status();
    TESSERA_RETURN_IF_ERROR(decoder->open(encoder->header()));
    double decode_time = 0;
    size_t shown = 0;
    row.psnr_y = row.psnr_u = row.psnr_v = 0;
    const auto timed = [&](auto work) {
      const auto begin = Clock::now();
      auto result = work();
      decode_time += since(begin);
      return result;
    };
    const auto take = [&] {
      while (auto frame = timed([&] { return decoder->receive(); })) {
        if (shown < frames->size()) add_psnr((*frames)[shown], *frame, row);  // outside of the time that is measured
        ++shown;
      }
    };
    for (const VideoPacket& packet : packets) {
      TESSERA_RETURN_IF_ERROR(timed([&] { return decoder->send(packet.bytes); }));
      take();
    }
    TESSERA_RETURN_IF_ERROR(timed([&] { return decoder->flush(); }));
    take();
    if (shown != frames->size()) return {ErrorCode::corrupt, "decoding gave another number of frames"};
    const double n = static_cast<double>(shown);
    row.psnr_y /= n;
    row.psnr_u /= n;
    row.psnr_v /= n;
    const VideoReport &coded = encoder->report(), &decoded = decoder->report();
    row.key_frames = coded.key_frames;
    row.bit_rate = 8.0 * static_cast<double>(coded.bytes) / (n / timing.format.frame_rate());
    row.bpp = 8.0 * static_cast<double>(coded.bytes) / (n * timing.format.width * timing.format.height);
    row.encode_network_seconds = coded.seconds_network;
    row.encode_search_seconds = coded.seconds_search;
    row.encode_entropy_seconds = coded.seconds_entropy;
    row.decode_network_seconds = decoded.seconds_network;
    row.decode_entropy_seconds = decoded.seconds_entropy;
    if (i == 0) continue;
    encode_times.push_back(encode_time);
    decode_times.push_back(decode_time);
  }
  row.encode_seconds = median(encode_times);
  row.decode_seconds = median(decode_times);
  return row;
}

}  // namespace tessera::cli
