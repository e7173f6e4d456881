// The audio network: `speech` (24 kHz mono) and `sound` (48 kHz stereo) are the same network with other numbers.
//
// Everything runs at the frame rate (75 Hz by default) from 1x1 and 1-D depthwise operators, between two short-time Fourier
// transforms: no convolution at the sample rate, which is what makes it many times faster than real time on one core (Vocos: Siuzdak,
// arXiv 2306.00814; for the encoder as in APCodec: Ai et al., arXiv 2402.10533).
//
//   encoder: log magnitude and compressed complex spectrum of each frame -> embed -> blocks -> D latents a frame
//   quantiser: residual or group-residual (models/quantizer); the bit rate is the number of levels kept
//   decoder: latents -> blocks -> log magnitude and phase of each frame -> inverse transform
//
// Shapes: x [B,C,T] float32 in -1..1, T a multiple of the hop (pad_to); frames are [B,1,n,width], as the image operators want them.
// Stereo goes through the network as mid and side, one latent vector for both.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "models/audio/frontend.h"
#include "models/blocks.h"
#include "models/params.h"
#include "models/quantizer/quantizer.h"

namespace tessera::models::audio {

struct SpeechConfig {
  int64_t sample_rate = 24000;  // Hz
  int64_t channels = 1;         // 2: mid and side
  int64_t hop = 320;            // samples
  int64_t window = 1280;        // samples
  int64_t width = 256;          // channels of the blocks
  int64_t encoder_blocks = 3, decoder_blocks = 4;
  int64_t kernel = 7;           // frames
  bool causal = false;          // no frame sees a later one; the algorithmic delay is one window
  bool cartesian = false;       // frame_features(), latent_floor() and head_spectrum() that a waveform can follow
  QuantizerConfig quantizer;

  // Latents z leave the encoder as z / sqrt(mean z^2 + floor). Polar: of unit power in every frame, the level being one more thing that their
  // direction says. Cartesian: at most of unit power, so that a frame's level, which sways with the phase of what sounds, is kept.
  double latent_floor() const { return cartesian ? 1.0 : 1e-6; }
  int64_t head_parts() const { return cartesian ? 3 : 2; }  // numbers for each bin
  double frame_rate() const { return static_cast<double>(sample_rate) / static_cast<double>(hop); }
  // bit/s of plain indices.
  double bit_rate(int64_t levels) const;

  std::string to_json() const;
  static SpeechConfig from_json(const std::string& text);  // throws std::runtime_error
  static SpeechConfig sound();                             // 48 kHz stereo, 1.5 to 24 kbit/s
};

// leaky_relu(x, slope), then a filter along the frames per channel, zeros outside: x [B,1,n,C], weight [k,C], bias [C].
// Output frame t sees the frames t - left .. t - left + k - 1.
at::Tensor depthwise1d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t left, double slope);

// What the encoder sees of each frame: [..., F] real and imaginary parts -> [..., 3F]: log powers, real and imaginary parts whose magnitudes
// are compressed: each bin's to the power 0.3 (polar), or all bins of the frame by one factor (cartesian), so that the waveform stays a linear
// function of them.
at::Tensor frame_features(const SpeechConfig& config, const at::Tensor& re, const at::Tensor& im);

// Real and imaginary parts of the bins from the head's outputs, whose dimension `dim` holds the parts:
//   polar      log magnitude and phase (Vocos)
//   cartesian  log scale, and the real and imaginary part relative to it. A phase turns by many cycles where these just change sign:
//              the waveform can be followed.
std::pair<at::Tensor, at::Tensor> head_spectrum(const SpeechConfig& config, const at::Tensor& out, int64_t dim);

// models::Block with a filter along the frames: 8 C^2 + k C multiply-adds a frame.
struct FrameBlock {
  Linear mix_in, mix_out, expand, contract;
  at::Tensor dw_weight, dw_bias;
  int64_t left = 0;
  FrameBlock(ParamSet& params, const std::string& name, int64_t c, int64_t kernel, bool causal);
  at::Tensor operator()(const at::Tensor& x) const;
  double macs() const;
};

class Speech {
 public:
  explicit Speech(const SpeechConfig& config);

  const SpeechConfig& config() const { return config_; }
  ParamSet& params() { return params_; }
  const ParamSet& params() const { return params_; }
  Quantizer& quantizer() { return quantizer_; }
  const Quantizer& quantizer() const { return quantizer_; }

  // Starts a cartesian network whose window is twice its hop as a lapped transform codec of the first channel: the lowest
  // coefficients of a modified discrete cosine transform are the latents, its inverse is the head, and what the blocks add begins at
  // nothing. (Princen and Bradley, IEEE Trans. ASSP 34(5), 1986.) `kept` latents carry coefficients, the others start at random. Throws
  // std::invalid_argument for other networks.
  void lapped_init(int64_t kept);

  // --- the stages ---
  int64_t frames(int64_t samples) const { return frontend_.frames(samples); }
  at::Tensor analysis(const at::Tensor& x) const;       // [B,C,T] -> float32 [B,n,D], mean square 1
  at::Tensor synthesis(const at::Tensor& latents) const;  // float32 [B,n,D] -> [B,C,T]

  // Indices int64 [n,levels,G] of one signal [C,T] of any length, and back (a multiple of the hop; cut it by the true length).
  at::Tensor encode(const at::Tensor& x, int64_t levels) const;
  at::Tensor decode(const at::Tensor& indices) const;

  // --- training ---
  struct Output {
    at::Tensor y;                // [B,C,T]
    at::Tensor quantizer_loss;   // scalar
  };
  // levels float32 [B]: how many each signal uses; undefined: all.
  Output forward(const at::Tensor& x, const at::Tensor& levels, bool training);

  void to(at::Device device);

  // Multiply-adds a second of audio; transforms not counted, the search and the codebooks' lookup counted as encoding.
  double encode_macs() const;
  double decode_macs() const;

 private:
  SpeechConfig config_;
  ParamSet params_;
  Frontend frontend_;
  Quantizer quantizer_;
  Linear embed_, to_latent_, from_latent_, head_;
  std::vector<FrameBlock> encoder_, decoder_;
};

}  // namespace tessera::models::audio
