// The sound of a video file in step with its frames.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bitstream/status.h"
#include "data/audio_reader.h"

namespace tessera::cli {

class SourceSound {
 public:
  // Nothing for pipes, which cannot be read twice, and where the file has no sound that FFmpeg decodes.
  static std::optional<SourceSound> open(const std::string& path);

  media::AudioReader& reader() { return reader_; }
  uint32_t sample_rate() const { return reader_.sample_rate(); }
  uint32_t channels() const { return reader_.channels(); }

  // `start`: seconds in the file that are time 0 from now on. Sound before is dropped, silence fills what is missing. Once, after the reader has been asked for
  // its format and before until().
  void begin(double start);

  // The samples up to that time that have not been given yet, interleaved; nothing where there are none. Sound that cannot be read on ends: damage() says why.
  Result<std::vector<float>> until(double seconds);
  // All that is left, a piece at a time: nothing at the end.
  Result<std::vector<float>> rest();
  const Status& damage() const { return damage_; }

 private:
  explicit SourceSound(media::AudioReader reader) : reader_(std::move(reader)) {}
  Result<std::vector<float>> read(uint64_t frames);

  media::AudioReader reader_;
  uint64_t silence_ = 0, dropped_ = 0;  // frames that are still to be put in front, or to be left out
  uint64_t given_ = 0;                  // frames
  bool ended_ = false;
  Status damage_;
};

}  // namespace tessera::cli
