#include <chrono>
#include <optional>
#include <vector>

#include "apps/tessera/psnr.h"
#include "apps/tessera/sound.h"
#include "data/audio_reader.h"

namespace tessera::cli {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Result<std::vector<float>> read_all(media::AudioReader& reader) {
  std::vector<float> samples;
  std::vector<float> piece(size_t{1} << 16);
  piece.resize(piece.size() / reader.channels() * reader.channels());
  for (;;) {
    const auto count = reader.read(piece);
    if (!count) return count.status();
    if (*count == 0) return samples;
    samples.insert(samples.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(*count * reader.channels()));
  }
}

}  // namespace

Result<SoundTimes> time_sound(const std::string& file, double bit_rate, const BenchOptions& options) {
  auto reader = media::AudioReader::open(file);
  if (!reader) return reader.status();
  AudioEncoderOptions encoding;
  const uint32_t channels = reader->source().channels == 1 ? 1 : 2;
  encoding.bit_rate = bit_rate;
  const auto kind = options.model.empty() ? kind_of(*reader) : Result<SoundKind>(SoundKind::unknown);
  if (!kind) return kind.status();
  encoding.model = options.model.empty() ? choose_audio_model(channels, bit_rate, *kind) : options.model;
  encoding.channels = encoding.model.starts_with("speech") ? 1 : channels;
  encoding.weights_dir = options.common.weights_dir;
  encoding.effort = options.effort;
  SoundTimes row;
  row.file = file;
  row.model = encoding.model;
  std::optional<std::vector<float>> samples;
  std::vector<double> encode_times, decode_times;
  for (int i = 0; i <= options.repetitions; ++i) {  // the first round only warms up
    auto encoder = AudioEncoder::create(encoding);
    if (!encoder) return encoder.status();
    if (!samples) {
      TESSERA_RETURN_IF_ERROR(reader->ask({encoder->sample_rate(), encoder->channels()}));
      auto all = read_all(*reader);
      if (!all) return all.status();
      samples = std::move(*all);
    }
    std::vector<AudioPacket> packets;
    const auto start = Clock::now();
    TESSERA_RETURN_IF_ERROR(encoder->send({*samples, encoder->channels(), encoder->sample_rate()}));
    TESSERA_RETURN_IF_ERROR(encoder->flush());
    while (auto packet = encoder->receive()) packets.push_back(std::move(*packet));
    const double encode_time = since(start);
    auto decoder = AudioDecoder::create({options.common.weights_dir, false});
    if (!decoder) return decoder.status();
    TESSERA_RETURN_IF_ERROR(decoder->open(encoder->header()));
    const auto middle = Clock::now();
    for (const AudioPacket& packet : packets) {
      TESSERA_RETURN_IF_ERROR(decoder->send(packet.bytes));
      while (decoder->receive()) {
      }
    }
    TESSERA_RETURN_IF_ERROR(decoder->flush());
    const double decode_time = since(middle);
    row.asked = encoder->bit_rate();
    row.seconds = static_cast<double>(encoder->report().samples) / encoder->sample_rate();
    if (row.seconds == 0) return {ErrorCode::invalid_argument, "there is no sound in it"};
    row.bit_rate = 8.0 * static_cast<double>(encoder->report().bytes) / row.seconds;
    if (i == 0) continue;
    encode_times.push_back(encode_time);
    decode_times.push_back(decode_time);
  }
  row.encode_seconds = median(encode_times);
  row.decode_seconds = median(decode_times);
  return row;
}

}  // namespace tessera::cli
