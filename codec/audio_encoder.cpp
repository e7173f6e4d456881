#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>

#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/audio_payload.h"
#include "codec/audio_rate.h"
#include "codec/audio_refine.h"
#include "codec/bayes_payload.h"
#include "codec/bayes_sound.h"
#include "codec/catalogue.h"
#include "codec/guard.h"
#include "models/audio/codes.h"
#include "models/audio/sound_kind.h"
#include "models/audio/stream.h"

namespace tessera {
namespace {

using models::audio::SpeechModel;

constexpr double kBlockSeconds = 0.5;       // of a packet; twice that below kLowRate, where the framing weighs more
constexpr double kLowRate = 2500;           // bit/s
constexpr double kLowDelaySeconds = 0.026;
constexpr double kMostAhead = 60;           // seconds: bounds the memory
constexpr double kIndexSeconds = 10;        // from one entry of the index to the next
constexpr double kIndexFrom = 20;           // seconds; shorter streams go without
constexpr uint64_t kIndexEntryBytes = 6, kIndexFrameBytes = 16;  // as expected, for the budget
constexpr double kEvenness = 0.2;  // 0: a squared distance counts the same everywhere; 1: relative to the size of the packet's latents
constexpr double kPriceStep = 1.5;
constexpr double kUsualThrift = 0.9, kThriftPace = 0.2;
constexpr float kLoudest = 2;               // samples are clipped here

models::audio::IndexSearchOptions search_options_of(int effort) {
  constexpr int paths[] = {0, 1, 2, 3, 4, 6, 8, 12, 16, 32};
  models::audio::IndexSearchOptions o;
  o.paths = std::max(1, paths[effort]);
  return o;
}

// Rounds of analysis by synthesis; 0: none.
int rounds_of(const AudioEncoderOptions& options) {
  constexpr int rounds[] = {0, 0, 0, 0, 0, 0, 0, 8, 25, 80};
  return options.low_delay ? 0 : rounds[options.effort];
}

double default_bit_rate(const SpeechModel& model) { return model.config.channels == 2 ? 12000 : 6000; }

// Frames of a packet.
int64_t block_frames(const SpeechModel& model, double bit_rate, bool low_delay) {
  const double seconds = low_delay ? kLowDelaySeconds : bit_rate < kLowRate ? 2 * kBlockSeconds : kBlockSeconds;
  return std::max<int64_t>(1, std::llround(seconds * model.config.frame_rate()));
}

// A packet that waits: the bits of those behind it are known when its own are chosen.
struct Pending {
  models::audio::CodeSearch search;
  std::optional<uint64_t> samples;  // fewer than a block: the last packet
  bool last = false;
  std::vector<size_t> nearest;      // bytes of the nearest codes' indices, by levels; 0: not known yet
  std::vector<size_t> chosen;       // of those that would be transmitted
};

}  // namespace

SoundKind sound_kind(std::span<const float> samples) {
  static_assert(kSoundKindRate == models::audio::kKindRate);
  const auto features = models::audio::kind_features(samples.first(std::min<size_t>(samples.size(), size_t{10} * kSoundKindRate)));
  if (!features) return SoundKind::unknown;
  return models::audio::speech_log_odds(*features) > 0 ? SoundKind::speech : SoundKind::other;
}

std::string choose_audio_model(uint32_t channels, double bit_rate, SoundKind kind) {
  constexpr double kWaveform = 5500;  // from here on following the waveform pays (docs/results/audio.md)
  constexpr double kMostSpeech = 12000;  // more than speech-hq reaches with its levels
  if (bit_rate > 0 && bit_rate < 3000) return "speech";
  if (channels != 1 || kind == SoundKind::other) return "sound";
  if (kind == SoundKind::speech ? bit_rate > kMostSpeech : bit_rate >= kMostSpeech) return "sound";
  return bit_rate == 0 || bit_rate >= kWaveform ? "speech-hq" : "speech";
}

struct AudioEncoder::Impl {
  Impl(AudioEncoderOptions wanted, std::shared_ptr<const SpeechModel> found)
      : options(std::move(wanted)),
        model(std::move(found)),
        search(options.effort > 0 ? models::audio::index_search(*model) : std::nullopt),
        search_options(search_options_of(options.effort)),
        bit_rate(options.bit_rate > 0 ? options.bit_rate : default_bit_rate(*model)),
        block(block_frames(*model, bit_rate, options.low_delay)),
        window(wanted_window()),
        analysis(model, block),
        rate(bit_rate, static_cast<double>(model->config.sample_rate)),
        thrift(static_cast<size_t>(model->config.quantizer.levels) + 1, model->index ? kUsualThrift : 1.0) {
    if (const int rounds = rounds_of(options); rounds > 0) refiner.emplace(model, options.channels, rounds);
  }

  AudioEncoderOptions options;
  std::shared_ptr<const SpeechModel> model;
  std::optional<models::audio::IndexSearch> search;
  models::audio::IndexSearchOptions search_options;
  double bit_rate;
  int64_t block;  // frames of a packet
  size_t window;  // packets that are planned together
  models::audio::AnalysisStream analysis;
  RateControl rate;
  std::vector<uint8_t> header;
  std::vector<float> clean;    // what is sent, without NaN, in the model's channels
  std::vector<float> latents;  // of frames that wait for their packet
  std::deque<Pending> queue;
  std::deque<AudioPacket> ready;
  std::vector<bitstream::IndexEntry> entries;
  std::vector<uint8_t> checksums;
  AudioReport report;
  uint64_t sent = 0;                  // samples taken in
  uint64_t queued = 0, position = 0;  // samples in packets, waiting ones included, and in finished ones; both with priming
  uint64_t next_time = 0;           // sample from which the next packet stores its time
  uint64_t next_entry = 0;          // sample from which the next packet gets an entry
  int64_t last_levels = 1;
  double last_price = 1;            // of a byte, in squared distance of latents
  std::vector<double> thrift;       // bytes of chosen codes against those of the nearest, as learnt, by levels
  double level_frames = 0, coded_frames = 0;
  std::optional<AudioRefiner> refiner;
  std::vector<float> heard;         // for it: samples as `clean`, from sample heard_from on
  uint64_t heard_from = 0;
  std::vector<float> decoded;       // latents of the last finished frames
  bool finished = false;

  uint64_t hop() const { return static_cast<uint64_t>(model->config.hop); }
  uint64_t block_samples() const { return static_cast<uint64_t>(block) * hop(); }
  uint64_t rate_in() const { return static_cast<uint64_t>(model->config.sample_rate); }

  Status start();
  void take(std::span<const float> samples);
  void write_packets(bool end);
  size_t wanted_window() const;
  size_t nearest_size(Pending& packet, int64_t levels);
  size_t size(Pending& packet, int64_t levels);
  void enqueue(std::span<const float> frames, std::optional<uint64_t> samples, bool last);
  void write_front();
  void refine(AudioSymbols& symbols, bool no_larger);
  size_t overhead(const Pending& packet, double bits) const;
  AudioSymbols fit(Pending& packet, size_t room);
  AudioSymbols plan();
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
  next_time = static_cast<uint64_t>(options.times * static_cast<double>(rate_in()));
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
  if (refiner) heard.insert(heard.end(), clean.begin(), clean.end());
  analysis.push(clean, latents);
}

size_t AudioEncoder::Impl::wanted_window() const {
  const double seconds = static_cast<double>(block_samples()) / static_cast<double>(rate_in());
  return options.low_delay ? 1 : std::max<size_t>(1, static_cast<size_t>(std::min(options.lookahead, kMostAhead) / seconds));
}

// What the nearest codes take. Those that are transmitted take less, but for each number of levels they need a search of their own.
size_t AudioEncoder::Impl::nearest_size(Pending& packet, int64_t levels) {
  packet.nearest.resize(static_cast<size_t>(model->config.quantizer.levels) + 1, 0);
  size_t& known = packet.nearest[static_cast<size_t>(levels)];
  if (known == 0) known = code_indices(*model, packet.search.indices(levels), packet.search.frames(), levels).bytes.size();
  return known;
}

size_t AudioEncoder::Impl::size(Pending& packet, int64_t levels) {
  packet.chosen.resize(static_cast<size_t>(model->config.quantizer.levels) + 1, 0);
  size_t& known = packet.chosen[static_cast<size_t>(levels)];
  if (known == 0) known = code_indices(*model, packet.search.chosen(levels), packet.search.frames(), levels).bytes.size();
  return known;
}

// Bytes of a packet of about so many bits that are no indices.
size_t AudioEncoder::Impl::overhead(const Pending& packet, double bits) const {
  const size_t framing = 4 + (bits > 8 * 130 ? 1 : 0);  // head, length, checksum
  return framing + payload_overhead(packet.samples, options.checksum);
}

namespace {

// `levels` of all frames, and one more of `extra` of them.
AudioSymbols symbols_of(models::audio::CodeSearch& search, int64_t levels, int64_t extra, int64_t groups) {
  AudioSymbols s;
  s.frames = search.frames();
  s.levels = levels;
  s.extra = extra;
  s.indices = search.chosen(levels);
  if (extra == 0) return s;
  const std::vector<uint16_t> level = search.further(levels);
  for (int64_t t = 0; t < s.frames; ++t) {
    if (has_extra(t, s.frames, extra)) s.more.insert(s.more.end(), level.begin() + t * groups, level.begin() + (t + 1) * groups);
  }
  return s;
}

}  // namespace

// The most levels, and extra levels of single frames, that fit into `room` bytes; one level at least.
AudioSymbols AudioEncoder::Impl::fit(Pending& packet, size_t room) {
  const models::QuantizerConfig& q = model->config.quantizer;
  int64_t levels = last_levels, extra = 0;
  while (levels > 1 && size(packet, levels) > room) --levels;
  while (levels < q.levels && size(packet, levels + 1) <= room) ++levels;
  last_levels = levels;
  if (levels < q.levels && room > size(packet, levels)) {
    const int64_t bits = 8 * static_cast<int64_t>(room - size(packet, levels));
    extra = std::min(packet.search.frames() - 1, bits / (q.groups * index_bits(q.codes)));
  }
  return symbols_of(packet.search, levels, extra, q.groups);
}

// Levels for all packets that wait, as many as their bits together allow: so that a bit more would better each of them by as much. What is easy to
// code leaves its bits to what is not.
AudioSymbols AudioEncoder::Impl::plan() {
  const models::QuantizerConfig& q = model->config.quantizer;
  uint64_t samples = 0;
  for (const Pending& p : queue) samples += p.samples.value_or(block_samples());
  const double bits = rate.budget(samples, true);
  double room = bits / 8;
  for (const Pending& p : queue) room -= static_cast<double>(overhead(p, bits / static_cast<double>(queue.size())));
  const auto likely = [&](Pending& p, int64_t levels) { return thrift[static_cast<size_t>(levels)] * static_cast<double>(nearest_size(p, levels)); };
  // At a price of a byte in squared distance.
  const auto levels_at = [&](Pending& p, double price) {
    int64_t best = 1;
    double least = 1e300;
    const double weight = std::pow(p.search.distance(0) + 1e-9, -kEvenness);
    for (int64_t n = 1; n <= q.levels; ++n) {
      const double paid = price * likely(p, n);
      if (paid >= least) break;  // no distance is below zero: more levels are not even looked for
      const double cost = weight * p.search.distance(n) + paid;
      if (cost < least) least = cost, best = n;
    }
    return best;
  };
  const auto total = [&](double price) {
    double bytes = 0;
    for (Pending& p : queue) bytes += likely(p, levels_at(p, price));
    return bytes;
  };
  double low = last_price / kPriceStep, high = last_price * kPriceStep;
  for (int i = 0; i < 100 && total(low) <= room && low > 1e-12; ++i) low /= kPriceStep;
  for (int i = 0; i < 100 && total(high) > room; ++i) high *= kPriceStep;
  for (int i = 0; i < 8; ++i) {
    const double middle = std::sqrt(low * high);
    (total(middle) > room ? low : high) = middle;
  }
  last_price = high;
  Pending& front = queue.front();
  const int64_t levels = levels_at(front, high);
  const double found = static_cast<double>(size(front, levels)) / static_cast<double>(std::max<size_t>(1, nearest_size(front, levels)));
  thrift[static_cast<size_t>(levels)] += kThriftPace * (found - thrift[static_cast<size_t>(levels)]);
  // What whole levels leave goes to all packets' frames alike, as a level more of some of them.
  int64_t extra = 0;
  if (levels < q.levels) {
    int64_t frames = 0;
    for (const Pending& p : queue) frames += p.search.frames();
    const double share = 8 * (room - total(high)) / static_cast<double>(frames * q.groups * index_bits(q.codes));
    extra = static_cast<int64_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(front.search.frames()));
    extra = std::min(extra, front.search.frames() - 1);
  }
  return symbols_of(front.search, levels, extra, q.groups);
}

// Codes for the front packet that sound nearer to the source than `symbols`, with as many levels. no_larger: and of no more bytes.
void AudioEncoder::Impl::refine(AudioSymbols& symbols, bool no_larger) {
  const Pending& front = queue.front();
  const auto d = static_cast<size_t>(model->config.quantizer.dim), channels = static_cast<size_t>(model->config.channels);
  const size_t most = static_cast<size_t>(refiner->after()) * d;
  std::vector<float> future;
  for (size_t i = 1; i < queue.size() && future.size() < most; ++i) {
    // About what will be sent: the nearest codes of as many levels.
    const std::vector<float> next = models::audio::look_up(*model, queue[i].search.indices(symbols.levels), symbols.levels);
    future.insert(future.end(), next.begin(), next.begin() + static_cast<ptrdiff_t>(std::min(next.size(), most - future.size())));
  }
  const uint64_t first = (position / hop() - decoded.size() / d) * hop();
  heard.erase(heard.begin(), heard.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(first - heard_from) * channels));
  heard_from = first;
  const size_t bytes = no_larger ? code_indices(*model, symbols.indices, symbols.frames, symbols.levels).bytes.size() : 0;
  std::vector<AudioSymbols> tried;
  const auto codes = [&](std::span<const float> moved) -> AudioRefiner::Tried {
    if (tried.empty()) {
      tried.push_back(symbols);
      return {latents_of(*model, symbols), true};
    }
    models::audio::CodeSearch again(model, search ? &*search : nullptr, search_options);
    again.begin(moved);
    const AudioSymbols& s = tried.emplace_back(symbols_of(again, symbols.levels, symbols.extra, model->config.quantizer.groups));
    return {latents_of(*model, s), !no_larger || code_indices(*model, s.indices, s.frames, s.levels).bytes.size() <= bytes};
  };
  const size_t needed = (decoded.size() + front.search.latents().size() + future.size()) / d * static_cast<size_t>(hop()) * channels;
  const int best = (*refiner)({decoded, front.search.latents(), future, std::span(heard).first(std::min(heard.size(), needed))}, codes);
  symbols = std::move(tried[static_cast<size_t>(best)]);
  const std::vector<float> sent_latents = latents_of(*model, symbols);
  decoded.insert(decoded.end(), sent_latents.begin(), sent_latents.end());
  const size_t kept = static_cast<size_t>(refiner->before()) * d;
  if (decoded.size() > kept) decoded.erase(decoded.begin(), decoded.end() - static_cast<ptrdiff_t>(kept));
}

void AudioEncoder::Impl::write_front() {
  Pending& front = queue.front();
  const uint64_t length = front.samples.value_or(block_samples());
  const bool entry = options.index && position >= next_entry, timed = entry || (options.times > 0 && position >= next_time);
  if (entry) rate.spend(kIndexEntryBytes + (entries.empty() ? kIndexFrameBytes : 0), 0);
  AudioSymbols symbols;
  if (queue.size() == 1 && (window == 1 || front.last)) {
    const double bits = rate.budget(length, front.last);
    const double room = std::floor(bits / 8) - static_cast<double>(overhead(front, bits) + (timed ? bitstream::varint_size(position) : 0));
    symbols = fit(front, room > 0 ? static_cast<size_t>(room) : 0);
  } else {
    symbols = plan();
  }
  if (refiner) refine(symbols, queue.size() == 1);
  const CodedIndices coded = code_indices(*model, symbols.indices, symbols.frames, symbols.levels);
  const std::vector<uint8_t> payload = audio_payload(*model, symbols, coded, front.samples, options.checksum);
  bitstream::ByteWriter out;
  bitstream::Packet packet;
  packet.payload = payload;
  packet.short_checksum = payload.size() <= bitstream::kMaxShortPayload;
  if (timed) {
    packet.time_stamp = position;
    next_time = position + static_cast<uint64_t>(options.times * static_cast<double>(rate_in()));
  }
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
  queue.pop_front();
}

void AudioEncoder::Impl::enqueue(std::span<const float> frames, std::optional<uint64_t> samples, bool last) {
  Pending& packet = queue.emplace_back(Pending{models::audio::CodeSearch(model, search ? &*search : nullptr, search_options), samples, last, {}, {}});
  packet.search.begin(frames);
  queued += samples.value_or(block_samples());
  if (queue.size() >= window) write_front();
}

void AudioEncoder::Impl::write_packets(bool end) {
  const auto whole = static_cast<size_t>(block * model->config.quantizer.dim);
  const uint64_t total = sent == 0 ? 0 : sent + static_cast<uint64_t>(models::audio::priming(model->config));
  size_t used = 0;
  for (; latents.size() - used >= whole; used += whole) {
    // A block that is complete in frames lacks samples at most at the very end.
    const uint64_t left = end ? total - queued : block_samples();
    const bool last = end && left <= block_samples();
    enqueue(std::span(latents).subspan(used, whole), left < block_samples() ? std::optional(left) : std::nullopt, last);
  }
  latents.erase(latents.begin(), latents.begin() + static_cast<ptrdiff_t>(used));
  if (!end) return;
  if (!latents.empty()) enqueue(latents, total - queued, true);
  latents.clear();
  if (!queue.empty()) queue.back().last = true;
  while (!queue.empty()) write_front();
}

void AudioEncoder::Impl::write_index() {
  if (entries.empty() || static_cast<double>(sent) < kIndexFrom * static_cast<double>(rate_in())) return;
  bitstream::ByteWriter out;
  if (const Status status = bitstream::write_index(out, entries); !status.ok()) throw Failure{status};
  report.bytes += out.size();
  ready.push_back({out.take(), position, true});
}

AudioEncoder::AudioEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AudioEncoder::AudioEncoder(std::shared_ptr<BayesSoundEncoder> bayes) : bayes_(std::move(bayes)) {}
AudioEncoder::AudioEncoder(AudioEncoder&&) noexcept = default;
AudioEncoder& AudioEncoder::operator=(AudioEncoder&&) noexcept = default;
AudioEncoder::~AudioEncoder() = default;

Result<AudioEncoder> AudioEncoder::create(AudioEncoderOptions options) {
  if (options.channels < 1 || options.channels > 2) return {ErrorCode::invalid_argument, "sound is coded in one or two channels"};
  if (!(options.bit_rate >= 0)) return {ErrorCode::invalid_argument, "the bit rate must be positive"};
  if (!(options.lookahead >= 0)) return {ErrorCode::invalid_argument, "the look-ahead must be positive"};
  if (!(options.times >= 0 && options.times <= 3600)) return {ErrorCode::invalid_argument, "the time stamps' distance must be from 0 to 3600 seconds"};
  if (options.effort < 0 || options.effort > 9) return {ErrorCode::invalid_argument, "effort must be from 0 to 9"};
  if (options.source_bit_depth < 1 || options.source_bit_depth > 32) return {ErrorCode::invalid_argument, "the source's bit depth is not in 1..32"};
  std::unique_ptr<Impl> impl;
  std::shared_ptr<BayesSoundEncoder> bayes;
  const Status status = guarded(Device::cpu, [&]() -> Status {
    if (options.model == kBayesSound) {
      bayes = std::make_shared<BayesSoundEncoder>(std::move(options));
      return {};
    }
    const std::string folder = weights_folder(options.weights_dir);
    std::shared_ptr<const SpeechModel> model;
    if (options.low_delay) {
      try {
        model = find_audio_model(folder, options.model == "speech-hq" ? "speech-live" : options.model + "-live", {});
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
  if (bayes) return AudioEncoder(std::move(bayes));
  return AudioEncoder(std::move(impl));
}

uint32_t AudioEncoder::sample_rate() const { return bayes_ ? kBayesRate : static_cast<uint32_t>(impl_->rate_in()); }
uint32_t AudioEncoder::channels() const { return bayes_ ? bayes_->channels() : impl_->options.channels; }
double AudioEncoder::bit_rate() const { return bayes_ ? bayes_->bit_rate() : impl_->bit_rate; }
const std::vector<uint8_t>& AudioEncoder::header() const { return bayes_ ? bayes_->header() : impl_->header; }
const AudioReport& AudioEncoder::report() const { return bayes_ ? bayes_->report() : impl_->report; }

double AudioEncoder::delay() const {
  if (bayes_) return static_cast<double>(kBayesBlock) / kBayesRate;
  const models::audio::SpeechConfig& c = impl_->model->config;
  const int64_t ahead = models::audio::encoder_reach(c).after + models::audio::decoder_reach(c).after;
  const int64_t transforms = c.window - c.hop;  // half a window each, or a whole one where no frame sees a later one
  return static_cast<double>((impl_->block + ahead) * c.hop + transforms) / static_cast<double>(c.sample_rate);
}

Status AudioEncoder::send(const AudioView& view) {
  if (!bayes_ && impl_->finished) return {ErrorCode::invalid_argument, "samples after the end of the sound"};
  if (view.channels != channels() || view.sample_rate != sample_rate() || view.samples.size() % view.channels != 0) {
    return {ErrorCode::invalid_argument, "the samples are not " + std::to_string(channels()) + " channels at " +
                                             std::to_string(sample_rate()) + " Hz"};
  }
  if (bayes_) return bayes_->send(view.samples);
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
  if (bayes_) return bayes_->flush();
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
  if (bayes_) return bayes_->receive();
  if (impl_->ready.empty()) return std::nullopt;
  AudioPacket packet = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  return packet;
}

}  // namespace tessera
