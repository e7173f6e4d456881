#include "apps/tessera-exactness/video.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "apps/tessera-exactness/clips.h"
#include "bitstream/stream_reader.h"
#include "codec/video.h"

namespace tessera::exactness {
namespace {

namespace fs = std::filesystem;
using bitstream::StreamReader;
using Clock = std::chrono::steady_clock;

Device device_of(const std::string& name) { return name == "cuda" ? Device::cuda : Device::cpu; }

void check(const Status& status, const std::string& where) {
  if (!status.ok()) throw std::runtime_error(where + ": " + status.message());
}

VideoFrameView view_of(const Clip& clip, size_t index) {
  const size_t luma = size_t{clip.width} * clip.height;
  const uint8_t* at = clip.frames[index].data();
  return {{at, at + luma, at + luma + luma / 4}, {clip.width, clip.width / 2, clip.width / 2}, index};
}

VideoEncoder encoder_for(const VideoSettings& s, const Clip& clip, int quality, bool ahead = false) {
  VideoEncoderOptions o;
  o.model = s.model;
  o.format.width = clip.width;
  o.format.height = clip.height;
  o.quality = quality;
  o.scene_cuts = false;
  o.ahead = ahead;
  o.device = device_of(s.device);
  o.precision = s.precision;
  o.threads = s.threads;
  o.weights_dir = s.weights;
  auto made = VideoEncoder::create(o);
  check(made.status(), "encoder");
  return std::move(*made);
}

VideoDecoder decoder_for(const VideoSettings& s, const std::string& device, bool symbols_only, int ahead = 0) {
  VideoDecoderOptions o;
  o.device = device_of(device);
  o.precision = s.precision;
  o.threads = s.threads;
  o.symbols_only = symbols_only;
  o.ahead = ahead;
  o.weights_dir = s.weights;
  auto made = VideoDecoder::create(o);
  check(made.status(), "decoder");
  return std::move(*made);
}

std::vector<fs::path> streams_of(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".tsr") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw std::runtime_error(folder + ": holds no streams");
  return files;
}

struct Stream {
  std::vector<uint8_t> header;
  std::vector<std::vector<uint8_t>> packets;
};

Stream read_stream(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
  StreamReader reader;
  reader.push(bytes);
  reader.finish();
  Stream stream;
  for (;;) {
    const StreamReader::Event event = reader.next();
    check(event.damage, path.string());
    if (event.kind == StreamReader::Kind::header) stream.header.assign(event.bytes.begin(), event.bytes.end());
    if (event.kind == StreamReader::Kind::packet) stream.packets.emplace_back(event.bytes.begin(), event.bytes.end());
    if (event.kind == StreamReader::Kind::end) return stream;
  }
}

// Of all samples, whatever their plane.
double psnr(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  uint64_t sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const int d = static_cast<int>(a[i]) - static_cast<int>(b[i]);
    sum += static_cast<uint64_t>(d * d);
  }
  return sum == 0 ? 100.0 : 10 * std::log10(65025.0 * static_cast<double>(a.size()) / static_cast<double>(sum));
}

}  // namespace

int encode_clips(const VideoSettings& s) {
  fs::create_directories(s.folder);
  const std::vector<Clip> clips = read_clips(s.pack, s.frames, s.repeat_clip);
  for (size_t c = 0; c < clips.size(); ++c) {
    for (const int quality : s.qualities) {
      VideoEncoder encoder = encoder_for(s, clips[c], quality);
      const fs::path path = fs::path(s.folder) / (std::to_string(c) + "_q" + std::to_string(quality) + ".tsr");
      std::ofstream out(path, std::ios::binary);
      const auto put = [&](const std::vector<uint8_t>& bytes) { out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())); };
      put(encoder.header());
      for (size_t i = 0; i < clips[c].frames.size(); ++i) {
        check(encoder.send(view_of(clips[c], i)), path.string());
        while (const auto packet = encoder.receive()) put(packet->bytes);
      }
      check(encoder.flush(), path.string());
      while (const auto packet = encoder.receive()) put(packet->bytes);
      if (!out.flush()) throw std::runtime_error(path.string() + ": cannot be written");
      const VideoReport& r = encoder.report();
      std::printf("%s encoded on %s: %llu frames (%llu key), %llu bytes\n", path.filename().c_str(), s.device.c_str(), static_cast<unsigned long long>(r.frames),
                  static_cast<unsigned long long>(r.key_frames), static_cast<unsigned long long>(r.bytes));
    }
  }
  return 0;
}

int check_clips(const VideoSettings& s) {
  uint64_t streams = 0, packets = 0, wrong = 0;
  for (const fs::path& path : streams_of(s.folder)) {
    const Stream stream = read_stream(path);
    VideoDecoder decoder = decoder_for(s, s.device, true);
    check(decoder.open(stream.header), path.string());
    ++streams;
    for (const auto& packet : stream.packets) {
      if (const Status status = decoder.send(packet); !status.ok()) {
        ++wrong;
        std::fprintf(stderr, "%s: %s\n", path.c_str(), status.message().c_str());
        break;  // what follows depends on it
      }
      while (decoder.receive()) continue;
    }
    packets += decoder.report().checked;
  }
  std::printf("decoded on %s, %d threads: %llu streams, %llu packets checked, %llu streams wrong\n", s.device.c_str(), s.threads,
              static_cast<unsigned long long>(streams), static_cast<unsigned long long>(packets), static_cast<unsigned long long>(wrong));
  return wrong == 0 && packets > 0 ? 0 : 1;
}

int drift_of_clips(const VideoSettings& s) {
  double worst = 100;
  for (const fs::path& path : streams_of(s.folder)) {
    const Stream stream = read_stream(path);
    VideoDecoder cpu = decoder_for(s, "cpu", false), cuda = decoder_for(s, "cuda", false);
    check(cpu.open(stream.header), path.string());
    check(cuda.open(stream.header), path.string());
    double lowest = 100, last = 100;
    for (const auto& packet : stream.packets) {
      check(cpu.send(packet), path.string());
      check(cuda.send(packet), path.string());
      const auto a = cpu.receive(), b = cuda.receive();
      if (!a || !b) throw std::runtime_error(path.string() + ": a packet gave no frame");
      last = psnr(a->samples, b->samples);
      lowest = std::min(lowest, last);
    }
    const bool same = cpu.report().symbol_checksum == cuda.report().symbol_checksum;
    std::printf("%s: %zu frames, symbols %s, pictures of CPU and CUDA: lowest %.2f dB, last frame %.2f dB\n", path.filename().c_str(), stream.packets.size(),
                same ? "equal" : "DIFFERENT", lowest, last);
    std::fflush(stdout);
    worst = std::min(worst, same ? last : 0);
  }
  std::printf("worst last frame: %.2f dB\n", worst);
  return worst >= 55 ? 0 : 1;
}

int speed_of_clips(const VideoSettings& s) {
  for (const Clip& clip : read_clips(s.pack, s.frames, s.repeat_clip)) {
    double encode = 1e9, decode = 1e9, bytes = 0;
    VideoReport er, dr;
    for (int round = 0; round <= s.repeat; ++round) {  // the first one loads libraries and chooses algorithms
      VideoEncoder encoder = encoder_for(s, clip, s.quality, true);
      std::vector<VideoPacket> packets;
      const auto t0 = Clock::now();
      for (size_t i = 0; i < clip.frames.size(); ++i) {
        check(encoder.send(view_of(clip, i)), "encoder");
        while (auto packet = encoder.receive()) packets.push_back(std::move(*packet));
      }
      check(encoder.flush(), "encoder");
      while (auto packet = encoder.receive()) packets.push_back(std::move(*packet));
      const auto t1 = Clock::now();
      VideoDecoder decoder = decoder_for(s, s.device, false, 2);
      check(decoder.open(encoder.header()), "decoder");
      const auto t2 = Clock::now();
      size_t shown = 0;
      for (const VideoPacket& packet : packets) {
        check(decoder.send(packet.bytes), "decoder");
        while (decoder.receive()) ++shown;
      }
      check(decoder.flush(), "decoder");
      while (decoder.receive()) ++shown;
      const auto t3 = Clock::now();
      if (shown != clip.frames.size()) throw std::runtime_error("decoding gave another number of frames");
      if (round == 0 && s.repeat > 0) continue;
      encode = std::min(encode, std::chrono::duration<double>(t1 - t0).count());
      decode = std::min(decode, std::chrono::duration<double>(t3 - t2).count());
      er = encoder.report();
      dr = decoder.report();
      bytes = static_cast<double>(er.bytes);
    }
    const double n = static_cast<double>(clip.frames.size());
    std::printf("%s %s %ux%u quality %d, %zu frames, %.4f bpp: encoding %.1f frames/s (ms a frame: network %.2f, search %.2f, coder %.2f), "
                "decoding %.1f frames/s (network %.2f, coder %.2f)\n",
                s.device.c_str(), s.model.c_str(), clip.width, clip.height, s.quality, clip.frames.size(), 8 * bytes / (n * clip.width * clip.height), n / encode,
                er.seconds_network / n * 1e3, er.seconds_search / n * 1e3, er.seconds_entropy / n * 1e3, n / decode, dr.seconds_network / n * 1e3,
                dr.seconds_entropy / n * 1e3);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace tessera::exactness
