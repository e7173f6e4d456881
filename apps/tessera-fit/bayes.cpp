// tessera-fit-bayes: the Bayesian codec over crops of pictures, measured: the rate that the KL predicts against real bytes.
//
//   tessera-fit-bayes --pack kodak.pack --crop 32 --qualities 16,32,48 --pictures 0,4,7
//
// A line for each point: picture, quality, KL as fitted and when coded (bits), bits of the blocks, bytes of the file, bits a pixel, PSNR (RGB, of the decoded 8-bit
// picture), seconds of encoding and decoding. At the end, for each quality, the means. --save DIR leaves the crops as PPM and the streams there.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "codec/tessera.h"
#include "data/pack.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::string pack, weights, save, model = "bayes";
  uint32_t crop = 32;
  int effort = 5, threads = 1;
  std::vector<int> qualities = {16, 32, 48};
  std::vector<size_t> pictures;  // empty: all
};

struct Point {
  double fitted = 0, coded = 0, blocks = 0, bytes = 0, psnr = 0, encode = 0, decode = 0;
  void add(const Point& p) {
    fitted += p.fitted, coded += p.coded, blocks += p.blocks, bytes += p.bytes, psnr += p.psnr, encode += p.encode, decode += p.decode;
  }
};

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

void print(const std::string& name, int quality, const Point& p, double n, uint32_t crop) {
  std::printf("%s,%d,%.1f,%.1f,%.0f,%.1f,%.4f,%.3f,%.2f,%.4f\n", name.c_str(), quality, p.fitted / n, p.coded / n, p.blocks / n, p.bytes / n, 8 * p.bytes / n / (double(crop) * crop),
              p.psnr / n, p.encode / n, p.decode / n);
  std::fflush(stdout);
}

tessera::Status measure(const Settings& s, const std::vector<uint8_t>& rgb, const std::string& name, int quality, Point& point) {
  tessera::EncoderOptions options;
  options.model = s.model;
  options.quality = quality;
  options.effort = s.effort;
  options.threads = s.threads;
  options.weights_dir = s.weights;
  auto encoder = tessera::ImageEncoder::create(options);
  if (!encoder) return encoder.status();
  tessera::Report report;
  const auto begin = Clock::now();
  const auto stream = encoder->encode({rgb.data(), s.crop, s.crop, 3, 8, size_t{3} * s.crop}, {}, &report);
  if (!stream) return stream.status();
  point.encode = seconds_since(begin);
  auto decoder = tessera::ImageDecoder::create({.threads = 1, .weights_dir = s.weights});
  if (!decoder) return decoder.status();
  const auto middle = Clock::now();
  const auto image = decoder->decode(*stream);
  if (!image) return image.status();
  point.decode = seconds_since(middle);
  double sum = 0;
  for (size_t i = 0; i < rgb.size(); ++i) sum += std::pow(double(rgb[i]) - double(image->data[i]), 2);
  point.psnr = 10 * std::log10(255.0 * 255.0 * static_cast<double>(rgb.size()) / std::max(sum, 1e-9));
  point.fitted = report.kl_fitted;
  point.coded = report.kl_coded;
  point.bytes = static_cast<double>(stream->size());
  const auto info = tessera::inspect(*stream, s.weights);
  if (!info) return info.status();
  for (const tessera::SectionSize& section : info->sections) {
    if (section.name == "blocks") point.blocks = 8 * static_cast<double>(section.bytes);
  }
  if (!s.save.empty()) {
    const std::string head = "P6\n" + std::to_string(s.crop) + " " + std::to_string(s.crop) + "\n255\n";
    std::ofstream(s.save + "/" + name + ".ppm", std::ios::binary) << head << std::string(rgb.begin(), rgb.end());
    std::ofstream(s.save + "/" + name + "_q" + std::to_string(quality) + ".tsr", std::ios::binary) << std::string(stream->begin(), stream->end());
  }
  return {};
}

int run(Settings s) {
  const auto pack = tessera::media::Pack::open(s.pack);
  if (!pack) return std::fprintf(stderr, "tessera-fit-bayes: %s\n", pack.status().message().c_str()), 2;
  if (s.pictures.empty()) {
    s.pictures.resize(pack->size());
    std::iota(s.pictures.begin(), s.pictures.end(), size_t{0});
  }
  std::printf("picture,quality,kl_fitted,kl_coded,block_bits,bytes,bpp,psnr,encode_s,decode_s\n");
  for (const int quality : s.qualities) {
    Point sum;
    for (const size_t index : s.pictures) {
      if (index >= pack->size()) return std::fprintf(stderr, "tessera-fit-bayes: the pack has no picture %zu\n", index), 2;
      const tessera::media::PackedPicture& p = (*pack)[index];
      if (p.width < s.crop || p.height < s.crop) return std::fprintf(stderr, "tessera-fit-bayes: picture %zu is too small\n", index), 2;
      std::vector<uint8_t> rgb;  // the middle
      for (uint32_t y = 0; y < s.crop; ++y) {
        const uint8_t* row = p.rgb + (size_t{(p.height - s.crop) / 2 + y} * p.width + (p.width - s.crop) / 2) * 3;
        rgb.insert(rgb.end(), row, row + size_t{3} * s.crop);
      }
      Point point;
      const std::string name = std::to_string(index);
      if (const tessera::Status status = measure(s, rgb, name, quality, point); !status.ok()) return std::fprintf(stderr, "tessera-fit-bayes: picture %zu: %s\n", index, status.message().c_str()), 2;
      print(name, quality, point, 1, s.crop);
      sum.add(point);
    }
    print("mean", quality, sum, static_cast<double>(s.pictures.size()), s.crop);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Codes crops of pictures by the Bayesian codec, and measures them."};
  Settings s;
  app.add_option("--pack", s.pack, "pictures, as tessera-pack writes them")->required();
  app.add_option("--crop", s.crop, "side of the crop, from the middle of a picture")->check(CLI::Range(8, 256));
  app.add_option("--pictures", s.pictures, "numbers in the pack, from 0; all without it")->delimiter(',');
  app.add_option("--qualities", s.qualities)->delimiter(',')->check(CLI::Range(0, 63));
  app.add_option("--effort", s.effort)->check(CLI::Range(0, 9));
  app.add_option("--threads", s.threads, "of the encoder");
  app.add_option("--model", s.model, "another codec, for comparison");
  app.add_option("--weights-dir", s.weights, "the models' weights");
  app.add_option("--save", s.save, "folder for crops and streams");
  CLI11_PARSE(app, argc, argv);
  return run(s);
}
