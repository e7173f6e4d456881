// Decoding of video whose pictures do not depend on each other (STEM, docs/video.md): one picture after the other, or several at the same time.
//
//   stem_bench write RECIPE FOLDER WIDTH HEIGHT FRAMES [QUALITY]   weights of the recipe's network, untrained, and a stream of a moving texture
//   stem_bench time FOLDER ROUNDS THREADS AHEAD...   decodes it with each number of frames ahead in turn, round by round: making one picture at a time
//                                                    (by a limit of the memory), and several. To weigh either, ask for that one alone:
//   stem_bench one|several FOLDER ROUNDS THREADS AHEAD...
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "bitstream/stream_reader.h"
#include "codec/video.h"
#include "models/video/motion_model.h"

namespace tessera {
namespace {

void check(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Waves that no two places share, moving by (2, 1) samples a frame.
std::vector<uint8_t> texture(const VideoFormat& format, size_t frame) {
  std::vector<uint8_t> out;
  const double t = static_cast<double>(frame);
  for (int p = 0; p < 3; ++p) {
    const double step = p == 0 ? 1 : 2;
    for (uint32_t i = 0; i < format.plane_height(p); ++i) {
      for (uint32_t j = 0; j < format.plane_width(p); ++j) {
        const double x = step * j - 2 * t, y = step * i - t;
        out.push_back(static_cast<uint8_t>(128 + 30 * std::sin(0.31 * x + 0.05 * y + p) + 30 * std::sin(0.041 * x + 0.13 * y)));
      }
    }
  }
  return out;
}

void write(const std::string& recipe, const std::string& folder, uint32_t width, uint32_t height, size_t frames, int quality) {
  nlohmann::json config = nlohmann::json::parse(read(recipe)).at("config");
  models::Motion network(models::MotionConfig::from_json(config.dump()));
  models::export_motion(network, folder + "/stem.safetensors", "stem", 1, "{}");
  std::printf("stem: %.1f kMAC a luma sample\n", network.decode_macs() / 1000);
  VideoEncoderOptions options;
  options.model = "stem";
  options.quality = quality;
  options.format.width = width;
  options.format.height = height;
  options.weights_dir = folder;
  auto encoder = VideoEncoder::create(options);
  check(encoder.status());
  std::ofstream out(folder + "/stem.tsr", std::ios::binary);
  const auto put = [&](const std::vector<uint8_t>& bytes) { out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())); };
  put(encoder->header());
  for (size_t t = 0; t < frames; ++t) {
    const std::vector<uint8_t> samples = texture(options.format, t);
    VideoFrameView view;
    const uint8_t* at = samples.data();
    for (int p = 0; p < 3; ++p) {
      view.planes[p] = at;
      view.strides[p] = options.format.plane_width(p);
      at += options.format.plane_bytes(p);
    }
    view.time = t;
    check(encoder->send(view));
    while (auto packet = encoder->receive()) put(packet->bytes);
  }
  check(encoder->flush());
  while (auto packet = encoder->receive()) put(packet->bytes);
}

// Milliseconds a frame.
double decode(const VideoDecoderOptions& options, const std::vector<std::vector<uint8_t>>& pieces) {
  auto decoder = VideoDecoder::create(options);
  check(decoder.status());
  check(decoder->open(pieces[0]));
  const auto start = std::chrono::steady_clock::now();
  size_t frames = 0;
  const auto collect = [&] {
    while (decoder->receive()) ++frames;
  };
  for (size_t i = 1; i < pieces.size(); ++i) {
    check(decoder->send(pieces[i]));
    collect();
  }
  check(decoder->flush());
  collect();
  if (frames == 0) throw std::runtime_error("a stream without frames");
  return 1000 * std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(frames);
}

std::vector<std::vector<uint8_t>> pieces_of(const std::string& file) {
  bitstream::StreamReader reader;
  reader.push({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  reader.finish();
  std::vector<std::vector<uint8_t>> pieces;
  for (auto event = reader.next(); event.kind != bitstream::StreamReader::Kind::end; event = reader.next()) {
    if (event.kind == bitstream::StreamReader::Kind::lost) check(event.damage);
    pieces.emplace_back(event.bytes.begin(), event.bytes.end());
  }
  if (pieces.empty()) throw std::runtime_error("stem.tsr is no stream");
  return pieces;
}

struct Case {
  int ahead = 0;
  bool several = false;
  std::vector<double> times = {};  // ms a frame
};

void time(const std::string& folder, int rounds, int threads, std::vector<Case> cases) {
  const std::string file = read(folder + "/stem.tsr");
  const auto pieces = pieces_of(file);
  const auto info = inspect({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, folder);
  check(info.status());
  for (int round = 0; round < rounds; ++round) {
    for (Case& c : cases) {
      VideoDecoderOptions options;
      options.weights_dir = folder;
      options.threads = threads;
      options.ahead = c.ahead;
      if (!c.several) options.limits.max_memory = info->predicted_memory;
      c.times.push_back(decode(options, pieces));
    }
  }
  for (Case& c : cases) {
    std::sort(c.times.begin(), c.times.end());
    std::printf("%2d ahead, %s: %7.1f ms a frame at best, median of %d rounds %.1f\n", c.ahead, c.several ? "several pictures at a time" : "one picture at a time     ",
                c.times.front(), rounds, c.times[c.times.size() / 2]);
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("peak memory: %ld MiB\n", usage.ru_maxrss >> 10);
}

int number(const char* text) { return std::max(0, std::atoi(text)); }

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  try {
    if (mode == "write" && (argc == 7 || argc == 8)) {
      using tessera::number;
      tessera::write(argv[2], argv[3], static_cast<uint32_t>(number(argv[4])), static_cast<uint32_t>(number(argv[5])), static_cast<size_t>(number(argv[6])),
                     argc == 8 ? number(argv[7]) : 32);
      return 0;
    }
    if ((mode == "time" || mode == "one" || mode == "several") && argc > 5) {
      std::vector<tessera::Case> cases;
      for (int i = 5; i < argc; ++i) {
        if (mode != "several") cases.push_back({tessera::number(argv[i]), false});
        if (mode != "one") cases.push_back({tessera::number(argv[i]), true});
      }
      tessera::time(argv[2], std::max(1, tessera::number(argv[3])), tessera::number(argv[4]), cases);
      return 0;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stem_bench: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "stem_bench write RECIPE FOLDER WIDTH HEIGHT FRAMES [QUALITY] | time|one|several FOLDER ROUNDS THREADS AHEAD...\n");
  return 2;
}
