#include "tests/train/samples.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "apps/tessera-train/video_pack.h"
#include "data/pack_writer.h"
#include "data/synth.h"

namespace tessera::train::test {

uint8_t marked_luma(int64_t x, int64_t y, int64_t frame, int64_t clip) { return static_cast<uint8_t>((3 * x + 5 * y + 7 * frame + 11 * clip) & 255); }

std::vector<uint8_t> marked_frame(uint32_t width, uint32_t height, int frame, int clip) {
  std::vector<uint8_t> out;
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) out.push_back(marked_luma(x, y, frame, clip));
  }
  for (int plane = 0; plane < 2; ++plane) {
    for (uint32_t y = 0; y < height / 2; ++y) {
      for (uint32_t x = 0; x < width / 2; ++x) out.push_back(static_cast<uint8_t>(marked_luma(2 * x, 2 * y, frame, clip) + 100 * plane));
    }
  }
  return out;
}

void write_marked_pack(const std::string& path) {
  VideoPackWriter writer(path);
  constexpr std::array<std::array<uint32_t, 3>, 3> sizes = {{{96, 80, 5}, {64, 128, 1}, {200, 72, 9}}};
  for (size_t clip = 0; clip < sizes.size(); ++clip) {
    writer.begin_clip(sizes[clip][0], sizes[clip][1]);
    for (uint32_t t = 0; t < sizes[clip][2]; ++t) writer.add_frame(marked_frame(sizes[clip][0], sizes[clip][1], static_cast<int>(t), static_cast<int>(clip)));
  }
  writer.finish();
}

void write_moving_pack(const std::string& path) {
  VideoPackWriter writer(path);
  constexpr uint32_t w = 96, h = 80;
  for (int clip = 0; clip < 3; ++clip) {
    writer.begin_clip(w, h);
    for (int t = 0; t < 12; ++t) {
      std::vector<uint8_t> samples;
      const auto plane = [&](uint32_t pw, uint32_t ph, int step, int base) {
        for (uint32_t y = 0; y < ph; ++y) {
          for (uint32_t x = 0; x < pw; ++x) {
            const double px = static_cast<double>(x) * step + (clip + 1) * t, py = static_cast<double>(y) * step;
            samples.push_back(static_cast<uint8_t>(base + 30 * std::sin(px * 0.2) + 30 * std::sin(py * 0.17 + px * 0.05)));
          }
        }
      };
      plane(w, h, 1, 120);
      plane(w / 2, h / 2, 2, 110);
      plane(w / 2, h / 2, 2, 140);
      writer.add_frame(samples);
    }
  }
  writer.finish();
}

void write_picture_pack(const std::string& path) {
  auto writer = media::PackWriter::create(path);
  if (!writer) throw std::runtime_error(writer.status().message());
  for (const uint32_t seed : {1u, 2u}) {
    const Status added = writer->add(media::synth_picture(media::SynthKind::photo, 160, 120 + 16 * seed, 3, 8, seed));
    if (!added.ok()) throw std::runtime_error(added.message());
  }
  const Status finished = writer->finish();
  if (!finished.ok()) throw std::runtime_error(finished.message());
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool exists(const std::string& path) { return std::filesystem::exists(path); }

double value_at(const std::string& log, int step, const std::string& name) {
  const size_t line = log.find("step " + std::to_string(step) + " "), place = log.find(" " + name + " ", line);
  if (line == std::string::npos || place == std::string::npos) throw std::runtime_error("the log has no " + name + " of step " + std::to_string(step));
  return std::stod(log.substr(place + name.size() + 2));
}

uint16_t free_port() {
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool good = bind(s, reinterpret_cast<sockaddr*>(&address), size) == 0 && getsockname(s, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(s);
  if (!good) throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}

}  // namespace tessera::train::test
