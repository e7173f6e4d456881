// Sound by the Bayesian codec (docs/bayes.md): what AudioEncoder and AudioDecoder do for the model "bayes-sound". Snippets of some seconds, one channel; each
// block is a piece of its own.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bitstream/header.h"
#include "codec/audio.h"
#include "models/inr/bayes/prior.h"

namespace tessera {

inline constexpr uint32_t kBayesBlock = 1u << 16;   // samples of a packet
inline constexpr uint32_t kBayesSeconds = 30;       // the longest sound that is encoded: the fit takes longer than the sound lasts

class BayesSoundEncoder {
 public:
  // Throws Failure (model_missing, invalid_argument).
  explicit BayesSoundEncoder(AudioEncoderOptions options);

  uint32_t channels() const { return options_.channels; }
  double bit_rate() const { return options_.bit_rate; }
  const std::vector<uint8_t>& header() const { return header_; }
  const AudioReport& report() const { return report_; }

  // Interleaved samples. Errors: limit (too long), and those of coding.
  Status send(std::span<const float> samples);
  Status flush();
  std::optional<AudioPacket> receive();

 private:
  void code(std::span<const float> samples);

  AudioEncoderOptions options_;
  std::shared_ptr<const models::inr::bayes::Prior> prior_;
  std::vector<uint8_t> header_;
  std::vector<float> waiting_;
  std::deque<AudioPacket> ready_;
  AudioReport report_;
  uint64_t position_ = 0;
  bool finished_ = false;
};

class BayesSoundDecoder {
 public:
  // Throws Failure (model_missing, corrupt).
  BayesSoundDecoder(const AudioDecoderOptions& options, const bitstream::FileHeader& header);

  const AudioReport& report() const { return report_; }
  Status send(std::span<const uint8_t> packet);
  void lost(uint64_t packets);  // silence
  std::optional<AudioBlock> receive();
  void seek(uint64_t packet_time, uint64_t first);

 private:
  uint64_t block() const { return header_.audio.block_samples; }
  void pass_on(std::span<const float> samples);

  AudioDecoderOptions options_;
  bitstream::FileHeader header_;
  std::shared_ptr<const models::inr::bayes::Prior> prior_;
  std::vector<float> samples_;      // ready for receive()
  uint64_t samples_time_ = 0;       // of the first of them
  uint64_t next_ = 0, first_ = 0;   // sample of the next packet; samples before `first_` are dropped
  AudioReport report_;
  bool ended_ = false;  // the last packet came
};

}  // namespace tessera
