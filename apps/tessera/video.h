// Encoding and decoding of one file of video, in constant memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/tessera/batch.h"
#include "apps/tessera/options.h"
#include "codec/video.h"
#include "data/video_reader.h"

namespace tessera::cli {

// How a source's frames map to a stream: its format, and the ticks of its times.
struct VideoTiming {
  VideoFormat format;
  uint64_t ticks(int64_t time) const;  // of a frame's time; the first frame's is 0
  media::Rational time_base;           // of the source
  int64_t first = 0;                   // time of the first frame
  bool constant = true;                // one tick a frame
};
VideoTiming timing_of(const media::VideoProperties& source);

// Where the source ends too early, or changes its resolution, the output holds what came before, and the error says so.
// Training of overfitted networks shows bits and PSNR behind the bar; once interrupted(), the group's training ends, and so does the stream, valid.
// Errors: those of VideoReader and VideoEncoder, io, cancelled.
Status encode_video(const Job& job, const EncodeOptions& options, int threads, const Progress& progress, const Note& note, Outcome& outcome);

// After a stream that is damaged or cut off, the output holds all that could be decoded, lost frames replaced by the one before, and the
// error says what is missing. Errors: those of VideoDecoder and VideoWriter, truncated, corrupt, io, cancelled.
Status decode_video(const Job& job, const DecodeOptions& options, int threads, const Progress& progress, Outcome& outcome);

// Goes through a whole stream. Strict: damage anywhere is an error. `report` receives what was decoded.
Status check_video(std::span<const uint8_t> stream, const Common& options, VideoReport& report);

// `tessera bench` for one file of video. Errors: those of encoding and decoding.
struct VideoTimes {
  std::string file, model;
  uint32_t width = 0, height = 0;
  uint64_t frames = 0, key_frames = 0;
  int quality = 0;
  double asked = 0, bit_rate = 0;                 // bit/s: asked for (0: a quality was), and of the whole stream
  double bpp = 0;                                 // bits a luma sample
  double psnr_y = 0, psnr_u = 0, psnr_v = 0;      // dB, means over the frames
  double encode_seconds = 0, decode_seconds = 0;  // medians, reading and writing of files excluded
  double encode_network_seconds = 0, encode_search_seconds = 0, encode_entropy_seconds = 0;
  double decode_network_seconds = 0, decode_entropy_seconds = 0;
  double psnr() const { return (6 * psnr_y + psnr_u + psnr_v) / 8; }
};
Result<VideoTimes> time_video(const std::string& file, int quality, double bit_rate, const BenchOptions& options);

}  // namespace tessera::cli
