#include <cmath>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "apps/tessera/interrupt.h"
#include "apps/tessera/pipe.h"
#include "apps/tessera/video.h"
#include "apps/tessera/video_sound.h"
#include "bitstream/index.h"
#include "data/av_sink.h"
#include "data/packet_file.h"
#include "data/video_chroma.h"

namespace tessera::cli {
namespace {

constexpr size_t kQueued = 3;  // frames between reading and coding

// Code points that a source leaves open (2) become BT.709, or BT.601 below 720 rows, as players take them.
uint8_t known(uint8_t code_point, bool large) {
  constexpr uint8_t unspecified = 2, bt709 = 1, bt601 = 6;
  return code_point != unspecified ? code_point : large ? bt709 : bt601;
}

VideoEncoderOptions encoder_options(const EncodeOptions& options, const VideoTiming& timing, int threads) {
  VideoEncoderOptions o;
  o.model = options.model.empty() ? choose_video_model(options.common.device, options.common.weights_dir) : options.model;
  o.format = timing.format;
  o.quality = options.quality;
  o.bit_rate = options.bit_rate.value_or(0);
  o.buffer = options.buffer;
  o.keyint = options.keyint;
  o.scene_cuts = options.scene_cuts;
  o.effort = options.effort;
  o.fit_without = options.without;
  o.checksum = options.checksum;
  o.device = options.common.device;
  o.threads = threads;
  o.weights_dir = options.common.weights_dir;
  return o;
}

VideoFrameView view_of(const media::VideoFrame& frame, uint64_t time) {
  VideoFrameView view;
  for (int p = 0; p < 3; ++p) {
    view.planes[p] = frame.plane(p).data();
    view.strides[p] = size_t{frame.format.plane_width(p)} * frame.format.sample_bytes();
  }
  view.time = time;
  return view;
}

// Where the stream goes: a .tsr file, its sound between its frames and an index at its end; or a track of Matroska beside the source's sound.
class StreamOut {
 public:
  explicit StreamOut(Job job) : job_(std::move(job)), matroska_(is_matroska_stream(job_.output)) {}

  bool matroska() const { return matroska_; }
  bool copies_sound() const { return track_ && track_->has_sound(); }
  uint64_t bytes() const { return bytes_; }  // of a .tsr file, so far

  // Sound to code, for a .tsr file. Before open().
  void take(std::optional<VideoSoundEncoder> sound) { sound_ = std::move(sound); }
  Status sound_damage() const { return sound_ ? sound_->damage() : Status(); }

  // Before the work, so that a wrong name shows at once; Matroska is opened by begin().
  Status open(const VideoEncoder& encoder) {
    if (matroska_) return {};
    auto sink = media::av::Sink::open(job_.output);
    if (!sink) return sink.status();
    sink_ = std::move(*sink);
    return put(encoder.header());
  }

  // With the first frame. `sound`: Matroska copies the source's.
  Status begin(const VideoEncoder& encoder, const VideoTiming& timing, bool sound) {
    const VideoFormat& f = timing.format;
    const double start = static_cast<double>(timing.first) * static_cast<double>(timing.time_base.num) / static_cast<double>(timing.time_base.den);
    tick_ = static_cast<double>(f.rate_denominator) / f.rate_numerator;
    if (!matroska_) return !sound_ ? Status() : with_sound([&](std::vector<uint8_t>& out) { return sound_->begin(start, out); });
    media::PacketTrack track;
    track.width = f.width;
    track.height = f.height;
    track.header = encoder.header();
    track.time_base = {f.rate_denominator, f.rate_numerator};
    track.frame_rate = {f.rate_numerator, int64_t{f.rate_denominator} * f.frame_ticks};
    track.sample_aspect = {f.aspect_numerator, f.aspect_denominator};
    if (sound) track.sound_from = job_.input;
    track.sound_start = start;
    auto writer = media::PacketWriter::open(job_.output, track);
    if (!writer) return writer.status();
    track_.emplace(std::move(*writer));
    return {};
  }

  Status write_ready(VideoEncoder& encoder) {
    while (const auto packet = encoder.receive()) {
      if (!matroska_) {
        if (sound_) TESSERA_RETURN_IF_ERROR(with_sound([&](std::vector<uint8_t>& out) { return sound_->advance(static_cast<double>(packet->time) * tick_, out); }));
        if (packet->key) entries_.push_back({bytes_, packet->time});
        TESSERA_RETURN_IF_ERROR(put(packet->bytes));
      } else {
        TESSERA_RETURN_IF_ERROR(track_->write(packet->bytes, static_cast<int64_t>(packet->time), packet->key));
      }
    }
    return {};
  }

  // `all`: with the sound behind the last frame.
  Status finish(bool all) {
    if (matroska_) return track_->finish();
    if (sound_) TESSERA_RETURN_IF_ERROR(with_sound([&](std::vector<uint8_t>& out) { return sound_->finish(all, out); }));
    if (entries_.size() > 1) {
      bitstream::ByteWriter index;
      TESSERA_RETURN_IF_ERROR(bitstream::write_index(index, entries_));
      TESSERA_RETURN_IF_ERROR(put(index.view()));
    }
    return sink_->finish();
  }
  void keep() { matroska_ ? track_->keep() : sink_->keep(); }

 private:
  Status put(std::span<const uint8_t> bytes) {
    bytes_ += bytes.size();
    return sink_->write(bytes) ? Status() : sink_->status();
  }
  template <class Work>
  Status with_sound(Work work) {
    std::vector<uint8_t> out;
    TESSERA_RETURN_IF_ERROR(work(out));
    return put(out);
  }

  Job job_;
  bool matroska_;
  std::optional<VideoSoundEncoder> sound_;
  std::vector<bitstream::IndexEntry> entries_;
  uint64_t bytes_ = 0;
  double tick_ = 0;  // seconds
  std::unique_ptr<media::av::Sink> sink_;
  std::optional<media::PacketWriter> track_;
};

// Reads frames on a thread of its own until the end, an error, or the pipe's other end closes.
class Frames {
 public:
  explicit Frames(media::VideoReader& reader) : pipe_(kQueued), thread_([this, &reader] { run(reader); }) {}
  ~Frames() {
    pipe_.close();
    thread_.join();
  }

  std::optional<media::VideoFrame> next() { return pipe_.pop(); }
  const Status& status() const { return status_; }  // after next() gave nothing

 private:
  void run(media::VideoReader& reader) {
    media::VideoFrame frame;
    for (;;) {
      const auto got = reader.read(frame);
      if (!got) status_ = got.status();
      if (!got || !*got) break;
      media::VideoFrame reduced;
      if (frame.format.chroma == media::Chroma::yuv420) {
        reduced = std::move(frame);
      } else {
        media::to_yuv420(frame, reduced);
      }
      if (!pipe_.push(std::move(reduced))) break;
    }
    pipe_.finish();
  }

  Status status_;
  Pipe<media::VideoFrame> pipe_;
  std::thread thread_;
};

}  // namespace

VideoTiming timing_of(const media::VideoProperties& source) {
  VideoTiming t;
  VideoFormat& f = t.format;
  f.width = source.format.width;
  f.height = source.format.height;
  f.bit_depth = source.format.bit_depth;
  const bool large = f.height >= 720;
  f.colour = {known(source.colour.primaries, large), known(source.colour.transfer, large), known(source.colour.matrix, large), source.colour.full_range};
  const uint8_t location = source.colour.chroma_location;  // one more than H.273's
  f.chroma_location = location >= 1 && location <= 6 && source.format.chroma == media::Chroma::yuv420 ? static_cast<uint8_t>(location - 1) : 0;
  f.aspect_numerator = static_cast<uint32_t>(source.sample_aspect.num);
  f.aspect_denominator = static_cast<uint32_t>(source.sample_aspect.den);
  f.rotation = static_cast<uint32_t>(source.rotation);
  t.time_base = source.time_base;
  const bool rate = source.frame_rate.num > 0 && source.frame_rate.den > 0;
  t.constant = rate && !source.variable_rate;
  if (t.constant) {
    f.rate_numerator = static_cast<uint32_t>(source.frame_rate.num);
    f.rate_denominator = static_cast<uint32_t>(source.frame_rate.den);
    return t;
  }
  f.rate_numerator = static_cast<uint32_t>(source.time_base.den);
  f.rate_denominator = static_cast<uint32_t>(std::max<int64_t>(1, source.time_base.num));
  const double base = static_cast<double>(source.time_base.den) / static_cast<double>(f.rate_denominator);
  const double seconds = rate ? static_cast<double>(source.frame_rate.den) / static_cast<double>(source.frame_rate.num) : 0.04;
  f.frame_ticks = static_cast<uint32_t>(std::clamp(std::round(base * seconds), 1.0, 16e6));
  return t;
}

uint64_t VideoTiming::ticks(int64_t time) const {
  const auto since = static_cast<double>(time - first);
  if (!constant) return static_cast<uint64_t>(std::max<int64_t>(0, time - first));
  const double seconds = since * static_cast<double>(time_base.num) / static_cast<double>(time_base.den);
  return static_cast<uint64_t>(std::llround(std::max(0.0, seconds * format.frame_rate())));
}

Status encode_video(const Job& job, const EncodeOptions& options, int threads, const Progress& progress, const Note& note, Outcome& outcome) {
  if (options.bpp) return {ErrorCode::invalid_argument, "video takes --quality or --bitrate, not --bpp"};
  if (options.sound_bit_rate && is_matroska_stream(job.output)) {
    return {ErrorCode::invalid_argument, "--sound-bitrate is for .tsr files; Matroska gets the source's sound as it is"};
  }
  auto reader = media::VideoReader::open(job.input, {.threads = threads});
  if (!reader) return reader.status();
  VideoTiming timing = timing_of(reader->properties());
  StreamOut out(job);
  VideoEncoderOptions encoding = encoder_options(options, timing, threads);
  encoding.index = false;  // the file's has to count the sound's bytes
  encoding.ahead = threads != 1 && job.output != "-";  // into a pipe each packet leaves before the next frame is read
  const double rate = timing.format.frame_rate();
  const double total = reader->properties().duration.value_or(0) * rate;
  const auto show = [&](double frames) { return !progress || progress(total > 0 ? std::min(1.0, frames / total) : 0); };
  uint64_t sent = 0, coded = 0;
  encoding.fit_watch = [&](const FitState& state) {
    note(fmt::format("{:.4f} bpp  {:.2f} dB", state.bpp, state.psnr));
    show(static_cast<double>(coded) + state.fraction * static_cast<double>(sent - coded));
    return !interrupted();
  };
  std::string sound_note;
  if (options.sound && !out.matroska()) {
    auto sound = VideoSoundEncoder::open(job.input, options);
    // Without the model of sound the video is still worth having, unless somebody has asked for the sound.
    if (!sound && (options.sound_bit_rate || sound.status().code() != ErrorCode::model_missing)) return sound.status();
    if (!sound) sound_note = ", sound left out: " + sound.status().message();
    if (sound && *sound) {
      sound_note = fmt::format(", sound by {} at {:.1f} kbit/s", (*sound)->model(), (*sound)->bit_rate() / 1000);
      if (encoding.bit_rate > 0) {
        encoding.bit_rate -= (*sound)->bit_rate();
        if (encoding.bit_rate <= 0) return {ErrorCode::invalid_argument, "the sound alone takes the whole bit rate: --no-sound, or a lower --sound-bitrate"};
      }
      out.take(std::move(*sound));
    }
  }
  auto encoder = VideoEncoder::create(encoding);
  if (!encoder) return encoder.status();
  TESSERA_RETURN_IF_ERROR(out.open(*encoder));

  const auto kept = [&out](const Status& status) {
    if (!status.ok()) out.keep();  // a full disk: what is there can be decoded
    return status;
  };
  Status stopped;  // what ended the video too early
  {
    Frames frames(*reader);
    std::optional<uint64_t> last;
    while (const auto frame = frames.next()) {
      if (!last) {
        timing.first = frame->time;
        TESSERA_RETURN_IF_ERROR(out.begin(*encoder, timing, options.sound));
      }
      // Times that rise in the source may fall together in ticks.
      const uint64_t time = std::max(timing.ticks(frame->time), last ? *last + 1 : 0);
      last = time;
      ++sent;
      TESSERA_RETURN_IF_ERROR(encoder->send(view_of(*frame, time)));
      coded = encoder->report().frames;
      TESSERA_RETURN_IF_ERROR(kept(out.write_ready(*encoder)));
      if (!show(static_cast<double>(coded))) return {ErrorCode::cancelled, "cancelled"};
      if (interrupted()) break;
    }
    stopped = frames.status();
  }
  const VideoReport& report = encoder->report();
  TESSERA_RETURN_IF_ERROR(encoder->flush());
  if (report.frames == 0) return stopped.ok() ? Status(ErrorCode::corrupt, "the video has no frame that can be decoded") : stopped;
  TESSERA_RETURN_IF_ERROR(kept(out.write_ready(*encoder)));
  TESSERA_RETURN_IF_ERROR(kept(out.finish(stopped.ok() && !interrupted())));
  if (!stopped.ok()) return {stopped.code(), stopped.message() + fmt::format("; the {} frames before are coded", report.frames)};

  outcome.stream_bytes = out.matroska() ? report.bytes : out.bytes();
  outcome.duration = static_cast<double>(report.frames) / rate;
  outcome.frames = report.frames;
  outcome.note = fmt::format("{}x{}, {} frame{}, {} key", timing.format.width, timing.format.height, report.frames, report.frames == 1 ? "" : "s", report.key_frames);
  if (!options.bit_rate) outcome.note += fmt::format(", quality {}", options.quality);
  if (interrupted()) outcome.note += ", ended by an interruption";
  outcome.note += out.copies_sound() ? ", sound copied" : sound_note;
  if (const Status sound = out.sound_damage(); !sound.ok()) outcome.note += ", which ends early: " + sound.message();
  if (reader->damaged_packets() > 0) outcome.note += fmt::format(", {} damaged packets of the input left out", reader->damaged_packets());
  if (reader->repaired_times() > 0) outcome.note += fmt::format(", {} time stamps made up", reader->repaired_times());
  return {};
}

}  // namespace tessera::cli
