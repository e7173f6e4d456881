// Rate, channel and sample-type conversion to interleaved float32 by libswresample. Internal to tessera_av.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitstream/status.h"
#include "data/av_handles.h"

namespace tessera::media::av {

class Resampler {
 public:
  // May be opened again after finish(). Down-mixing is scaled so that full scale is never exceeded. Errors:
  // unsupported (no rule from one layout to the other), out_of_memory.
  Status open(const std::string& name, const AVChannelLayout& from, AVSampleFormat format, int from_rate,
              const AVChannelLayout& to, int to_rate);
  bool is_open() const { return swr_ != nullptr; }

  // Appends what `frames` frames of input (planes as in AVFrame) give. Errors: corrupt.
  Status convert(const uint8_t* const* planes, int frames, std::vector<float>& out);

  // Appends the rest: all in all ceil(frames in * to_rate / from_rate) frames have come out then.
  Status finish(std::vector<float>& out);

 private:
  std::string name_;
  Swr swr_;
  AVSampleFormat format_ = AV_SAMPLE_FMT_NONE;
  int from_channels_ = 0, to_channels_ = 0, from_rate_ = 0, to_rate_ = 0;
  int64_t frames_in_ = 0, frames_out_ = 0;
};

}  // namespace tessera::media::av
