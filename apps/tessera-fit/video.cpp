// tessera-fit-video: overfitted networks for a clip, each idea left out or taken in, measured.
//
//   tessera-pack video --out clips.tsvp clip.mkv
//   tessera-fit-video --pack clips.tsvp --crop 128x128+400+200 --frames 16 --group 8 --qualities 20,32,44 --steps 600
//
// A line a point on standard output: what was left out, quality, bytes of the file, bits a luma sample, PSNR of the decoded samples (luma, Cb, Cr, and
// (6 Y + U + V) / 8), seconds of encoding and decoding, thousand multiply-adds a sample, milliseconds a frame that decoding took and that all of its threads
// computed. Lines come as they are measured.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/tessera-train/video_pack.h"
#include "codec/overfit_steps.h"
#include "codec/video.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::string pack, crop, device = "cpu";
  uint64_t number = 0, first = 0, frames = 16;
  uint32_t group = 8;
  std::vector<int> qualities = {20, 32, 44};
  std::vector<std::string> without = {"", "sine", "+affine", "separable", "+skip", "even", "warm", "entropy", "rounding", "plain"};
  int64_t steps = 600;
  double rate = 1;
  int threads = 0, decoder_threads = 0;
};

double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

// Seconds of processor time of the process.
double processor() {
  rusage r;
  getrusage(RUSAGE_SELF, &r);
  return static_cast<double>(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + 1e-6 * static_cast<double>(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

int fail(const std::string& what) {
  std::fprintf(stderr, "tessera-fit-video: %s\n", what.c_str());
  return 2;
}

struct Clip {
  tessera::VideoFormat format;
  std::vector<std::vector<uint8_t>> frames;  // 8 or 10 bits, planes without gaps
};

// The part of each frame that is wanted.
tessera::Result<Clip> read_clip(const Settings& s) {
  const auto wrong = [](const std::string& what) { return tessera::Status{tessera::ErrorCode::invalid_argument, what}; };
  tessera::train::VideoPackIndex index;
  try {
    index = tessera::train::read_video_index(s.pack);
  } catch (const std::runtime_error& e) {
    return wrong(e.what());
  }
  if (s.number >= index.clips.size()) return wrong(s.pack + ": has no clip " + std::to_string(s.number));
  const tessera::train::PackedClip& packed = index.clips[s.number];
  unsigned width = packed.width, height = packed.height, x = 0, y = 0;
  if (!s.crop.empty() && std::sscanf(s.crop.c_str(), "%ux%u+%u+%u", &width, &height, &x, &y) != 4) return wrong("--crop is WxH+X+Y");
  if (x % 2 != 0 || y % 2 != 0 || width == 0 || height == 0 || uint64_t{x} + width > packed.width || uint64_t{y} + height > packed.height) {
    return wrong("the crop has an odd origin, or lies outside of the picture");
  }
  Clip out;
  out.format.width = width;
  out.format.height = height;
  std::ifstream in(s.pack, std::ios::binary);
  std::vector<uint8_t> frame(packed.frame_bytes());
  for (uint64_t n = s.first; n < packed.frames && out.frames.size() < s.frames; ++n) {
    in.seekg(static_cast<std::streamoff>(packed.offset + n * packed.frame_bytes()));
    if (!in.read(reinterpret_cast<char*>(frame.data()), static_cast<std::streamsize>(frame.size()))) return tessera::Status{tessera::ErrorCode::io, s.pack + ": cannot be read"};
    std::vector<uint8_t> cut;
    const uint8_t* plane = frame.data();
    for (int p = 0; p < 3; ++p) {
      const size_t row = p == 0 ? packed.width : packed.width / 2, rows = p == 0 ? packed.height : packed.height / 2, px = p == 0 ? x : x / 2, py = p == 0 ? y : y / 2;
      for (uint32_t i = 0; i < out.format.plane_height(p); ++i) {
        const uint8_t* const from = plane + (py + i) * row + px;
        cut.insert(cut.end(), from, from + out.format.plane_width(p));
      }
      plane += row * rows;
    }
    out.frames.push_back(std::move(cut));
  }
  if (out.frames.empty()) return wrong(s.pack + ": no frame there");
  return out;
}

tessera::VideoFrameView view_of(const Clip& clip, size_t t) {
  tessera::VideoFrameView view;
  const uint8_t* at = clip.frames[t].data();
  for (int p = 0; p < 3; ++p) {
    view.planes[p] = at;
    view.strides[p] = clip.format.plane_width(p) * clip.format.sample_bytes();
    at += clip.format.plane_bytes(p);
  }
  view.time = t;
  return view;
}

void add_psnr(const tessera::VideoFormat& f, const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, double (&sums)[3]) {
  size_t at = 0;
  const double peak = (1 << f.bit_depth) - 1;
  for (int p = 0; p < 3; ++p) {
    const size_t sample = f.sample_bytes(), count = f.plane_bytes(p) / sample;
    double sum = 0;
    for (size_t i = 0; i < count; ++i, at += sample) {
      uint16_t v = a[at], w = b[at];
      if (sample == 2) {
        std::memcpy(&v, &a[at], 2);
        std::memcpy(&w, &b[at], 2);
      }
      sum += std::pow(double(v) - double(w), 2);
    }
    sums[p] += 10 * std::log10(peak * peak * static_cast<double>(count) / std::max(sum, 1e-9));
  }
}

tessera::Status measure(const Settings& s, const Clip& clip, const std::string& without, int quality) {
  tessera::VideoEncoderOptions options;
  options.model = "overfit-video";
  options.format = clip.format;
  options.quality = quality;
  options.keyint = s.group;
  options.fit_steps = s.steps;
  options.fit_without = without;
  options.fit_rate = s.rate;
  options.device = s.device == "cuda" ? tessera::Device::cuda : tessera::Device::cpu;
  options.threads = s.threads;
  auto encoder = tessera::VideoEncoder::create(options);
  if (!encoder) return encoder.status();
  std::vector<uint8_t> file = encoder->header();
  std::vector<tessera::VideoPacket> packets;
  const auto begin = Clock::now();
  for (size_t t = 0; t < clip.frames.size(); ++t) TESSERA_RETURN_IF_ERROR(encoder->send(view_of(clip, t)));
  TESSERA_RETURN_IF_ERROR(encoder->flush());
  const double encoding = since(begin);
  while (auto packet = encoder->receive()) {
    file.insert(file.end(), packet->bytes.begin(), packet->bytes.end());
    packets.push_back(std::move(*packet));
  }
  auto decoder = tessera::VideoDecoder::create({.device = options.device, .threads = s.decoder_threads});
  if (!decoder) return decoder.status();
  const auto middle = Clock::now();
  const double computed = processor();
  TESSERA_RETURN_IF_ERROR(decoder->open(encoder->header()));
  std::vector<tessera::VideoFrame> frames;
  for (const tessera::VideoPacket& packet : packets) {
    TESSERA_RETURN_IF_ERROR(decoder->send(packet.bytes));
    while (auto frame = decoder->receive()) frames.push_back(std::move(*frame));
  }
  TESSERA_RETURN_IF_ERROR(decoder->flush());
  while (auto frame = decoder->receive()) frames.push_back(std::move(*frame));
  const double decoding = since(middle), computing = processor() - computed;
  if (frames.size() != clip.frames.size()) return {tessera::ErrorCode::corrupt, "decoding gave another number of frames"};
  double psnr[3] = {};
  for (size_t t = 0; t < frames.size(); ++t) add_psnr(clip.format, clip.frames[t], frames[t].samples, psnr);
  const double n = static_cast<double>(frames.size());
  for (double& p : psnr) p /= n;
  const auto info = tessera::inspect(file);
  if (!info) return info.status();
  std::string name = without.empty() ? "nothing" : without;
  for (char& c : name) c = c == ',' ? '/' : c;
  std::printf("%s,%d,%zu,%.5f,%.3f,%.3f,%.3f,%.3f,%.1f,%.3f,%.2f,%.1f,%.1f\n", name.c_str(), quality, file.size(),
              8.0 * static_cast<double>(file.size()) / (n * clip.format.width * clip.format.height), psnr[0], psnr[1], psnr[2], (6 * psnr[0] + psnr[1] + psnr[2]) / 8,
              encoding, decoding, info->decode_kmac_per_pixel, 1e3 * decoding / n, 1e3 * computing / n);
  std::fflush(stdout);
  return {};
}

int run(const Settings& s) {
  const auto clip = read_clip(s);
  if (!clip) return fail(clip.status().message());
  std::printf("without,quality,bytes,bpp,psnr_y,psnr_u,psnr_v,psnr,encode_s,decode_s,kmac,frame_ms,frame_cpu_ms\n");
  int code = 0;
  for (const int quality : s.qualities) {
    for (const std::string& without : s.without) {
      if (const tessera::Status status = measure(s, *clip, without == "nothing" ? "" : without, quality); !status.ok()) code = fail(status.message());
    }
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Encodes a clip by overfitted networks, ideas left out or taken in, and measures it."};
  Settings s;
  app.add_option("--pack", s.pack, "video pack, as tessera-pack video writes it")->required();
  app.add_option("--number", s.number, "of the clip in the pack, from 0");
  app.add_option("--crop", s.crop, "WxH+X+Y, luma samples, even origin");
  app.add_option("--first", s.first, "frames to leave out at the start");
  app.add_option("--frames", s.frames)->check(CLI::Range(1, 100000));
  app.add_option("--group", s.group, "frames of a group")->check(CLI::Range(1, 255));
  app.add_option("--qualities", s.qualities)->delimiter(',')->check(CLI::Range(0, 63));
  app.add_option("--without", s.without, "ideas to leave out, or with a + to take in; one list a point, joined by '/': nothing, sine, plain/even, +skip, ...")->delimiter(',');
  app.add_option("--steps", s.steps, "of the first group's training")->check(CLI::Range(int64_t{1}, tessera::kMaxFitSteps));
  app.add_option("--rate", s.rate, "times the usual rate of learning")->check(CLI::PositiveNumber);
  app.add_option("--threads", s.threads, "of the encoder; 0: all cores");
  app.add_option("--decoder-threads", s.decoder_threads, "0: all cores");
  app.add_option("--device", s.device)->check(CLI::IsMember({"cpu", "cuda"}));
  CLI11_PARSE(app, argc, argv);
  for (std::string& list : s.without) {
    for (char& c : list) c = c == '/' ? ',' : c;
  }
  return run(s);
}
