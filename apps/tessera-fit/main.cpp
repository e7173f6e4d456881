// tessera-fit: overfitted networks over many pictures and qualities, measured; one of several processes that share the work.
//
//   tessera-fit --pack kodak.pack --out DIR --qualities 20,32,44,8,56 --effort 7 --device cuda --shard 0/4
//
// All pictures at the first quality, then all at the next: what is interrupted has whole columns.
// Every point leaves DIR/I_qQ_sN.tsr and DIR/I_qQ_sN.csv (_rbf, _metric behind it with another front end): picture, quality, steps of training, bytes, bpp, PSNR (RGB, of the decoded 8-bit picture), seconds of
// encoding and decoding, and of the decoder's two parts. A point that is there already is left alone, so an interrupted run goes on.
// apps/tessera-fit/batch.sh starts the processes and joins the results.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "codec/overfit_steps.h"
#include "codec/tessera.h"
#include "data/pack.h"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Settings {
  std::string pack, folder, device = "cpu", shard = "0/1", front = "plain", schedule;
  std::vector<size_t> pictures;  // empty: all
  std::vector<int> qualities = {20, 32, 44, 8, 56};
  int effort = 5, threads = 0;
  int64_t steps = 0;
  double seconds = 0;
  tessera::Device on() const { return device == "cuda" ? tessera::Device::cuda : tessera::Device::cpu; }
};

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

int fail(const std::string& what) {
  std::fprintf(stderr, "tessera-fit: %s\n", what.c_str());
  return 2;
}

double psnr(const tessera::media::PackedPicture& p, const tessera::Image& image) {
  double sum = 0;
  for (size_t i = 0; i < image.data.size(); ++i) sum += std::pow(double(p.rgb[i]) - double(image.data[i]), 2);
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(image.data.size()) / std::max(sum, 1e-9));
}

// Writes under another name first: what is there is whole.
template <class Write>
bool put(const fs::path& path, Write write) {
  const fs::path part = path.string() + ".part";
  {
    std::ofstream out(part, std::ios::binary);
    write(out);
    if (!out.flush()) return false;
  }
  std::error_code error;
  fs::rename(part, path, error);
  return !error;
}

tessera::Status measure(const Settings& s, const tessera::media::PackedPicture& p, size_t index, int quality, const fs::path& stem) {
  tessera::EncoderOptions options;
  options.model = "overfit";
  options.quality = quality;
  options.fit_steps = s.steps;
  options.device = s.on();
  options.fit_front = s.front;
  options.fit_schedule = s.schedule;
  options.threads = s.threads;
  auto encoder = tessera::ImageEncoder::create(options);
  if (!encoder) return encoder.status();
  const auto begin = Clock::now();
  const auto stream = encoder->encode({p.rgb, p.width, p.height, 3, 8, size_t{3} * p.width}, {});
  if (!stream) return stream.status();
  const double encoding = seconds_since(begin);
  // The decoder's figures are those of one core.
  auto decoder = tessera::ImageDecoder::create({.threads = 1});
  if (!decoder) return decoder.status();
  tessera::Report report;
  const auto middle = Clock::now();
  const auto image = decoder->decode(*stream, &report);
  if (!image) return image.status();
  const double decoding = seconds_since(middle);
  const double bpp = 8.0 * static_cast<double>(stream->size()) / (double(p.width) * p.height), fidelity = psnr(p, *image);
  char line[240];
  std::snprintf(line, sizeof line, "%zu,%d,%lld,%zu,%.5f,%.4f,%.2f,%.4f,%.4f,%.4f", index, quality, static_cast<long long>(s.steps), stream->size(), bpp, fidelity, encoding, decoding,
                report.seconds_entropy, report.seconds_network);
  const bool written = put(stem.string() + ".tsr", [&](std::ofstream& out) {
    out.write(reinterpret_cast<const char*>(stream->data()), static_cast<std::streamsize>(stream->size()));
  }) && put(stem.string() + ".csv", [&](std::ofstream& out) { out << line << "\n"; });
  if (!written) return {tessera::ErrorCode::io, stem.string() + ": cannot be written"};
  std::printf("%s\n", line);
  std::fflush(stdout);
  return {};
}

int run(const Settings& s) {
  size_t mine = 0, shards = 1;
  if (std::sscanf(s.shard.c_str(), "%zu/%zu", &mine, &shards) != 2 || mine >= shards) return fail("--shard is I/N with I below N");
  const auto pack = tessera::media::Pack::open(s.pack);
  if (!pack) return fail(pack.status().message());
  std::vector<size_t> pictures = s.pictures;
  if (pictures.empty()) {
    pictures.resize(pack->size());
    std::iota(pictures.begin(), pictures.end(), size_t{0});
  }
  std::error_code error;
  fs::create_directories(s.folder, error);
  size_t point = 0;
  int code = 0;
  const auto begin = Clock::now();
  double longest = 0;  // seconds of a point
  for (const int quality : s.qualities) {
    for (const size_t index : pictures) {
      if (index >= pack->size()) return fail("the pack has no picture " + std::to_string(index));
      if (point++ % shards != mine) continue;
      const fs::path stem = fs::path(s.folder) / (std::to_string(index) + "_q" + std::to_string(quality) + "_s" + std::to_string(s.steps) + (s.front == "plain" ? "" : "_" + s.front));
      if (fs::exists(stem.string() + ".csv", error)) continue;
      const double now = seconds_since(begin);
      if (s.seconds > 0 && now + longest > s.seconds) return code;
      if (const tessera::Status status = measure(s, (*pack)[index], index, quality, stem); !status.ok()) code = fail(stem.string() + ": " + status.message());
      longest = std::max(longest, seconds_since(begin) - now);
    }
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Encodes pictures by overfitted networks at several qualities, and measures them."};
  Settings s;
  app.add_option("--pack", s.pack, "pictures, as tessera-pack writes them")->required();
  app.add_option("--out", s.folder, "folder of the streams and figures")->required();
  app.add_option("--pictures", s.pictures, "numbers in the pack, from 0; all without it")->delimiter(',');
  app.add_option("--qualities", s.qualities)->delimiter(',')->check(CLI::Range(0, 63));
  app.add_option("--effort", s.effort)->check(CLI::Range(0, 9));
  app.add_option("--steps", s.steps, "of training, instead of the effort's")->check(CLI::Range(int64_t{1}, tessera::kMaxFitSteps));
  app.add_option("--seconds", s.seconds, "begin no point that would last longer than this after the start")->check(CLI::PositiveNumber);
  app.add_option("--threads", s.threads, "of the encoder; 0: all cores");
  app.add_option("--front", s.front, "front end of the synthesis")->check(CLI::IsMember({"plain", "rbf", "metric"}));
  app.add_option("--schedule", s.schedule, "what differs from the shipped schedule of training: NAME=VALUE,... (codec/overfit_schedule.h)");
  app.add_option("--device", s.device)->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--shard", s.shard, "I/N: every N-th point, from the I-th on");
  CLI11_PARSE(app, argc, argv);
  if (s.steps == 0) s.steps = tessera::overfit_steps(s.effort);
  return run(s);
}
