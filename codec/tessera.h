// Tessera's public interface: still images in, .tsr streams out, and back; sound: codec/audio.h, video: codec/video.h. No libtorch type here.
//
//   auto encoder = tessera::ImageEncoder::create({.quality = 40});
//   auto bytes = encoder->encode(view, {});            // Result<Bytes>
//   auto decoder = tessera::ImageDecoder::create({});
//   auto image = decoder->decode(*bytes);              // Result<Image>
//
// Errors come back as Result/Status (bitstream/status.h); no exception leaves the library for a bad stream.
// An encoder or decoder object may be used by one thread at a time; different objects are independent and share
// the loaded weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bitstream/status.h"
#include "codec/audio.h"

#define TESSERA_API __attribute__((visibility("default")))

namespace tessera {

using Bytes = std::vector<uint8_t>;

// Code points of ITU-T H.273 (CICP). The default is sRGB.
struct ColourDescription {
  uint8_t primaries = 1;   // BT.709
  uint8_t transfer = 13;   // sRGB
  uint8_t matrix = 0;      // RGB
  bool full_range = true;
  bool operator==(const ColourDescription&) const = default;
};

// What travels with a picture, byte for byte as in the source file. Empty means absent.
struct ImageMetadata {
  ColourDescription colour;
  Bytes icc;   // ICC profile
  Bytes exif;  // TIFF-structured EXIF block, without the "Exif\0\0" prefix
  Bytes xmp;   // XMP packet
};

// Interleaved samples that the caller owns. Channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA (alpha not premultiplied).
// Samples are uint8_t when bit_depth is 8, otherwise native-endian uint16_t in [0, 2^bit_depth - 1].
struct ImageView {
  const void* data = nullptr;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 3;
  uint32_t bit_depth = 8;  // 8..16
  size_t stride = 0;       // bytes from one row to the next; at least width * channels * bytes a sample
};

// A picture that owns its samples, rows packed without gaps.
struct Image {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 3;
  uint32_t bit_depth = 8;
  Bytes data;
  ImageMetadata metadata;

  size_t sample_bytes() const { return bit_depth > 8 ? 2 : 1; }
  size_t stride() const { return size_t{width} * channels * sample_bytes(); }
  ImageView view() const { return {data.data(), width, height, channels, bit_depth, stride()}; }
};

enum class Device : uint8_t { cpu, cuda };

// Checked before anything is allocated, but for the time.
struct Limits {
  uint64_t max_pixels = uint64_t{1} << 28;
  uint32_t max_dimension = 65535;
  uint64_t max_memory = uint64_t{8} << 30;      // bytes, predicted from the header
  uint64_t max_metadata = uint64_t{64} << 20;   // bytes of ICC, EXIF and XMP together
  double max_seconds = 0;                       // on the clock, for a picture, or for a video or sound from open() on; 0: any
};

// Called from the coding thread with the fraction done in 0..1; return false to cancel.
using Progress = std::function<bool(double)>;

// How the training of an overfitted network goes (model "overfit"): called a few times a second from the coding thread. bpp: bits a pixel that
// the file would have; psnr: dB. Return false to end the training: the encoder then gives the stream of the best state so far.
struct FitState {
  double fraction = 0;  // of the training, 0..1
  double bpp = 0, psnr = 0;
};
using FitWatch = std::function<bool(const FitState&)>;

struct EncoderOptions {
  std::string model = "still";      // "overfit": a network is trained for the picture and travels in the stream; no weights are needed
  int quality = 32;                 // 0 (smallest file) .. 63 (best)
  std::optional<double> bpp = {};   // bits per pixel to aim at; overrides quality
  Device device = Device::cpu;
  int threads = 0;                  // 0: all cores
  int effort = 5;                   // 0..9; still: 0 to 6 alike, from 7 on the latents are refined; overfit: 60 to 100 000 steps of training
  int64_t fit_steps = 0;            // overfit: steps of training; 0: as the effort says
  std::string fit_schedule = {};    // overfit: for trials, what differs from the shipped schedule of training (codec/overfit_schedule.h)
  std::string fit_front = "plain";  // overfit: front end of the synthesis, plain, rbf or metric (docs/overfit.md)
  bool checksum = true;             // store a checksum of the decoded symbols (4 bytes)
  uint32_t tile = 0;                // tile side in pixels, a multiple of 64; 0: chosen by size and memory
  std::string weights_dir = {};     // empty: where the program was installed
  Progress progress = {};
  FitWatch fit_watch = {};
};

struct DecoderOptions {
  Device device = Device::cpu;
  int threads = 0;
  Limits limits = {};
  std::string weights_dir = {};
  Progress progress = {};
};

// What a stream says about itself.
struct SectionSize {
  std::string name;  // "header", "hyperlatents", "latents", "alpha", ...
  uint64_t bytes = 0;
};
struct StreamInfo {
  uint8_t version_major = 0, version_minor = 0;
  std::string media;            // "image", "video", "audio"
  std::string model;            // name
  uint32_t model_revision = 0;
  uint64_t model_hash = 0;
  bool model_available = false;
  uint32_t width = 0, height = 0, channels = 0, bit_depth = 0;
  ColourDescription colour;
  int quality = 0;
  uint32_t tiles = 0, tile_size = 0;
  uint64_t packets = 0;
  uint64_t file_bytes = 0;
  std::vector<SectionSize> sections;
  double decode_kmac_per_pixel = 0;         // 0 when the model is not available
  uint64_t predicted_memory = 0;            // bytes for decoding on the CPU
  std::optional<uint32_t> stored_checksum;  // of the decoded symbols, as the encoder stored it
  // Audio only.
  uint32_t sample_rate = 0;     // Hz
  uint64_t samples = 0;         // for each channel
  uint32_t block_samples = 0;   // a packet
  double bit_rate = 0;          // bit/s of the whole file
  double decode_mmac_per_second = 0;  // of sound; 0 when the model is not available
  // Video only: width to colour as for pictures, and the bit rate.
  uint64_t frames = 0, key_frames = 0;
  double frame_rate = 0;        // frames/s, nominal
  double seconds = 0;           // from the first frame's time to the end of the last one
  uint32_t aspect_numerator = 1, aspect_denominator = 1;  // width to height of a sample
  uint32_t rotation = 0;        // degrees clockwise
  std::string sound;            // model of the sound beside the frames; empty: there is none
};

// What one run of the encoder or decoder did.
struct Report {
  uint32_t symbol_checksum = 0;
  uint64_t symbols_coded = 0, symbols_skipped = 0;
  double seconds_network = 0, seconds_entropy = 0;
  int quality = 0;  // chosen quality (of interest with bpp)
  // Encoding with the model "bayes": KL of the posterior in bits, as fitted and, block by block, when it was coded.
  double kl_fitted = 0, kl_coded = 0;
};

class TESSERA_API ImageEncoder {
 public:
  // Loads the model. model_missing, device or invalid_argument when that cannot be.
  static Result<ImageEncoder> create(EncoderOptions options);
  ImageEncoder(ImageEncoder&&) noexcept;
  ImageEncoder& operator=(ImageEncoder&&) noexcept;
  ~ImageEncoder();

  Result<Bytes> encode(const ImageView& image, const ImageMetadata& metadata, Report* report = nullptr);

 private:
  struct Impl;
  explicit ImageEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class TESSERA_API ImageDecoder {
 public:
  static Result<ImageDecoder> create(DecoderOptions options);
  ImageDecoder(ImageDecoder&&) noexcept;
  ImageDecoder& operator=(ImageDecoder&&) noexcept;
  ~ImageDecoder();

  // Decodes a whole stream. The stored checksum of symbols, when there is one, is checked: a mismatch is `corrupt`.
  Result<Image> decode(std::span<const uint8_t> stream, Report* report = nullptr);

  // Decodes the symbols only and proves their checksum, without synthesising a picture.
  Status verify(std::span<const uint8_t> stream, Report* report = nullptr);

 private:
  struct Impl;
  explicit ImageDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Reads header and packet structure; needs no weights, but fills in the model's figures when they are installed.
TESSERA_API Result<StreamInfo> inspect(std::span<const uint8_t> stream, const std::string& weights_dir = {});

// A model in the box.
struct ModelInfo {
  std::string name;
  uint32_t revision = 0;
  uint64_t hash = 0;
  std::string media;
  std::string file;
  uint64_t file_bytes = 0;
  uint64_t parameters = 0;
  double encode_kmac_per_pixel = 0, decode_kmac_per_pixel = 0;    // of an image
  double encode_mmac_per_second = 0, decode_mmac_per_second = 0;  // of sound
  std::string training;  // one line: data, steps, device minutes
};
TESSERA_API Result<std::vector<ModelInfo>> list_models(const std::string& weights_dir = {});

// True when the CUDA back end can be loaded and a device is there; otherwise `why` says what is missing.
TESSERA_API bool cuda_available(std::string* why = nullptr);

}  // namespace tessera
