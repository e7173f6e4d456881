// Tones, WAV files and y4m files made by code.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "data/video_frame.h"

namespace tessera::test {

// Interleaved; channel c has a tone of (c + 2) * 110 Hz.
inline std::vector<float> tones(uint32_t rate, uint32_t channels, size_t frames, double amplitude = 0.5) {
  std::vector<float> samples;
  for (size_t i = 0; i < frames; ++i) {
    for (uint32_t c = 0; c < channels; ++c) {
      const double phase = 2 * 3.14159265358979 * 110 * (c + 2) * static_cast<double>(i) / rate;
      samples.push_back(static_cast<float>(amplitude * std::sin(phase)));
    }
  }
  return samples;
}

inline void put_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string get_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// WAVE_FORMAT_IEEE_FLOAT, byte for byte what was given.
inline std::string float_wav(uint32_t rate, uint16_t channels, const std::vector<float>& samples) {
  std::string bytes;
  const auto number = [&bytes](uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  };
  const auto size = static_cast<uint32_t>(samples.size() * 4);
  bytes += "RIFF";
  number(36 + size, 4);
  bytes += "WAVEfmt ";
  number(16, 4);
  number(3, 2);
  number(channels, 2);
  number(rate, 4);
  number(rate * channels * 4, 4);
  number(channels * 4u, 2);
  number(32, 2);
  bytes += "data";
  number(size, 4);
  bytes.append(reinterpret_cast<const char*>(samples.data()), size);
  return bytes;
}

// A moving gradient, different in each plane.
inline media::VideoFrame moving_picture(const media::VideoFormat& format, int number) {
  media::VideoFrame frame = media::make_video_frame(format);
  const unsigned top = (1u << format.bit_depth) - 1;
  for (int plane = 0; plane < 3; ++plane) {
    auto samples = frame.plane(plane);
    size_t at = 0;
    for (uint32_t y = 0; y < format.plane_height(plane); ++y) {
      for (uint32_t x = 0; x < format.plane_width(plane); ++x, at += format.sample_bytes()) {
        const unsigned value = (x * 2 + y * 3 + static_cast<unsigned>(number * 5 + plane * 40)) & top;
        const auto wide = static_cast<uint16_t>(value);
        std::memcpy(samples.data() + at, &wide, format.sample_bytes());
      }
    }
  }
  frame.time = number;
  frame.duration = 1;
  return frame;
}

}  // namespace tessera::test
