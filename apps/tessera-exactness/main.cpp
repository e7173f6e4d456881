// tessera-exactness: does every machine, device, thread count and instruction set decode the same symbols?
//
//   encode --pack P --out DIR          one stream a picture and quality, encoded on --device
//   check DIR                          decodes all streams of DIR on --device; compares checksums, pictures
//   speed [--pack P] [--parallel N]    in-process time of one picture size; the pictures of a pack side by side, or a synthetic one
//   video-encode, video-check, video-drift, video-speed   the same for clips of a video pack (video.h)
//   video-search --pack P              the motion searches beside each other (search.h)
//
// apps/tessera-exactness/matrix.sh and video_pack_matrix.sh run the whole matrices and print tables.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "apps/tessera-exactness/search.h"
#include "apps/tessera-exactness/video.h"
#include "apps/tessera/throughput.h"
#include "codec/tessera.h"
#include "data/pack.h"

namespace {

namespace fs = std::filesystem;
using tessera::Bytes;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "tessera-exactness: %s\n", what.c_str());
  std::exit(2);
}

Bytes read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(path.string() + ": cannot be opened");
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary);
  if (!out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) fail(path.string() + ": cannot be written");
}

struct Settings {
  std::string pack, folder, device = "cpu", weights;
  int threads = 0, limit = 0, width = 1920, height = 1080, repeat = 20, quality = 32, parallel = 0;
  std::vector<int> qualities = {8, 24, 40, 56};
  bool keep = false, compare = false;
  tessera::Device on() const { return device == "cuda" ? tessera::Device::cuda : tessera::Device::cpu; }
};

tessera::EncoderOptions encoder_options(const Settings& s, int quality) {
  tessera::EncoderOptions options;
  options.quality = quality;
  options.device = s.on();
  options.threads = s.threads;
  options.weights_dir = s.weights;
  return options;
}

tessera::ImageEncoder encoder(const Settings& s, int quality) {
  auto made = tessera::ImageEncoder::create(encoder_options(s, quality));
  if (!made.ok()) fail(made.status().message());
  return std::move(*made);
}

tessera::DecoderOptions decoder_options(const Settings& s) {
  tessera::DecoderOptions options;
  options.device = s.on();
  options.threads = s.threads;
  options.weights_dir = s.weights;
  return options;
}

tessera::ImageDecoder decoder(const Settings& s) {
  auto made = tessera::ImageDecoder::create(decoder_options(s));
  if (!made.ok()) fail(made.status().message());
  return std::move(*made);
}

int encode(const Settings& s) {
  auto pack = tessera::media::Pack::open(s.pack);
  if (!pack.ok()) fail(pack.status().message());
  fs::create_directories(s.folder);
  uint64_t bytes = 0, streams = 0;
  for (const int quality : s.qualities) {
    tessera::ImageEncoder enc = encoder(s, quality);
    for (size_t i = 0; i < pack->size() && (s.limit == 0 || i < static_cast<size_t>(s.limit)); ++i) {
      const tessera::media::PackedPicture& p = (*pack)[i];
      auto stream = enc.encode({p.rgb, p.width, p.height, 3, 8, size_t{3} * p.width}, {});
      if (!stream.ok()) fail(stream.status().message());
      write(fs::path(s.folder) / (std::to_string(i) + "_q" + std::to_string(quality) + ".tsr"), *stream);
      bytes += stream->size();
      ++streams;
    }
  }
  std::printf("encoded on %s: %llu streams, %llu bytes\n", s.device.c_str(), static_cast<unsigned long long>(streams),
              static_cast<unsigned long long>(bytes));
  return 0;
}

// The stored checksum proves the symbols; the pictures are compared with those that a first run kept.
int check(const Settings& s) {
  tessera::ImageDecoder dec = decoder(s);
  uint64_t streams = 0, wrong = 0, differing = 0, samples = 0;
  int worst = 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(s.folder)) {
    if (entry.path().extension() == ".tsr") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    ++streams;
    const Bytes stream = read(file);
    fs::path raw = file;
    raw.replace_extension(".raw");
    if (!s.keep && !s.compare) {
      const tessera::Status status = dec.verify(stream);
      if (!status.ok()) {
        ++wrong;
        std::fprintf(stderr, "%s: %s\n", file.c_str(), status.message().c_str());
      }
      continue;
    }
    auto image = dec.decode(stream);
    if (!image.ok()) {
      ++wrong;
      std::fprintf(stderr, "%s: %s\n", file.c_str(), image.status().message().c_str());
      continue;
    }
    if (s.keep) write(raw, image->data);
    if (s.compare) {
      const Bytes reference = read(raw);
      if (reference.size() != image->data.size()) fail(raw.string() + ": another size");
      for (size_t i = 0; i < reference.size(); ++i) {
        const int d = std::abs(reference[i] - image->data[i]);
        differing += d != 0;
        worst = std::max(worst, d);
      }
      samples += reference.size();
    }
  }
  std::printf("decoded on %s, %d threads: %llu streams, %llu wrong", s.device.c_str(), s.threads, static_cast<unsigned long long>(streams),
              static_cast<unsigned long long>(wrong));
  if (s.compare) {
    std::printf(", largest difference of a sample %d, differing samples %.4f %%", worst,
                100.0 * static_cast<double>(differing) / static_cast<double>(std::max<uint64_t>(samples, 1)));
  }
  std::printf("\n");
  return wrong == 0 && worst <= 1 ? 0 : 1;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

// Smooth waves and a little noise.
Bytes synthetic_picture(size_t width, size_t height) {
  Bytes rgb(3 * width * height);
  uint32_t state = 1;
  for (size_t i = 0; i < rgb.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    const double x = static_cast<double>(i / 3 % width), y = static_cast<double>(i / 3 / width);
    rgb[i] = static_cast<uint8_t>(128 + 60 * std::sin(x * 0.05 + y * 0.013) + 40 * std::sin(y * 0.11 - x * 0.02) + static_cast<double>(state >> 28));
  }
  return rgb;
}

// The pictures of a pack in rows from the top left corner, cut at the right and at the bottom.
Bytes mosaic(const std::string& path, size_t width, size_t height) {
  auto pack = tessera::media::Pack::open(path);
  if (!pack.ok()) fail(pack.status().message());
  if (pack->size() == 0) fail(path + ": holds no pictures");
  Bytes rgb(3 * width * height);
  size_t next = 0;
  for (size_t y = 0; y < height;) {
    size_t tallest = 0;
    for (size_t x = 0; x < width;) {
      const tessera::media::PackedPicture& p = (*pack)[next++ % pack->size()];
      if (p.width == 0 || p.height == 0) fail(path + ": holds an empty picture");
      const size_t columns = std::min<size_t>(p.width, width - x), rows = std::min<size_t>(p.height, height - y);
      for (size_t r = 0; r < rows; ++r) std::copy_n(p.rgb + 3 * r * p.width, 3 * columns, rgb.data() + 3 * ((y + r) * width + x));
      x += columns;
      tallest = std::max(tallest, rows);
    }
    y += tallest;
  }
  return rgb;
}

int speed(const Settings& s) {
  const Bytes rgb = s.pack.empty() ? synthetic_picture(static_cast<size_t>(s.width), static_cast<size_t>(s.height))
                                   : mosaic(s.pack, static_cast<size_t>(s.width), static_cast<size_t>(s.height));
  const tessera::ImageView view{rgb.data(), static_cast<uint32_t>(s.width), static_cast<uint32_t>(s.height), 3, 8, size_t{3} * static_cast<size_t>(s.width)};
  tessera::ImageEncoder enc = encoder(s, s.quality);
  tessera::ImageDecoder dec = decoder(s);
  std::vector<double> e, d;
  tessera::Report er, dr;
  size_t bytes = 0;
  for (int i = 0; i < s.repeat + 2; ++i) {
    const auto t0 = std::chrono::steady_clock::now();
    tessera::Report r1, r2;
    auto stream = enc.encode(view, {}, &r1);
    const auto t1 = std::chrono::steady_clock::now();
    if (!stream.ok()) fail(stream.status().message());
    auto image = dec.decode(*stream, &r2);
    const auto t2 = std::chrono::steady_clock::now();
    if (!image.ok()) fail(image.status().message());
    if (i < 2) continue;  // the first ones load libraries and choose algorithms
    e.push_back(std::chrono::duration<double>(t1 - t0).count());
    d.push_back(std::chrono::duration<double>(t2 - t1).count());
    er = r1;
    dr = r2;
    bytes = stream->size();
  }
  std::printf("%s %dx%d quality %d, %.3f bpp: encode %.1f ms (%.1f/s; last network %.1f, coder %.1f), decode %.1f ms (%.1f/s; last network %.1f, coder %.1f)\n",
              s.device.c_str(), s.width, s.height, s.quality, static_cast<double>(bytes) * 8 / s.width / s.height, median(e) * 1e3, 1 / median(e),
              er.seconds_network * 1e3, er.seconds_entropy * 1e3, median(d) * 1e3, 1 / median(d), dr.seconds_network * 1e3, dr.seconds_entropy * 1e3);
  if (s.parallel > 1) {
    const auto many = tessera::cli::measure_throughput(view, {}, encoder_options(s, s.quality), decoder_options(s), s.parallel, s.repeat);
    if (!many.ok()) fail(many.status().message());
    std::printf("  %d at once: %.1f encoded, %.1f decoded a second\n", s.parallel, many->encoded, many->decoded);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Proves that streams decode to the same symbols everywhere."};
  app.require_subcommand(1);
  Settings s;
  const auto common = [&](CLI::App* sub) {
    sub->add_option("--device", s.device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
    sub->add_option("--threads", s.threads, "CPU threads, 0: all");
    sub->add_option("--weights-dir", s.weights, "folder of the weights");
  };
  CLI::App* e = app.add_subcommand("encode", "encode the pictures of a pack");
  common(e);
  e->add_option("--pack", s.pack, "dataset pack")->required();
  e->add_option("--out", s.folder, "folder for the streams")->required();
  e->add_option("--qualities", s.qualities, "qualities")->delimiter(',');
  e->add_option("--limit", s.limit, "only the first pictures");
  CLI::App* c = app.add_subcommand("check", "decode the streams of a folder and compare");
  common(c);
  c->add_option("folder", s.folder, "folder of streams")->required();
  c->add_flag("--keep", s.keep, "keep the decoded pictures as the reference");
  c->add_flag("--compare", s.compare, "compare the decoded pictures with the reference");
  CLI::App* t = app.add_subcommand("speed", "time in this process");
  common(t);
  t->add_option("--width", s.width, "pixels")->check(CLI::Range(1, 65535));
  t->add_option("--height", s.height, "pixels")->check(CLI::Range(1, 65535));
  t->add_option("--repeat", s.repeat, "repetitions; the median counts");
  t->add_option("--quality", s.quality, "0..63")->check(CLI::Range(0, 63));
  t->add_option("--pack", s.pack, "pictures to code; a synthetic one without it");
  t->add_option("--parallel", s.parallel, "also pictures a second when so many are coded at once")->check(CLI::Range(0, 64));
  using tessera::PixelPrecision;
  tessera::exactness::VideoSettings v;
  const auto video = [&](const char* name, const char* text) {
    CLI::App* sub = app.add_subcommand(name, text);
    sub->add_option("--device", v.device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
    sub->add_option("--threads", v.threads, "CPU threads, 0: all");
    sub->add_option("--weights-dir", v.weights, "folder of the weights");
    sub->add_option("--precision", v.precision, "of the pixels of motion on a GPU")
        ->transform(CLI::CheckedTransformer(std::map<std::string, PixelPrecision>{
            {"automatic", PixelPrecision::automatic}, {"float32", PixelPrecision::float32}, {"float16", PixelPrecision::float16}}));
    return sub;
  };
  const auto of_pack = [&](CLI::App* sub) {
    sub->add_option("--pack", v.pack, "video pack")->required();
    sub->add_option("--model", v.model, "motion or motion-lite");
    sub->add_option("--frames", v.frames, "of each clip, at most; 0: all")->check(CLI::NonNegativeNumber);
    sub->add_flag("--repeat-clip", v.repeat_clip, "play shorter clips to and fro until there are so many frames");
  };
  CLI::App* ve = video("video-encode", "encode the clips of a video pack");
  of_pack(ve);
  ve->add_option("--out", v.folder, "folder for the streams")->required();
  ve->add_option("--qualities", v.qualities, "qualities")->delimiter(',');
  CLI::App* vc = video("video-check", "decode the symbols of a folder's video streams and compare the checksums");
  vc->add_option("folder", v.folder, "folder of streams")->required();
  CLI::App* vd = video("video-drift", "decode a folder's video streams on CPU and GPU and compare the pictures");
  vd->add_option("folder", v.folder, "folder of streams")->required();
  CLI::App* vs = video("video-speed", "time the clips of a video pack in this process");
  of_pack(vs);
  vs->add_option("--quality", v.quality, "0..63")->check(CLI::Range(0, 63));
  vs->add_option("--repeat", v.repeat, "rounds after one that warms up; the fastest counts")->check(CLI::NonNegativeNumber);
  tessera::exactness::SearchSettings search;
  CLI::App* vm = app.add_subcommand("video-search", "compare the motion searches on the clips of a video pack");
  vm->add_option("--pack", search.pack, "video pack")->required();
  vm->add_option("--device", search.device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  vm->add_option("--frames", search.frames, "of each clip, at most; 0: all")->check(CLI::NonNegativeNumber);
  vm->add_option("--threads", search.threads, "CPU threads")->check(CLI::PositiveNumber);
  vm->add_option("--interpolation", search.interpolation, "bicubic or lagrange")->check(CLI::IsMember({"bicubic", "lagrange"}));
  vm->add_option("--penalty", search.penalty, "of a bit, in absolute differences of 8-bit samples")->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    if (*vm) return tessera::exactness::compare_searches(search);
    if (*ve) return tessera::exactness::encode_clips(v);
    if (*vc) return tessera::exactness::check_clips(v);
    if (*vd) return tessera::exactness::drift_of_clips(v);
    if (*vs) return tessera::exactness::speed_of_clips(v);
  } catch (const std::exception& error) {
    fail(error.what());
  }
  return *e ? encode(s) : *c ? check(s) : speed(s);
}
