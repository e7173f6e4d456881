#include "data/audio_resampler.h"

extern "C" {
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>

#include "data/av_error.h"

namespace tessera::media::av {
namespace {

constexpr int kSilentFrames = 1024;
constexpr int kMaxSilentBlocks = 64;  // more than the longest filter holds back

}  // namespace

Status Resampler::open(const std::string& name, const AVChannelLayout& from, AVSampleFormat format,
                       int from_rate, const AVChannelLayout& to, int to_rate) {
  name_ = name;
  format_ = format;
  from_channels_ = from.nb_channels;
  to_channels_ = to.nb_channels;
  from_rate_ = from_rate;
  to_rate_ = to_rate;
  frames_in_ = frames_out_ = 0;
  SwrContext* swr = nullptr;
  // FFmpeg 5.1's parameters lack a const; the layouts are only read.
  int error = swr_alloc_set_opts2(&swr, const_cast<AVChannelLayout*>(&to), AV_SAMPLE_FMT_FLT, to_rate,
                                  const_cast<AVChannelLayout*>(&from), format, from_rate, 0, nullptr);
  swr_.reset(swr);
  if (error >= 0) {
    av_opt_set_double(swr, "rematrix_maxval", 1.0, 0);
    av_opt_set_sample_fmt(swr, "internal_sample_fmt", AV_SAMPLE_FMT_FLTP, 0);
    error = swr_init(swr);
  }
  if (error < 0) {
    swr_.reset();
    return failure(name, "convert its channels or rate", error, ErrorCode::unsupported);
  }
  return {};
}

Status Resampler::convert(const uint8_t* const* planes, int frames, std::vector<float>& out) {
  const int room = swr_get_out_samples(swr_.get(), frames);
  if (room < 0) return failure(name_, "resample", room);
  const size_t start = out.size();
  const auto channels = static_cast<size_t>(to_channels_);
  out.resize(start + static_cast<size_t>(room) * channels);
  auto* target = reinterpret_cast<uint8_t*>(out.data() + start);
  const int made = swr_convert(swr_.get(), &target, room, const_cast<const uint8_t**>(planes), frames);
  out.resize(start + static_cast<size_t>(std::max(made, 0)) * channels);
  if (made < 0) return failure(name_, "resample", made);
  frames_in_ += frames;
  frames_out_ += made;
  return {};
}

Status Resampler::finish(std::vector<float>& out) {
  if (!swr_ || from_rate_ == to_rate_) {  // nothing is held back without a filter
    swr_.reset();
    return {};
  }
  const int64_t wanted = av_rescale_rnd(frames_in_, to_rate_, from_rate_, AV_ROUND_UP);
  // Silence pushes the tail out. libswresample's own flush mirrors the signal and needs a minimum of it.
  const bool planar = av_sample_fmt_is_planar(format_) != 0;
  std::vector<uint8_t> silence(size_t{kSilentFrames} * 8 * static_cast<size_t>(planar ? 1 : from_channels_),
                               av_get_packed_sample_fmt(format_) == AV_SAMPLE_FMT_U8 ? 0x80 : 0);
  const std::vector<const uint8_t*> planes(static_cast<size_t>(from_channels_), silence.data());
  for (int block = 0; frames_out_ < wanted && block < kMaxSilentBlocks; ++block) {
    TESSERA_RETURN_IF_ERROR(convert(planes.data(), kSilentFrames, out));
  }
  const int64_t surplus = frames_out_ - wanted;
  const int64_t size = static_cast<int64_t>(out.size()) - surplus * to_channels_;
  out.resize(static_cast<size_t>(std::max<int64_t>(size, 0)));
  swr_.reset();
  return {};
}

}  // namespace tessera::media::av
