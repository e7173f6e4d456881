#include "apps/tessera/video_sound.h"

#include <utility>

#include "bitstream/packet.h"
#include "codec/video.h"

namespace tessera::cli {
namespace {

constexpr double kAhead = 0.5;        // seconds that the sound is coded before its frames
constexpr double kLookahead = 1.0;    // of the encoder: pauses leave their bits to what is around them
constexpr double kTimes = 0.5;        // seconds from one time stamp to the next: behind a piece that is lost, the sound is in step again so soon
constexpr size_t kMostPiece = 60000;  // bytes: within every video's limit of a payload

}  // namespace

Result<std::optional<VideoSoundEncoder>> VideoSoundEncoder::open(const std::string& path, const EncodeOptions& options) {
  std::optional<SourceSound> source = SourceSound::open(path);
  if (!source) return std::optional<VideoSoundEncoder>();
  const media::AudioProperties& from = source->reader().source();
  AudioEncoderOptions o;
  o.channels = from.channels == 1 ? 1 : 2;
  o.bit_rate = options.sound_bit_rate.value_or(0);
  // A camera's one channel need not be speech: speech's model is for those who ask for its rates.
  o.model = options.sound_bit_rate ? choose_audio_model(o.channels, o.bit_rate) : "sound";
  if (o.model.starts_with("speech")) o.channels = 1;
  o.lookahead = kLookahead;
  o.checksum = options.checksum;
  o.index = false;
  o.times = kTimes;
  o.source_bit_depth = from.bit_depth >= 1 && from.bit_depth <= 32 ? from.bit_depth : 16;
  o.weights_dir = options.common.weights_dir;
  auto encoder = AudioEncoder::create(o);
  if (!encoder) return encoder.status();
  TESSERA_RETURN_IF_ERROR(source->reader().ask({encoder->sample_rate(), encoder->channels()}));
  return std::optional<VideoSoundEncoder>(VideoSoundEncoder(std::move(*source), std::move(*encoder), o.model));
}

Status VideoSoundEncoder::begin(double start, std::vector<uint8_t>& out) {
  source_.begin(start);
  piece_ = encoder_.header();
  return pack(out);
}

Status VideoSoundEncoder::code(const std::vector<float>& samples) { return encoder_.send({samples, encoder_.channels(), encoder_.sample_rate()}); }

// Whole packets, as many as fit.
Status VideoSoundEncoder::pack(std::vector<uint8_t>& out) {
  const auto write = [&]() -> Status {
    if (piece_.empty()) return {};
    bitstream::ByteWriter writer;
    bitstream::Packet packet;
    packet.kind = bitstream::PacketKind::companion;
    packet.payload = piece_;
    TESSERA_RETURN_IF_ERROR(bitstream::write_packet(writer, packet));
    const auto bytes = writer.view();
    out.insert(out.end(), bytes.begin(), bytes.end());
    piece_.clear();
    return {};
  };
  while (const auto packet = encoder_.receive()) {
    if (piece_.size() + packet->bytes.size() > kMostPiece) TESSERA_RETURN_IF_ERROR(write());
    piece_.insert(piece_.end(), packet->bytes.begin(), packet->bytes.end());
  }
  return write();
}

Status VideoSoundEncoder::advance(double seconds, std::vector<uint8_t>& out) {
  auto samples = source_.until(seconds + kAhead + kLookahead);
  if (!samples) return samples.status();
  if (samples->empty()) return {};
  TESSERA_RETURN_IF_ERROR(code(*samples));
  return pack(out);
}

Status VideoSoundEncoder::finish(bool all, std::vector<uint8_t>& out) {
  while (all) {
    auto samples = source_.rest();
    if (!samples) return samples.status();
    if (samples->empty()) break;
    TESSERA_RETURN_IF_ERROR(code(*samples));
    TESSERA_RETURN_IF_ERROR(pack(out));
  }
  TESSERA_RETURN_IF_ERROR(encoder_.flush());
  return pack(out);
}

Result<VideoSoundDecoder> VideoSoundDecoder::create(const AudioDecoderOptions& options) {
  auto decoder = AudioDecoder::create(options);
  if (!decoder) return decoder.status();
  return VideoSoundDecoder(std::move(*decoder));
}

void VideoSoundDecoder::note(const Status& status) {
  if (damage_.ok() && !status.ok()) damage_ = {status.code(), "sound: " + status.message()};
}

Status VideoSoundDecoder::drain() {
  for (;;) {
    const auto event = reader_.next();
    switch (event.kind) {
      case bitstream::StreamReader::Kind::need_bytes:
        return {};
      case bitstream::StreamReader::Kind::header:
        TESSERA_RETURN_IF_ERROR(decoder_.open(event.bytes));
        opened_ = true;
        break;
      case bitstream::StreamReader::Kind::packet:
        if (const Status status = decoder_.send(event.bytes); !status.ok()) {
          if (status.code() != ErrorCode::corrupt && status.code() != ErrorCode::unsupported) return status;
          note(status);
          TESSERA_RETURN_IF_ERROR(decoder_.lost(1));
        }
        break;
      case bitstream::StreamReader::Kind::lost:
        note(event.damage);
        TESSERA_RETURN_IF_ERROR(decoder_.lost(event.lost));
        break;
      case bitstream::StreamReader::Kind::companion:
        break;
      case bitstream::StreamReader::Kind::end:
        note(event.damage);
        if (opened_ && !ended_) TESSERA_RETURN_IF_ERROR(decoder_.flush());
        ended_ = true;
        return {};
    }
  }
}

Status VideoSoundDecoder::push(std::span<const uint8_t> piece) {
  if (ended_) return {};
  reader_.push(piece);
  return drain();
}

Status VideoSoundDecoder::finish() {
  if (ended_ || !opened_) return {};
  reader_.finish();
  return drain();
}

std::vector<float> VideoSoundDecoder::take() {
  if (!opened_) return {};
  while (const auto block = decoder_.receive()) ready_.insert(ready_.end(), block->samples.begin(), block->samples.end());
  return std::exchange(ready_, {});
}

}  // namespace tessera::cli
