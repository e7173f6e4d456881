#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "bitstream/crc.h"
#include "bitstream/header.h"
#include "bitstream/packet.h"
#include "bitstream/stream_reader.h"
#include "codec/audio_payload.h"
#include "codec/bayes_payload.h"
#include "codec/bayes_sound.h"
#include "codec/catalogue.h"
#include "codec/concealment.h"
#include "codec/guard.h"
#include "models/audio/stream.h"
#include "models/time_limit.h"

namespace tessera {
namespace {

using models::audio::SpeechModel;

constexpr int64_t kMaxBlock = 4096;                  // frames of a packet: bounds the memory
// Of lost sound that is filled in at once; a longer gap is a damaged time stamp. It bounds what a packet of some dozen bytes may ask for: 115 MB
// of samples, at 48 kHz and two channels.
constexpr uint64_t kMaxGapSeconds = 300;
// Samples to be dropped at the end are held back until it is known: they are memory that grows with the stream.
constexpr uint64_t kMaxTrailing = uint64_t{1} << 20;

}  // namespace

struct AudioDecoder::Impl {
  AudioDecoderOptions options;
  bitstream::FileHeader header;
  std::shared_ptr<const SpeechModel> model;
  std::unique_ptr<models::audio::SynthesisStream> synthesis;
  Concealment concealment;
  std::vector<float> raw;      // what the network gave and was not passed on yet, in its channels
  std::vector<float> samples;  // ready for receive(), in the stream's channels
  uint64_t samples_time = 0;   // of samples[0], in samples of the sound
  uint64_t made = 0;           // samples that left the network, on the stream's time line (priming included)
  uint64_t next_time = 0;      // of the next packet
  uint64_t end = std::numeric_limits<uint64_t>::max();  // of the time line, once the last packet is there
  uint64_t first = 0;          // samples of the sound before it are dropped
  AudioReport report;
  double level_frames = 0, coded_frames = 0;
  models::Clock::time_point time_end = models::kNever;  // of the time that the limit leaves
  bool opened = false, finished = false;

  uint64_t block() const { return header.audio.block_samples; }
  Status open(std::span<const uint8_t> bytes);
  Status decode(std::span<const uint8_t> packet);
  void conceal(uint64_t packets);
  void synthesise(std::span<const float> latents);
  void pass_on();
  void restart(uint64_t packet_time);
};

Status AudioDecoder::Impl::open(std::span<const uint8_t> bytes) {
  time_end = models::end_after(options.max_seconds);
  auto parsed = bitstream::parse_header(bytes, {});
  if (!parsed) return parsed.status();
  if (parsed->kind != bitstream::MediaKind::audio) {
    return {ErrorCode::unsupported, std::string("the stream holds ") + bitstream::media_name(parsed->kind) + ", not sound"};
  }
  if (parsed->audio.trailing > kMaxTrailing) {
    return {ErrorCode::limit, std::to_string(parsed->audio.trailing) + " samples to drop at the end, the limit is " + std::to_string(kMaxTrailing)};
  }
  model = find_audio_model(weights_folder(options.weights_dir), parsed->model_name, parsed->model_hash);
  header = std::move(*parsed);
  const models::audio::SpeechConfig& c = model->config;
  const auto hop = static_cast<uint32_t>(c.hop);
  const bitstream::AudioInfo& a = header.audio;
  if (a.sample_rate != static_cast<uint32_t>(c.sample_rate) || a.channels > static_cast<uint32_t>(c.channels) || a.block_samples % hop != 0 ||
      a.block_samples / hop > kMaxBlock || a.priming != static_cast<uint64_t>(models::audio::priming(c))) {
    return {ErrorCode::corrupt, "the stream's header contradicts its model " + model->name};
  }
  const int64_t frames = a.block_samples / hop;
  if (!options.symbols_only) synthesis = std::make_unique<models::audio::SynthesisStream>(model, frames);
  opened = true;
  restart(0);
  return {};
}

void AudioDecoder::Impl::restart(uint64_t packet_time) {
  if (synthesis) synthesis->reset();
  concealment = Concealment(static_cast<double>(header.audio.sample_rate), model->config.quantizer.dim);
  raw.clear();
  samples.clear();
  made = next_time = packet_time;
  end = std::numeric_limits<uint64_t>::max();
  finished = false;
}

void AudioDecoder::Impl::synthesise(std::span<const float> latents) {
  if (!synthesis) return;
  synthesis->push(latents, raw);
  pass_on();
}

// Fades what was lost, and moves the samples between priming and end, in the stream's channels.
void AudioDecoder::Impl::pass_on() {
  const auto wide = static_cast<size_t>(model->config.channels);
  const size_t count = raw.size() / wide;
  const uint64_t priming = header.audio.priming;
  // A causal network answers a packet's frames one window later.
  concealment.fade(raw, wide, made, model->config.causal ? priming : 0);
  for (size_t i = 0; i < count; ++i, ++made) {
    if (made < priming || made >= end || made - priming < first) continue;
    if (samples.empty()) samples_time = made - priming;
    if (header.audio.channels == wide) {
      samples.insert(samples.end(), raw.begin() + static_cast<ptrdiff_t>(i * wide), raw.begin() + static_cast<ptrdiff_t>((i + 1) * wide));
    } else {
      // One of the two, not their mean: the losses hear magnitudes only, so what the network makes of equal channels agrees in its spectrum and not
      // in its waveform, and a mean would be 3 dB too low (docs/results/audio.md).
      samples.push_back(raw[2 * i]);
    }
  }
  raw.clear();
}

void AudioDecoder::Impl::conceal(uint64_t packets) {
  if (end != std::numeric_limits<uint64_t>::max()) return;  // nothing follows the last packet
  for (; packets > 0; --packets) {
    const int64_t frames = static_cast<int64_t>(block()) / model->config.hop;
    models::check_time();
    concealment.lose(next_time, block());
    synthesise(concealment.extrapolate(frames));
    next_time += block();
    ++report.lost;
  }
}

Status AudioDecoder::Impl::decode(std::span<const uint8_t> bytes) {
  bitstream::ByteReader in(bytes);
  auto view = bitstream::read_packet(in, bitstream::kMaxAudioPayload);
  if (!view) return view.status();
  if (view->packet.kind == bitstream::PacketKind::index) {  // with its footer
    report.bytes += bytes.size();
    return {};
  }
  if (!in.at_end()) return {ErrorCode::corrupt, "bytes after a packet"};
  if (view->packet.kind == bitstream::PacketKind::predicted) return {ErrorCode::corrupt, "predicted packet in a stream of sound"};
  report.bytes += bytes.size();
  if (view->packet.kind != bitstream::PacketKind::key) return {};
  if (end != std::numeric_limits<uint64_t>::max()) return {ErrorCode::corrupt, "a packet after the last one"};
  const uint64_t time = view->packet.time_stamp.value_or(next_time);
  // The number of lost packets may have been a guess that was too large: then the sound goes on from here.
  const bool earlier = time < next_time && report.lost > 0;
  const uint64_t gap = earlier ? 0 : time - next_time;
  if ((time < next_time && !earlier) || gap % block() != 0 || gap > kMaxGapSeconds * header.audio.sample_rate) {
    return {ErrorCode::corrupt, "a packet's time stamp of " + std::to_string(time) + " does not follow " + std::to_string(next_time)};
  }
  auto parsed = parse_audio_payload(*model, view->packet.payload, 0, block());
  if (!parsed) return parsed.status();
  conceal(gap / block());
  const AudioSymbols& symbols = parsed->symbols;
  if (parsed->samples < block()) end = next_time + parsed->samples;
  const std::vector<float> latents = options.symbols_only ? std::vector<float>() : latents_of(*model, symbols);
  if (!options.symbols_only) {
    concealment.remember(latents);
    synthesise(latents);
  }
  next_time += parsed->samples;
  const uint32_t crc = parsed->checksum;
  report.symbol_checksum = bitstream::crc32c(std::vector<uint8_t>{static_cast<uint8_t>(crc), static_cast<uint8_t>(crc >> 8), static_cast<uint8_t>(crc >> 16),
                                                                  static_cast<uint8_t>(crc >> 24)},
                                             report.symbol_checksum);
  report.indices += symbols.indices.size() + symbols.more.size();
  level_frames += static_cast<double>(symbols.levels * symbols.frames + symbols.extra);
  coded_frames += static_cast<double>(symbols.frames);
  report.levels = level_frames / coded_frames;
  ++report.packets;
  report.checked += parsed->checked ? 1 : 0;
  return {};
}

AudioDecoder::AudioDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AudioDecoder::AudioDecoder(AudioDecoder&&) noexcept = default;
AudioDecoder& AudioDecoder::operator=(AudioDecoder&&) noexcept = default;
AudioDecoder::~AudioDecoder() = default;

Result<AudioDecoder> AudioDecoder::create(AudioDecoderOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  return AudioDecoder(std::move(impl));
}

namespace {

Status not_open() { return {ErrorCode::invalid_argument, "the decoder has seen no header, or the end already"}; }

}  // namespace

Status AudioDecoder::open(std::span<const uint8_t> header) {
  if (impl_->opened) return {ErrorCode::invalid_argument, "the decoder has a header already"};
  return guarded(Device::cpu, [&]() -> Status {
    auto parsed = bitstream::parse_header(header, {});
    if (!parsed || parsed->kind != bitstream::MediaKind::audio || parsed->model_name != kBayesSound) return impl_->open(header);
    impl_->time_end = models::end_after(impl_->options.max_seconds);
    bayes_ = std::make_shared<BayesSoundDecoder>(impl_->options, *parsed);
    impl_->header = std::move(*parsed);
    impl_->opened = true;
    return {};
  });
}

uint32_t AudioDecoder::sample_rate() const { return impl_->header.audio.sample_rate; }
uint32_t AudioDecoder::channels() const { return impl_->header.audio.channels; }
uint64_t AudioDecoder::channel_mask() const { return impl_->header.audio.channel_mask; }
uint64_t AudioDecoder::block_samples() const { return impl_->block(); }
bool AudioDecoder::causal() const { return impl_->model && impl_->model->config.causal; }
const AudioReport& AudioDecoder::report() const { return bayes_ ? bayes_->report() : impl_->report; }

Status AudioDecoder::send(std::span<const uint8_t> packet) {
  if (!impl_->opened || impl_->finished) return not_open();
  return guarded(Device::cpu, [&] {
    const models::TimeLimit time(impl_->time_end);
    models::check_time();
    if (bayes_) return bayes_->send(packet);
    at::set_num_threads(1);
    return impl_->decode(packet);
  });
}

Status AudioDecoder::lost(uint64_t packets) {
  if (!impl_->opened || impl_->finished) return not_open();
  if (packets > kMaxGapSeconds * impl_->header.audio.sample_rate / impl_->block() + 1) {
    return {ErrorCode::invalid_argument, "more than five minutes of lost packets"};
  }
  return guarded(Device::cpu, [&]() -> Status {
    if (bayes_) {
      bayes_->lost(packets);
      return {};
    }
    const models::TimeLimit time(impl_->time_end);
    at::set_num_threads(1);
    impl_->conceal(packets);
    return {};
  });
}

Status AudioDecoder::flush() {
  if (!impl_->opened || impl_->finished) return not_open();
  impl_->finished = true;
  if (bayes_) return {};
  return guarded(Device::cpu, [&]() -> Status {
    at::set_num_threads(1);
    Impl& d = *impl_;
    if (!d.synthesis) return {};
    // A container may also announce samples to drop at the end.
    d.end = std::min(d.end, d.next_time);
    d.end -= std::min(d.end, d.header.audio.trailing);
    d.synthesis->finish(d.raw);
    d.pass_on();
    return {};
  });
}

std::optional<AudioBlock> AudioDecoder::receive() {
  Impl& d = *impl_;
  if (!d.opened) return std::nullopt;
  if (bayes_) return bayes_->receive();
  // Held back until the end is known: samples that the header wants dropped there.
  const size_t held = d.finished ? 0 : static_cast<size_t>(std::min<uint64_t>(d.header.audio.trailing, d.samples.size())) * d.header.audio.channels;
  if (d.samples.size() <= held) return std::nullopt;
  AudioBlock block;
  block.channels = d.header.audio.channels;
  block.sample_rate = d.header.audio.sample_rate;
  block.time = d.samples_time;
  const auto cut = d.samples.end() - static_cast<ptrdiff_t>(held);
  block.samples.assign(d.samples.begin(), cut);
  d.samples.erase(d.samples.begin(), cut);
  d.samples_time += block.frames();
  d.report.samples += block.frames();
  return block;
}

uint64_t AudioDecoder::preroll() const {
  if (!impl_->opened || bayes_) return 0;
  const models::audio::SpeechConfig& c = impl_->model->config;
  const models::audio::Reach reach = models::audio::decoder_reach(c);
  return static_cast<uint64_t>((reach.before + reach.after) * c.hop + c.window);
}

Status AudioDecoder::seek(uint64_t packet_time, uint64_t first) {
  if (!impl_->opened) return not_open();
  return guarded(Device::cpu, [&]() -> Status {
    if (bayes_) {
      bayes_->seek(packet_time, first);
      impl_->finished = false;
      return {};
    }
    impl_->restart(packet_time);
    impl_->first = first;
    return {};
  });
}

}  // namespace tessera
