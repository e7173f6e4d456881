#include <algorithm>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "apps/tessera/media_kind.h"
#include "apps/tessera/pipe.h"
#include "apps/tessera/source_sound.h"
#include "apps/tessera/video.h"
#include "apps/tessera/video_sound.h"
#include "bitstream/stream_reader.h"
#include "data/byte_source.h"
#include "data/packet_file.h"
#include "data/video_writer.h"

namespace tessera::cli {
namespace {

using bitstream::StreamReader;

constexpr size_t kPiece = 1 << 16;  // bytes read at a time
constexpr size_t kQueued = 4;       // frames, and pieces of sound, between decoding and writing
constexpr int kAhead = 2;           // frames by which symbols run ahead of pictures

using ReadBytes = std::function<Result<size_t>(std::span<uint8_t>)>;  // fills, gives how many; 0 at the end

// What was wrong with a stream that was decoded all the same.
struct Damage {
  Status first;
  bool cut_off = false;

  void note(const Status& status) {
    if (first.ok()) first = status;
  }
  Status status(uint64_t concealed) const {
    if (first.ok()) return {};
    std::string text = first.message();
    if (concealed > 0) text += fmt::format("; {} frame{} concealed", concealed, concealed == 1 ? "" : "s");
    return {first.code(), text + (cut_off ? "; what comes before is decoded" : "; everything else is decoded")};
  }
};

// Feeds a whole stream, of `size` bytes where that is known, to the decoder. `heard` gets the pieces of its sound, `ready` is called
// whenever there may be frames, `progress` with the fraction done.
Status feed(const ReadBytes& read_more, uint64_t size, StreamReader& reader, VideoDecoder& decoder, const std::function<Status(std::span<const uint8_t>)>& heard,
            const std::function<Status()>& ready, const Progress& progress, Damage& damage, uint64_t& bytes) {
  bool begun = false;
  std::vector<uint8_t> buffer(kPiece);
  for (;;) {
    StreamReader::Event event = reader.next();
    switch (event.kind) {
      case StreamReader::Kind::need_bytes: {
        const Result<size_t> count = read_more(buffer);
        if (!count) return count.status();
        bytes += *count;
        if (*count == 0) reader.finish();
        reader.push(std::span(buffer).first(*count));
        const double done = size > 0 ? static_cast<double>(reader.position()) / static_cast<double>(size) : 0;
        if (progress && !progress(std::min(1.0, done))) return {ErrorCode::cancelled, "cancelled"};
        continue;
      }
      case StreamReader::Kind::header:
        TESSERA_RETURN_IF_ERROR(decoder.open(event.bytes));
        begun = true;
        continue;
      case StreamReader::Kind::companion:
        TESSERA_RETURN_IF_ERROR(heard(event.bytes));
        break;
      case StreamReader::Kind::packet:
        if (const Status status = decoder.send(event.bytes); !status.ok()) {
          if (status.code() != ErrorCode::corrupt && status.code() != ErrorCode::unsupported) return status;
          damage.note(status);
          TESSERA_RETURN_IF_ERROR(decoder.lost(1));
        }
        break;
      case StreamReader::Kind::lost:
        damage.note(event.damage);
        TESSERA_RETURN_IF_ERROR(decoder.lost(event.lost));
        break;
      case StreamReader::Kind::end:
        if (!event.damage.ok()) {
          if (!begun) return event.damage;
          damage.note(event.damage);
          damage.cut_off = true;
        }
        TESSERA_RETURN_IF_ERROR(decoder.flush());
        return ready();
    }
    TESSERA_RETURN_IF_ERROR(ready());
  }
}

// The same for a track of Matroska, whose container has framed the packets.
Status feed_track(media::PacketReader& reader, VideoDecoder& decoder, const std::function<Status()>& ready, const Progress& progress, Damage& damage,
                  uint64_t& bytes) {
  TESSERA_RETURN_IF_ERROR(decoder.open(reader.header()));
  bytes = reader.header().size();
  std::vector<uint8_t> packet;
  for (;;) {
    const auto got = reader.read(packet);
    if (!got) {
      damage.note(got.status());
      damage.cut_off = true;
    }
    if (!got || !*got) break;
    bytes += packet.size();
    if (const Status status = decoder.send(packet); !status.ok()) {
      if (status.code() != ErrorCode::corrupt && status.code() != ErrorCode::unsupported && status.code() != ErrorCode::truncated) return status;
      damage.note(status);
      TESSERA_RETURN_IF_ERROR(decoder.lost(1));
    }
    TESSERA_RETURN_IF_ERROR(ready());
    if (progress && !progress(std::min(1.0, reader.fraction()))) return {ErrorCode::cancelled, "cancelled"};
  }
  TESSERA_RETURN_IF_ERROR(decoder.flush());
  return ready();
}

VideoDecoderOptions decoder_options(const Common& common, int threads) {
  VideoDecoderOptions o;
  o.device = common.device;
  o.threads = threads;
  o.weights_dir = common.weights_dir;
  return o;
}

media::VideoWriterOptions writer_options(const VideoFormat& f, const std::string& output) {
  media::VideoWriterOptions o;
  o.format = {f.width, f.height, media::Chroma::yuv420, f.bit_depth};
  o.time_base = {f.rate_denominator, f.rate_numerator};
  o.frame_rate = {f.rate_numerator, int64_t{f.rate_denominator} * f.frame_ticks};
  o.sample_aspect = {f.aspect_numerator, f.aspect_denominator};
  o.rotation = static_cast<int>(f.rotation);
  o.colour = {f.colour.primaries, f.colour.transfer, f.colour.matrix, f.colour.full_range, static_cast<uint8_t>(f.chroma_location + 1)};
  o.lossless = lower_extension(output) == "mkv";
  return o;
}

// A frame, or sound.
struct Piece {
  media::VideoFrame frame;
  std::vector<float> samples;
  bool sound = false;
};

// Writes frames and sound on a thread of its own.
class Writing {
 public:
  explicit Writing(media::VideoWriter writer) : writer_(std::move(writer)), pipe_(kQueued), thread_([this] { run(); }) {}
  ~Writing() { end(); }

  // False when writing has failed: status() says why.
  bool put(Piece piece) { return pipe_.push(std::move(piece)); }
  Status finish() {
    end();
    return written_.ok() ? writer_.finish() : written_;
  }
  Status failure() {
    end();
    return written_;
  }

 private:
  void run() {
    while (const auto piece = pipe_.pop()) {
      written_ = piece->sound ? writer_.write_sound(piece->samples) : writer_.write(piece->frame);
      if (written_.ok()) continue;
      pipe_.close();
      return;
    }
  }
  void end() {
    pipe_.finish();
    if (thread_.joinable()) thread_.join();
  }

  media::VideoWriter writer_;
  Status written_;
  Pipe<Piece> pipe_;
  std::thread thread_;
};

// What leaves the decoders, on its way to the file: frames, and the sound that belongs to them.
class Playback {
 public:
  Playback(VideoDecoder& decoder, std::string output) : decoder_(decoder), output_(std::move(output)) {}

  void listen_to(std::optional<SourceSound> copied) { copied_ = std::move(copied); }
  void listen_to(VideoSoundDecoder coded) { coded_.emplace(std::move(coded)); }

  uint64_t shown() const { return frames_; }
  std::string note() const {
    if (!sound_) return "";
    return fmt::format(", sound of {} Hz", sound_->sample_rate);
  }

  // The next piece of the coded sound.
  Status heard(std::span<const uint8_t> piece) {
    TESSERA_RETURN_IF_ERROR(coded_->push(piece));
    return writing_ ? sound_of(coded_->take()) : Status();
  }

  // The frames that are ready.
  Status frames() {
    while (auto frame = decoder_.receive()) {
      if (!writing_) TESSERA_RETURN_IF_ERROR(open());
      const VideoFormat& f = decoder_.format();
      const double seconds = static_cast<double>(frame->time) * f.rate_denominator / f.rate_numerator;
      if (copied_ && sound_) TESSERA_RETURN_IF_ERROR(copy(copied_->until(seconds)));
      Piece out;
      out.frame.format = {f.width, f.height, media::Chroma::yuv420, f.bit_depth};
      out.frame.samples = std::move(frame->samples);
      out.frame.time = static_cast<int64_t>(frame->time);
      ++frames_;
      if (!writing_->put(std::move(out))) return writing_->failure();
    }
    return {};
  }

  // The end of the stream. What was wrong with the sound goes to `damage`.
  Status finish(Damage& damage) {
    if (coded_) {
      TESSERA_RETURN_IF_ERROR(coded_->finish());
      TESSERA_RETURN_IF_ERROR(sound_of(coded_->take()));
      damage.note(coded_->damage());
    }
    while (copied_ && sound_) {
      auto samples = copied_->rest();
      const bool more = samples && !samples->empty();
      TESSERA_RETURN_IF_ERROR(copy(std::move(samples)));
      if (!more) break;
    }
    return writing_->finish();
  }

 private:
  // With the first frame: whether there is sound is known by then.
  Status open() {
    media::VideoWriterOptions o = writer_options(decoder_.format(), output_);
    if (coded_ && coded_->opened()) {
      sound_ = {coded_->sample_rate(), coded_->channels(), coded_->channel_mask()};
    } else if (copied_) {
      sound_ = {copied_->sample_rate(), copied_->channels(), copied_->reader().channel_mask()};
      copied_->begin(0);
    }
    o.sound = sound_;
    auto writer = media::VideoWriter::open(output_, o);
    if (!writer) return writer.status();
    writing_.emplace(std::move(*writer));
    return coded_ ? sound_of(coded_->take()) : Status();
  }

  Status copy(Result<std::vector<float>> samples) {
    if (!samples) return samples.status();
    return sound_of(std::move(*samples));
  }

  Status sound_of(std::vector<float> samples) {
    if (!sound_ || samples.empty()) return {};
    Piece out;
    out.sound = true;
    out.samples = std::move(samples);
    return writing_->put(std::move(out)) ? Status() : writing_->failure();
  }

  VideoDecoder& decoder_;
  std::string output_;
  std::optional<SourceSound> copied_;
  std::optional<VideoSoundDecoder> coded_;
  std::optional<media::VideoSound> sound_;
  std::optional<Writing> writing_;
  uint64_t frames_ = 0;
};

}  // namespace

Status decode_video(const Job& job, const DecodeOptions& options, int threads, const Progress& progress, Outcome& outcome) {
  const std::string extension = job.output == "-" ? "y4m" : lower_extension(job.output);
  if (!options.format.empty() && options.format != extension) {
    return {ErrorCode::invalid_argument, "video is written in the format that the output's extension names (standard output: y4m)"};
  }
  if (!is_video_extension(extension) && !job.output.starts_with("/dev/")) {
    return {ErrorCode::invalid_argument, job.output + ": video is written as y4m, mp4 or mkv"};
  }
  VideoDecoderOptions decoding = decoder_options(options.common, threads);
  decoding.limits.max_pixels = options.max_pixels;
  decoding.limits.max_memory = options.max_memory_mib << 20;
  decoding.limits.max_seconds = options.max_seconds;
  decoding.ahead = threads == 1 ? 0 : kAhead;
  auto created = VideoDecoder::create(decoding);
  if (!created) return created.status();
  Playback playback(*created, job.output);
  const bool sound = options.sound && extension != "y4m" && !job.output.starts_with("/dev/");
  Damage damage;
  const auto ready = [&] { return playback.frames(); };
  const auto matroska = is_matroska_file(job.input);
  if (!matroska) return matroska.status();
  if (*matroska) {
    auto reader = media::PacketReader::open(job.input);
    if (!reader) return reader.status();
    if (sound) playback.listen_to(SourceSound::open(job.input));
    TESSERA_RETURN_IF_ERROR(feed_track(*reader, *created, ready, progress, damage, outcome.stream_bytes));
  } else {
    auto source = media::ByteSource::open(job.input);
    if (!source) return source.status();
    bitstream::Limits limits;
    limits.max_pixels = options.max_pixels;
    StreamReader reader(limits);
    if (sound) {
      auto decoder = VideoSoundDecoder::create({.weights_dir = options.common.weights_dir, .max_seconds = options.max_seconds});
      if (!decoder) return decoder.status();
      playback.listen_to(std::move(*decoder));
      reader.want_companions();
    }
    TESSERA_RETURN_IF_ERROR(feed([&](std::span<uint8_t> room) { return source->read(room); }, source->size(), reader, *created,
                                 [&](std::span<const uint8_t> piece) { return playback.heard(piece); }, ready, progress, damage, outcome.stream_bytes));
  }
  if (playback.shown() == 0) return damage.first.ok() ? Status(ErrorCode::truncated, "the stream has no frame") : damage.first;
  TESSERA_RETURN_IF_ERROR(playback.finish(damage));
  const VideoFormat& f = created->format();
  outcome.frames = playback.shown();
  outcome.duration = static_cast<double>(playback.shown()) / f.frame_rate();
  outcome.note = fmt::format("{}x{}, {} frame{}{}", f.width, f.height, playback.shown(), playback.shown() == 1 ? "" : "s", playback.note());
  return damage.status(created->report().concealed);
}

Status check_video(std::span<const uint8_t> stream, const Common& options, VideoReport& report) {
  VideoDecoderOptions decoding = decoder_options(options, options.threads);
  decoding.symbols_only = true;
  decoding.strict = true;
  auto decoder = VideoDecoder::create(decoding);
  if (!decoder) return decoder.status();
  auto sound = VideoSoundDecoder::create({.weights_dir = options.weights_dir, .symbols_only = true});
  if (!sound) return sound.status();
  StreamReader reader;
  reader.want_companions();
  reader.push(stream);
  reader.finish();
  for (;;) {
    const StreamReader::Event event = reader.next();
    if (event.kind == StreamReader::Kind::header) TESSERA_RETURN_IF_ERROR(decoder->open(event.bytes));
    if (event.kind == StreamReader::Kind::packet) TESSERA_RETURN_IF_ERROR(decoder->send(event.bytes));
    if (event.kind == StreamReader::Kind::lost) return event.damage;
    if (event.kind == StreamReader::Kind::companion) TESSERA_RETURN_IF_ERROR(sound->push(event.bytes));
    if (event.kind != StreamReader::Kind::end) continue;
    report = decoder->report();
    TESSERA_RETURN_IF_ERROR(sound->finish());
    return event.damage.ok() ? sound->damage() : event.damage;
  }
}

}  // namespace tessera::cli
