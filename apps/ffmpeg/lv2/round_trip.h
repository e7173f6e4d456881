// Sound through encoder and decoder with a fixed delay, whatever the sizes of the blocks.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "apps/ffmpeg/lv2/resampler.h"
#include "codec/tessera_c.h"

namespace tessera::lv2 {

// Interleaved samples of 1 or 2 channels at the host's rate. The codec's own rate is made and undone here.
class RoundTrip {
 public:
  // bit_rate in bit/s. Null: `message` says why.
  static std::unique_ptr<RoundTrip> make(const char* model, uint32_t channels, double host_rate, double bit_rate, std::string& message);

  // Frames by which the output is later than the input.
  size_t latency() const { return latency_; }
  // As many frames out as in. False: `message` says why, and silence comes out from now on.
  bool process(const float* in, float* out, size_t frames, std::string& message);

 private:
  struct Free {
    void operator()(tsr_audio_encoder* p) const { tsr_audio_encoder_free(p); }
    void operator()(tsr_audio_decoder* p) const { tsr_audio_decoder_free(p); }
  };

  RoundTrip(uint32_t channels, double host_rate, double model_rate);
  bool code(const float* in, size_t frames, std::string& message);
  bool take_sound(std::string& message);

  uint32_t channels_;
  double model_rate_;
  size_t latency_ = 0;
  bool broken_ = false;
  std::vector<Resampler> to_model_, to_host_;  // one a channel
  std::vector<std::vector<float>> planes_;
  std::vector<float> interleaved_;
  std::deque<float> ready_;
  std::unique_ptr<tsr_audio_encoder, Free> encoder_;
  std::unique_ptr<tsr_audio_decoder, Free> decoder_;
};

}  // namespace tessera::lv2
