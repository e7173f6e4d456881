#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "apps/tessera/media_kind.h"
#include "apps/tessera/sound.h"
#include "bitstream/stream_reader.h"
#include "data/audio_writer.h"
#include "data/byte_source.h"

namespace tessera::cli {
namespace {

using bitstream::StreamReader;

constexpr size_t kPiece = 1 << 16;  // bytes read at a time

using Bytes = std::function<Result<size_t>(std::span<uint8_t>)>;  // fills, gives how many; 0 at the end

// What was wrong with a stream that was decoded all the same.
struct Damage {
  Status first;
  uint64_t lost = 0;
  bool cut_off = false;

  void note(const Status& status) {
    if (first.ok()) first = status;
  }
  Status status() const {
    if (first.ok()) return {};
    std::string text = first.message();
    if (lost > 0) text += fmt::format("; {} packet{} lost and concealed", lost, lost == 1 ? "" : "s");
    return {first.code(), text + (cut_off ? "; what comes before is decoded" : "; everything else is decoded")};
  }
};

// Feeds a whole stream, of `size` bytes where that is known, to the decoder. `opened` is called once the header is known, `ready` whenever there may be samples,
// `progress` with the fraction done.
Status feed(const Bytes& read_more, uint64_t size, AudioDecoder& decoder, const std::function<Status()>& opened, const std::function<Status()>& ready,
            const Progress& progress, Damage& damage, uint64_t& bytes) {
  StreamReader reader;
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
          ++damage.lost;
          TESSERA_RETURN_IF_ERROR(decoder.lost(1));
        }
        break;
      case StreamReader::Kind::companion:
        continue;
      case StreamReader::Kind::lost:
        damage.note(event.damage);
        damage.lost += event.lost;
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

}  // namespace

Status decode_sound(const Job& job, const DecodeOptions& options, const Progress& progress, Outcome& outcome) {
  if (options.common.device != Device::cpu) return {ErrorCode::device, "sound is decoded on the CPU only"};
  const std::string extension = lower_extension(job.output);
  if (!options.format.empty() && options.format != (job.output == "-" ? "wav" : extension)) {
    return {ErrorCode::invalid_argument, "sound is written in the format that the output's extension names (standard output: wav)"};
  }
  auto created = AudioDecoder::create({.weights_dir = options.common.weights_dir, .max_seconds = options.max_seconds});
  if (!created) return created.status();
  AudioDecoder& decoder = *created;
  std::optional<media::AudioWriter> writer;
  const auto opened = [&]() -> Status {
    media::AudioWriterOptions out;
    out.sample_rate = decoder.sample_rate();
    out.channels = decoder.channels();
    out.channel_mask = decoder.channel_mask();
    auto result = media::AudioWriter::open(job.output, out);
    if (!result) return result.status();
    writer.emplace(std::move(*result));
    return {};
  };
  const auto ready = [&]() -> Status {
    while (const auto block = decoder.receive()) TESSERA_RETURN_IF_ERROR(writer->write(block->samples));
    return {};
  };
  auto source = media::ByteSource::open(job.input);
  if (!source) return source.status();
  Damage damage;
  TESSERA_RETURN_IF_ERROR(feed([&](std::span<uint8_t> room) { return source->read(room); }, source->size(), decoder, opened, ready, progress, damage, outcome.stream_bytes));
  TESSERA_RETURN_IF_ERROR(writer->finish());
  outcome.duration = static_cast<double>(decoder.report().samples) / decoder.sample_rate();
  outcome.note = fmt::format("{} Hz, {} channel{}", decoder.sample_rate(), decoder.channels(), decoder.channels() == 1 ? "" : "s");
  return damage.status();
}

Status check_sound(std::span<const uint8_t> stream, const std::string& weights_dir, AudioReport& report) {
  auto decoder = AudioDecoder::create({weights_dir, true});
  if (!decoder) return decoder.status();
  Damage damage;
  uint64_t bytes = 0;
  const auto nothing = []() -> Status { return {}; };
  const auto read = [&stream](std::span<uint8_t> room) -> Result<size_t> {
    const size_t count = std::min(room.size(), stream.size());
    std::copy_n(stream.begin(), count, room.begin());
    stream = stream.subspan(count);
    return count;
  };
  TESSERA_RETURN_IF_ERROR(feed(read, stream.size(), *decoder, nothing, nothing, {}, damage, bytes));
  report = decoder->report();
  return damage.first;
}

}  // namespace tessera::cli
