// The sound part of the codec that stores samples as they are (raw_codec.cpp): 24 kHz, 16 bits, half a second a packet.
#include <algorithm>
#include <cmath>
#include <deque>

#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/tessera.h"

namespace tessera {
namespace {

namespace bs = bitstream;

constexpr uint32_t kRate = 24000, kBlock = 12000;

}  // namespace

struct AudioEncoder::Impl {
  AudioEncoderOptions options;
  std::vector<uint8_t> header;
  std::vector<float> waiting;
  std::deque<AudioPacket> ready;
  AudioReport report;
  bool finished = false;

  void write(size_t count) {
    bs::ByteWriter content, side, payload, out;
    for (size_t i = 0; i < count; ++i) content.u16(static_cast<uint16_t>(std::lround(std::clamp(waiting[i], -1.f, 1.f) * 32767)));
    std::vector<bs::Section> sections;
    side.varint(count / options.channels);
    if (count / options.channels < kBlock) sections.push_back({bs::SectionTag::side, side.view()});
    sections.push_back({bs::SectionTag::indices, content.view()});
    bs::write_sections(payload, sections);
    (void)bs::write_packet(out, {.payload = payload.view()});
    report.bytes += out.size();
    report.indices += count;
    ++report.packets;
    ready.push_back({out.take(), 0, false});
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(count));
  }
};

AudioEncoder::AudioEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AudioEncoder::AudioEncoder(AudioEncoder&&) noexcept = default;
AudioEncoder& AudioEncoder::operator=(AudioEncoder&&) noexcept = default;
AudioEncoder::~AudioEncoder() = default;

Result<AudioEncoder> AudioEncoder::create(AudioEncoderOptions options) {
  if (!options.weights_dir.empty()) return {ErrorCode::model_missing, options.weights_dir + ": no weights"};
  auto impl = std::make_unique<Impl>();
  bs::FileHeader header;
  header.kind = bs::MediaKind::audio;
  header.model_name = options.model;
  header.audio.sample_rate = kRate;
  header.audio.channels = options.channels;
  header.audio.channel_mask = options.channels == 1 ? 4 : 3;
  header.audio.block_samples = kBlock;
  bs::ByteWriter out;
  TESSERA_RETURN_IF_ERROR(bs::write_header(out, header));
  impl->options = std::move(options);
  impl->header = out.take();
  impl->report.bytes = impl->header.size();
  return AudioEncoder(std::move(impl));
}

uint32_t AudioEncoder::sample_rate() const { return kRate; }
uint32_t AudioEncoder::channels() const { return impl_->options.channels; }
double AudioEncoder::bit_rate() const { return 16.0 * kRate * channels(); }
double AudioEncoder::delay() const { return 0.5; }
const std::vector<uint8_t>& AudioEncoder::header() const { return impl_->header; }
const AudioReport& AudioEncoder::report() const { return impl_->report; }

Status AudioEncoder::send(const AudioView& view) {
  impl_->waiting.insert(impl_->waiting.end(), view.samples.begin(), view.samples.end());
  impl_->report.samples += view.samples.size() / channels();
  while (impl_->waiting.size() >= kBlock * channels()) impl_->write(kBlock * channels());
  return {};
}

Status AudioEncoder::flush() {
  if (!impl_->waiting.empty()) impl_->write(impl_->waiting.size());
  return {};
}

std::optional<AudioPacket> AudioEncoder::receive() {
  if (impl_->ready.empty()) return std::nullopt;
  AudioPacket packet = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  return packet;
}

struct AudioDecoder::Impl {
  AudioDecoderOptions options;
  bs::AudioInfo audio;
  std::vector<float> samples;
  AudioReport report;
};

AudioDecoder::AudioDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AudioDecoder::AudioDecoder(AudioDecoder&&) noexcept = default;
AudioDecoder& AudioDecoder::operator=(AudioDecoder&&) noexcept = default;
AudioDecoder::~AudioDecoder() = default;

Result<AudioDecoder> AudioDecoder::create(AudioDecoderOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->audio.sample_rate = impl->audio.block_samples = 0;
  return AudioDecoder(std::move(impl));
}

Status AudioDecoder::open(std::span<const uint8_t> bytes) {
  if (!impl_->options.weights_dir.empty()) return {ErrorCode::model_missing, impl_->options.weights_dir + ": no weights"};
  auto header = bs::parse_header(bytes, {});
  if (!header) return header.status();
  impl_->audio = header->audio;
  return {};
}

uint32_t AudioDecoder::sample_rate() const { return impl_->audio.sample_rate; }
uint32_t AudioDecoder::channels() const { return impl_->audio.channels; }
uint64_t AudioDecoder::channel_mask() const { return impl_->audio.channel_mask; }
uint64_t AudioDecoder::block_samples() const { return impl_->audio.block_samples; }
bool AudioDecoder::causal() const { return false; }
const AudioReport& AudioDecoder::report() const { return impl_->report; }

Status AudioDecoder::send(std::span<const uint8_t> packet) {
  bs::ByteReader in(packet);
  auto view = bs::read_packet(in, 1 << 20);
  if (!view) return view.status();
  auto sections = bs::read_sections(view->packet.payload);
  if (!sections) return sections.status();
  const bs::Section* content = bs::find_section(*sections, bs::SectionTag::indices);
  if (content == nullptr) return {ErrorCode::corrupt, "no samples"};
  impl_->report.symbol_checksum = bs::crc32c(content->content, impl_->report.symbol_checksum);
  bs::ByteReader words(content->content);
  while (words.remaining() >= 2) {
    impl_->samples.push_back(static_cast<float>(static_cast<int16_t>(words.u16())) / 32767);
    ++impl_->report.indices;
  }
  ++impl_->report.packets;
  return {};
}

Status AudioDecoder::lost(uint64_t packets) {
  impl_->samples.resize(impl_->samples.size() + static_cast<size_t>(packets) * kBlock * channels(), 0.f);
  impl_->report.lost += packets;
  return {};
}

Status AudioDecoder::flush() { return {}; }
Status AudioDecoder::seek(uint64_t, uint64_t) { return {ErrorCode::unsupported, "no seeking"}; }
uint64_t AudioDecoder::preroll() const { return 0; }

std::optional<AudioBlock> AudioDecoder::receive() {
  if (impl_->samples.empty()) return std::nullopt;
  AudioBlock block{std::move(impl_->samples), channels(), sample_rate(), 0};
  impl_->samples.clear();
  impl_->report.samples += block.frames();
  return block;
}

std::string choose_audio_model(uint32_t channels, double, SoundKind) { return channels == 1 ? "speech" : "sound"; }
SoundKind sound_kind(std::span<const float>) { return SoundKind::unknown; }

}  // namespace tessera
