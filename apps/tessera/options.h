// What the sub-commands take from the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codec/tessera.h"

namespace tessera::cli {

struct Common {
  std::vector<std::string> files;  // as given, "-" for a standard stream
  std::string weights_dir;         // empty: where the program was installed
  Device device = Device::cpu;
  int threads = 0;     // for all files together; 0: all cores
  bool quiet = false;  // no progress, no summary
  bool json = false;
};

struct Output {
  std::string out_dir;  // empty: beside the input, or the output that was named
  bool keep_existing = false;
  bool overwrite = false;  // asked for; named outputs are overwritten anyway
};

struct EncodeOptions {
  Common common;
  Output output;
  int quality = 32;  // 0..63
  std::optional<double> bpp;
  std::string model;  // empty: still for pictures, for sound the codec's choice
  int effort = 5;  // 0..9
  std::string without;  // overfitted video: ideas to leave out
  std::string front = "plain";  // overfitted pictures
  bool checksum = true;
  uint32_t tile = 0;  // pixels; 0: chosen by the encoder
  std::optional<double> bit_rate;  // sound, video: bit/s
  bool low_delay = false;          // sound; video has a low delay anyway
  uint32_t keyint = 0;             // video: frames from one key frame to the next at most; 0: only at scene cuts
  bool scene_cuts = true;          // video
  bool sound = true;               // video: its sound as well
  std::optional<double> sound_bit_rate;  // of that, bit/s
  double buffer = 1;               // video, with a bit rate: seconds of it that a receiver's buffer holds
};

struct DecodeOptions {
  Common common;
  Output output;
  std::string format;  // extension; empty: the output's, or png
  uint64_t max_pixels = Limits{}.max_pixels;
  uint64_t max_memory_mib = Limits{}.max_memory >> 20;
  double max_seconds = Limits{}.max_seconds;  // a file; 0: any
  bool sound = true;  // of a video as well
};

struct InfoOptions {
  Common common;
  bool check = false;  // decode, and compare the checksum
};

struct BenchOptions {
  Common common;
  std::vector<int> qualities{16, 32, 48};
  std::vector<double> bit_rates{0};  // of sound and video, bit/s; 0: the model's usual one, or for video the qualities
  uint64_t frames = 0;               // of video, at most; 0: all
  int repetitions = 5;
  int parallel = 1;   // pictures at once, for the throughput
  std::string model;  // empty: as for encode
  int effort = 5;
};

// Each prints its results and returns the program's exit code.
int encode_command(const EncodeOptions& options);
int decode_command(const DecodeOptions& options);
int info_command(const InfoOptions& options);
int verify_command(const Common& options);
int models_command(const Common& options);
int bench_command(const BenchOptions& options);

}  // namespace tessera::cli
