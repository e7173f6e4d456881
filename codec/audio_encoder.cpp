#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/audio_payload.h"
#include "codec/audio_rate.h"
#include "codec/catalogue.h"
#include "codec/guard.h"
#include "models/audio/codes.h"
#include "models/audio/stream.h"

namespace tessera {
namespace {

using models::audio::SpeechModel;

constexpr double kBlockSeconds = 0.5;       // of a packet; twice that below kLowRate, where the framing weighs more
constexpr double kLowRate = 2500;           // bit/s
constexpr double kLowDelaySeconds = 0.026;
constexpr double kIndexSeconds = 10;        // from one entry of the index to the next
constexpr double kIndexFrom = 20;           // seconds; shorter streams go without
constexpr uint64_t kIndexEntryBytes = 6, kIndexFrameBytes = 16;  // as expected, for the budget
constexpr float kLoudest = 2;               // samples are clipped here

double default_bit_rate(const SpeechModel& model) { return model.config.channels == 2 ? 12000 : 6000; }

// Frames of a packet.
int64_t block_frames(const SpeechModel& model, double bit_rate, bool low_delay) {
  const double seconds = low_delay ? kLowDelaySeconds : bit_rate < kLowRate ? 2 * kBlockSeconds : kBlockSeconds;
  return std::max<int64_t>(1, std::llround(seconds * model.config.frame_rate()));
}

}  // namespace

std::string choose_audio_model(uint32_t channels, double bit_rate) {
  if (bit_rate > 0 && bit_rate < 3000) return "speech";
  return channels == 1 && bit_rate < 12000 ? "speech" : "sound";
}

struct AudioEncoder::Impl {
  Impl(AudioEncoderOptions wanted, std::shared_ptr<const SpeechModel> found)
      : options(std::move(wanted)),
        model(std::move(found)),
        bit_rate(options.bit_rate > 0 ? options.bit_rate : default_bit_rate(*model)),
        block(block_frames(*model, bit_rate, options.low_delay)),
        analysis(model, block),
        search(model),
        rate(bit_rate, static_cast<double>(model->config.sample_rate)) {}

  AudioEncoderOptions options;
  std::shared_ptr<const SpeechModel> model;
  double bit_rate;
  int64_t block;  // frames of a packet
  models::audio::AnalysisStream analysis;
  models::audio::CodeSearch search;
  RateControl rate;
  std::vector<uint8_t> header;
  std::vector<float> clean;    // what is sent, without NaN, in the model's channels
  std::vector<float> latents;  // of frames that wait for their packet
  std::deque<AudioPacket> ready;
  std::vector<bitstream::IndexEntry> entries;
  std::vector<uint8_t> checksums;
  AudioReport report;
  uint64_t sent = 0, position = 0;  // samples taken in; samples in finished packets, priming included
  uint64_t next_entry = 0;          // sample from which the next packet gets an entry
  int64_t last_levels = 1;
  double level_frames = 0, coded_frames = 0;
  bool finished = false;

  uint64_t hop() const { return static_cast<uint64_t>(model->config.hop); }
  uint64_t block_samples() const { return static_cast<uint64_t>(block) * hop(); }
  uint64_t rate_in() const { return static_cast<uint64_t>(model->config.sample_rate); }

  Status start();
  void take(std::span<const float> samples);
  void write_packets(bool end);
  void write_packet(std::span<const float> frames, std::optional<uint64_t> samples, bool last);
  AudioSymbols choose(std::span<const float> frames, size_t room, CodedIndices& coded);
  void write_index();
};

Status AudioEncoder::Impl::start() {
  bitstream::FileHeader h;
  h.kind = bitstream::MediaKind::audio;
  h.model_name = model->name;
  h.model_revision = model->revision;
  h.model_hash = model->hash;
  h.audio.sample_rate = static_cast<uint32_t>(model->config.sample_rate);
  h.audio.channels = std::min(options.channels, static_cast<uint32_t>(model->config.channels));
  h.audio.channel_mask = h.audio.channels == 1 ? 0x4 : 0x3;
  h.audio.bit_depth = static_cast<uint8_t>(options.source_bit_depth);
  h.audio.block_samples = static_cast<uint32_t>(block_samples());
  h.audio.priming = static_cast<uint64_t>(models::audio::priming(model->config));
  bitstream::ByteWriter out;
  TESSERA_RETURN_IF_ERROR(bitstream::write_header(out, h));
  header = out.take();
  rate.spend(header.size(), 0);
  report.bytes = header.size();
  next_entry = static_cast<uint64_t>(kIndexSeconds * static_cast<double>(rate_in()));
  return {};
}

void AudioEncoder::Impl::take(std::span<const float> samples) {
  const bool from_two = options.channels == 2, to_two = model->config.channels == 2;
  clean.clear();
  const auto tidy = [&](float v) {
    if (std::isfinite(v)) return std::clamp(v, -kLoudest, kLoudest);
    ++report.replaced;
    return 0.f;
  };
  for (size_t i = 0; i < samples.size(); i += options.channels) {
    const float left = tidy(samples[i]), right = from_two ? tidy(samples[i + 1]) : left;
    if (to_two) {
      clean.push_back(left);
      clean.push_back(right);
    } else {
      clean.push_back(from_two ? (left + right) * 0.5f : left);
    }
  }
  const uint64_t frames = samples.size() / options.channels;
  sent += frames;
  report.samples += frames;
  analysis.push(clean, latents);
}

// The most levels, and extra levels of single frames, that fit into `room` bytes; one level at least.
AudioSymbols AudioEncoder::Impl::choose(std::span<const float> frames, size_t room, CodedIndices& coded) {
  const models::QuantizerConfig& q = model->config.quantizer;
  search.begin(frames);
  AudioSymbols s;
  s.frames = search.frames();
  const auto code = [&](int64_t levels) { return code_indices(*model, search.indices(levels), s.frames, levels); };
  int64_t levels = std::clamp<int64_t>(last_levels, 1, q.levels);
  coded = code(levels);
  while (coded.bytes.size() > room && levels > 1) coded = code(--levels);
  while (levels < q.levels) {
    CodedIndices more = code(levels + 1);
    if (more.bytes.size() > room) break;
    coded = std::move(more);
    ++levels;
  }
  last_levels = levels;
  s.levels = levels;
  s.indices = search.indices(levels);
  if (levels < q.levels && room > coded.bytes.size()) {
    const int64_t bits = 8 * static_cast<int64_t>(room - coded.bytes.size());
    s.extra = std::min(s.frames - 1, bits / (q.groups * index_bits(q.codes)));
  }
  if (s.extra > 0) {
    const std::span<const uint16_t> level = search.level(levels);
    for (int64_t t = 0; t < s.frames; ++t) {
      if (has_extra(t, s.frames, s.extra)) s.more.insert(s.more.end(), level.begin() + t * q.groups, level.begin() + (t + 1) * q.groups);
    }
  }
  return s;
}

void AudioEncoder::Impl::write_packet(std::span<const float> frames, std::optional<uint64_t> samples, bool last) {
  const uint64_t length = samples.value_or(block_samples());
  const bool entry = options.index && position >= next_entry;
  if (entry) rate.spend(kIndexEntryBytes + (entries.empty() ? kIndexFrameBytes : 0), 0);
  const double bits = rate.budget(length, last);
  const size_t framing = 4 + (bits > 8 * 130 ? 1 : 0) + (entry ? bitstream::varint_size(position) : 0);  // head, length, checksum, time
  const double room = std::floor(bits / 8) - static_cast<double>(framing + payload_overhead(samples, options.checksum));
  CodedIndices coded;
  const AudioSymbols symbols = choose(frames, room > 0 ? static_cast<size_t>(room) : 0, coded);
  const std::vector<uint8_t> payload = audio_payload(*model, symbols, coded, samples, options.checksum);
  bitstream::ByteWriter out;
  bitstream::Packet packet;
  packet.payload = payload;
  packet.short_checksum = payload.size() <= bitstream::kMaxShortPayload;
  if (entry) packet.time_stamp = position;
  if (const Status status = bitstream::write_packet(out, packet); !status.ok()) throw Failure{status};
  if (entry) {
    entries.push_back({report.bytes, position});
    next_entry = position + static_cast<uint64_t>(kIndexSeconds * static_cast<double>(rate_in()));
  }
  rate.spend(out.size(), length);
  const uint32_t crc = checksum_of(symbols);
  report.symbol_checksum = bitstream::crc32c(std::vector<uint8_t>{static_cast<uint8_t>(crc), static_cast<uint8_t>(crc >> 8), static_cast<uint8_t>(crc >> 16),
                                                                  static_cast<uint8_t>(crc >> 24)},
                                             report.symbol_checksum);
  report.indices += symbols.indices.size() + symbols.more.size();
  level_frames += static_cast<double>(symbols.levels * symbols.frames + symbols.extra);
  coded_frames += static_cast<double>(symbols.frames);
  report.levels = level_frames / coded_frames;
  ++report.packets;
  report.bytes += out.size();
  ready.push_back({out.take(), position, false});
  position += length;
}

void AudioEncoder::Impl::write_packets(bool end) {
  const auto whole = static_cast<size_t>(block * model->config.quantizer.dim);
  const uint64_t total = sent == 0 ? 0 : sent + static_cast<uint64_t>(models::audio::priming(model->config));
  size_t used = 0;
  for (; latents.size() - used >= whole; used += whole) {
    // A block that is complete in frames lacks samples at most at the very end.
    const uint64_t left = end ? total - position : block_samples();
    const bool last = end && left <= block_samples();
    write_packet(std::span(latents).subspan(used, whole), left < block_samples() ? std::optional(left) : std::nullopt, last);
  }
  latents.erase(latents.begin(), latents.begin() + static_cast<ptrdiff_t>(used));
  if (end && !latents.empty()) {
    write_packet(latents, total - position, true);
    latents.clear();
  }
}

void AudioEncoder::Impl::write_index() {
  if (entries.empty() || static_cast<double>(sent) < kIndexFrom * static_cast<double>(rate_in())) return;
  bitstream::ByteWriter out;
  if (const Status status = bitstream::write_index(out, entries); !status.ok()) throw Failure{status};
  report.bytes += out.size();
  ready.push_back({out.take(), position, true});
}

AudioEncoder::AudioEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AudioEncoder::AudioEncoder(AudioEncoder&&) noexcept = default;
AudioEncoder& AudioEncoder::operator=(AudioEncoder&&) noexcept = default;
AudioEncoder::~AudioEncoder() = default;

Result<AudioEncoder> AudioEncoder::create(AudioEncoderOptions options) {
  if (options.channels < 1 || options.channels > 2) return {ErrorCode::invalid_argument, "sound is coded in one or two channels"};
  if (!(options.bit_rate >= 0)) return {ErrorCode::invalid_argument, "the bit rate must be positive"};
  if (options.source_bit_depth < 1 || options.source_bit_depth > 32) return {ErrorCode::invalid_argument, "the source's bit depth is not in 1..32"};
  std::unique_ptr<Impl> impl;
  const Status status = guarded(Device::cpu, [&]() -> Status {
    const std::string folder = weights_folder(options.weights_dir);
    std::shared_ptr<const SpeechModel> model;
    if (options.low_delay) {
      try {
        model = find_audio_model(folder, options.model + "-live", {});
      } catch (const Failure&) {
        // No causal variant: the ordinary model works with small packets as well.
      }
    }
    if (!model) model = find_audio_model(folder, options.model, {});
    impl = std::make_unique<Impl>(std::move(options), model);
    const models::audio::SpeechConfig& c = model->config;
    const double least = 0.7 * c.bit_rate(1), most = 1.2 * c.bit_rate(c.quantizer.levels);
    if (!(impl->bit_rate >= least && impl->bit_rate <= most)) {
      return {ErrorCode::invalid_argument, "model " + model->name + " works from " + std::to_string(std::lround(least)) + " to " +
                                               std::to_string(std::lround(most)) + " bit/s, not at " + std::to_string(std::llround(impl->bit_rate))};
    }
    return impl->start();
  });
  if (!status.ok()) return status;
  return AudioEncoder(std::move(impl));
}

uint32_t AudioEncoder::sample_rate() const { return static_cast<uint32_t>(impl_->rate_in()); }
uint32_t AudioEncoder::channels() const { return impl_->options.channels; }
double AudioEncoder::bit_rate() const { return impl_->bit_rate; }
const std::vector<uint8_t>& AudioEncoder::header() const { return impl_->header; }
const AudioReport& AudioEncoder::report() const { return impl_->report; }

double AudioEncoder::delay() const {
  const models::audio::SpeechConfig& c = impl_->model->config;
  const int64_t ahead = models::audio::encoder_reach(c).after + models::audio::decoder_reach(c).after;
  const int64_t transforms = c.window - c.hop;  // half a window each, or a whole one where no frame sees a later one
  return static_cast<double>((impl_->block + ahead) * c.hop + transforms) / static_cast<double>(c.sample_rate);
}

Status AudioEncoder::send(const AudioView& view) {
  if (impl_->finished) return {ErrorCode::invalid_argument, "samples after the end of the sound"};
  if (view.channels != impl_->options.channels || view.sample_rate != sample_rate() || view.samples.size() % view.channels != 0) {
    return {ErrorCode::invalid_argument, "the samples are not " + std::to_string(impl_->options.channels) + " channels at " +
                                             std::to_string(sample_rate()) + " Hz"};
  }
  return guarded(Device::cpu, [&]() -> Status {
    at::set_num_threads(1);
    // In pieces: a caller's hours are not held a second time.
    const size_t piece = static_cast<size_t>(impl_->block_samples()) * view.channels;
    for (size_t at = 0; at < view.samples.size(); at += piece) {
      impl_->take(view.samples.subspan(at, std::min(piece, view.samples.size() - at)));
      impl_->write_packets(false);
    }
    return {};
  });
}

Status AudioEncoder::flush() {
  if (impl_->finished) return {ErrorCode::invalid_argument, "the sound has ended already"};
  impl_->finished = true;
  return guarded(Device::cpu, [&]() -> Status {
    at::set_num_threads(1);
    impl_->analysis.finish(impl_->latents);
    impl_->write_packets(true);
    impl_->write_index();
    return {};
  });
}

std::optional<AudioPacket> AudioEncoder::receive() {
  if (impl_->ready.empty()) return std::nullopt;
  AudioPacket packet = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  return packet;
}

}  // namespace tessera
