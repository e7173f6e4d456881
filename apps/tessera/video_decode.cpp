#include <algorithm>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "apps/tessera/media_kind.h"
#include "apps/tessera/pipe.h"
#include "apps/tessera/video.h"
#include "bitstream/stream_reader.h"
#include "data/byte_source.h"
#include "data/packet_file.h"
#include "data/video_writer.h"

namespace tessera::cli {
namespace {

using bitstream::StreamReader;

constexpr size_t kPiece = 1 << 16;  // bytes read at a time
constexpr size_t kQueued = 3;       // frames between decoding and writing
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

// Feeds a whole stream, of `size` bytes where that is known, to the decoder. `opened` is called once the header is known, `ready`
// whenever there may be frames, `progress` with the fraction done.
Status feed(const ReadBytes& read_more, uint64_t size, StreamReader& reader, VideoDecoder& decoder, const std::function<Status()>& opened,
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
        TESSERA_RETURN_IF_ERROR(opened());
        continue;
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
Status feed_track(media::PacketReader& reader, VideoDecoder& decoder, const std::function<Status()>& opened, const std::function<Status()>& ready,
                  const Progress& progress, Damage& damage, uint64_t& bytes) {
  TESSERA_RETURN_IF_ERROR(decoder.open(reader.header()));
  TESSERA_RETURN_IF_ERROR(opened());
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

// Writes frames on a thread of its own.
class Writing {
 public:
  explicit Writing(media::VideoWriter writer) : writer_(std::move(writer)), pipe_(kQueued), thread_([this] { run(); }) {}
  ~Writing() { end(); }

  // False when writing has failed: status() says why.
  bool put(media::VideoFrame frame) { return pipe_.push(std::move(frame)); }
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
    while (const auto frame = pipe_.pop()) {
      written_ = writer_.write(*frame);
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
  Pipe<media::VideoFrame> pipe_;
  std::thread thread_;
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
  VideoDecoder& decoder = *created;
  std::optional<Writing> writing;
  uint64_t frames = 0;
  const auto opened = [&]() -> Status {
    auto writer = media::VideoWriter::open(job.output, writer_options(decoder.format(), job.output));
    if (!writer) return writer.status();
    writing.emplace(std::move(*writer));
    return {};
  };
  const auto ready = [&]() -> Status {
    while (auto frame = decoder.receive()) {
      const VideoFormat& f = decoder.format();
      media::VideoFrame out;
      out.format = {f.width, f.height, media::Chroma::yuv420, f.bit_depth};
      out.samples = std::move(frame->samples);
      out.time = static_cast<int64_t>(frame->time);
      ++frames;
      if (!writing->put(std::move(out))) return writing->failure();
    }
    return {};
  };
  Damage damage;
  const auto matroska = is_matroska_file(job.input);
  if (!matroska) return matroska.status();
  if (*matroska) {
    auto reader = media::PacketReader::open(job.input);
    if (!reader) return reader.status();
    TESSERA_RETURN_IF_ERROR(feed_track(*reader, decoder, opened, ready, progress, damage, outcome.stream_bytes));
  } else {
    auto source = media::ByteSource::open(job.input);
    if (!source) return source.status();
    bitstream::Limits limits;
    limits.max_pixels = options.max_pixels;
    StreamReader reader(limits);
    TESSERA_RETURN_IF_ERROR(feed([&](std::span<uint8_t> room) { return source->read(room); }, source->size(), reader, decoder, opened, ready, progress, damage,
                                 outcome.stream_bytes));
  }
  if (frames == 0) return damage.first.ok() ? Status(ErrorCode::truncated, "the stream has no frame") : damage.first;
  TESSERA_RETURN_IF_ERROR(writing->finish());
  const VideoFormat& f = decoder.format();
  outcome.frames = frames;
  outcome.duration = static_cast<double>(frames) / f.frame_rate();
  outcome.note = fmt::format("{}x{}, {} frames", f.width, f.height, frames);
  return damage.status(decoder.report().concealed);
}

Status check_video(std::span<const uint8_t> stream, const Common& options, VideoReport& report) {
  VideoDecoderOptions decoding = decoder_options(options, options.threads);
  decoding.symbols_only = true;
  decoding.strict = true;
  auto decoder = VideoDecoder::create(decoding);
  if (!decoder) return decoder.status();
  StreamReader reader;
  reader.push(stream);
  reader.finish();
  for (;;) {
    const StreamReader::Event event = reader.next();
    if (event.kind == StreamReader::Kind::header) TESSERA_RETURN_IF_ERROR(decoder->open(event.bytes));
    if (event.kind == StreamReader::Kind::packet) TESSERA_RETURN_IF_ERROR(decoder->send(event.bytes));
    if (event.kind == StreamReader::Kind::lost) return event.damage;
    if (event.kind != StreamReader::Kind::end) continue;
    report = decoder->report();
    return event.damage;
  }
}

}  // namespace tessera::cli
