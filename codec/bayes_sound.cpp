#include "codec/bayes_sound.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "bitstream/crc.h"
#include "bitstream/packet.h"
#include "bitstream/stream_reader.h"
#include "codec/bayes_encode.h"
#include "codec/catalogue.h"
#include "codec/guard.h"
#include "models/inr/bayes/synthesis.h"

namespace tessera {
namespace {

namespace bayes = models::inr::bayes;

constexpr float kLoudest = 2;               // samples are clipped here
constexpr uint64_t kMaxGapSeconds = 300;    // of lost sound that is filled in

void must(const Status& status) {
  if (!status.ok()) throw Failure{status};
}

// The checksum of all packets so far, with one more.
uint32_t joined(uint32_t so_far, uint32_t crc) {
  return bitstream::crc32c(std::vector<uint8_t>{static_cast<uint8_t>(crc), static_cast<uint8_t>(crc >> 8), static_cast<uint8_t>(crc >> 16), static_cast<uint8_t>(crc >> 24)}, so_far);
}

}  // namespace

BayesSoundEncoder::BayesSoundEncoder(AudioEncoderOptions options) : options_(std::move(options)) {
  if (options_.quality < 0 || options_.quality > 63) throw Failure{{ErrorCode::invalid_argument, "quality must be from 0 to 63"}};
  prior_ = find_prior(weights_folder(options_.weights_dir), kBayesSound, {});
  bitstream::FileHeader h;
  h.kind = bitstream::MediaKind::audio;
  h.model_name = prior_->name;
  h.model_revision = prior_->revision;
  h.model_hash = prior_->hash;
  h.quality = static_cast<uint8_t>(options_.quality);
  h.audio.sample_rate = kBayesRate;
  h.audio.channels = 1;
  h.audio.channel_mask = 0x4;
  h.audio.bit_depth = static_cast<uint8_t>(options_.source_bit_depth);
  h.audio.block_samples = kBayesBlock;
  bitstream::ByteWriter out;
  must(bitstream::write_header(out, h));
  header_ = out.take();
  report_.bytes = header_.size();
}

Status BayesSoundEncoder::send(std::span<const float> samples) {
  if (finished_) return {ErrorCode::invalid_argument, "samples after the end of the sound"};
  const size_t channels = options_.channels;
  if (report_.samples + samples.size() / channels > uint64_t{kBayesSeconds} * kBayesRate) {
    return {ErrorCode::limit, "the codec bayes is for snippets of at most " + std::to_string(kBayesSeconds) + " seconds"};
  }
  return guarded(Device::cpu, [&]() -> Status {
    for (size_t i = 0; i < samples.size(); i += channels) {
      float sum = 0;
      for (size_t c = 0; c < channels; ++c) {
        const bool usable = std::isfinite(samples[i + c]);
        report_.replaced += usable ? 0 : 1;
        sum += usable ? std::clamp(samples[i + c], -kLoudest, kLoudest) : 0;
      }
      waiting_.push_back(sum / static_cast<float>(channels));
    }
    report_.samples += samples.size() / channels;
    while (waiting_.size() >= kBayesBlock) {
      code(std::span(waiting_).first(kBayesBlock));
      waiting_.erase(waiting_.begin(), waiting_.begin() + kBayesBlock);
    }
    return {};
  });
}

Status BayesSoundEncoder::flush() {
  if (finished_) return {ErrorCode::invalid_argument, "the sound has ended already"};
  finished_ = true;
  return guarded(Device::cpu, [&]() -> Status {
    if (!waiting_.empty()) code(waiting_);
    waiting_.clear();
    return {};
  });
}

void BayesSoundEncoder::code(std::span<const float> samples) {
  const auto count = static_cast<int64_t>(samples.size());
  const at::Tensor x = at::tensor(std::vector<float>(samples.begin(), samples.end())).view({1, 1, count});
  BayesRequest request{.quality = options_.quality, .effort = options_.effort};
  if (options_.bit_rate > 0) request.bits = options_.bit_rate * static_cast<double>(count) / kBayesRate;
  Report fitted;
  const BayesCoded coded = encode_bayes(prior_, x, request, fitted);

  std::vector<bitstream::Section> sections;
  bitstream::ByteWriter side;
  if (samples.size() < kBayesBlock) {
    side.varint(samples.size());
    sections.push_back({bitstream::SectionTag::side, side.view()});
  }
  const std::vector<uint8_t> blocks = write_blocks(coded.blocks), stored = bitstream::checksum_content(coded.latents.checksum);
  sections.push_back({bitstream::SectionTag::blocks, blocks});
  if (options_.checksum) sections.push_back({bitstream::SectionTag::checksum, stored});
  bitstream::ByteWriter payload, out;
  bitstream::write_sections(payload, sections);
  bitstream::Packet packet;
  packet.payload = payload.view();
  packet.short_checksum = payload.size() <= bitstream::kMaxShortPayload;
  if (coded.quality != options_.quality) packet.quality = static_cast<uint8_t>(coded.quality);
  must(bitstream::write_packet(out, packet));
  report_.symbol_checksum = joined(report_.symbol_checksum, coded.latents.checksum);
  report_.indices += coded.blocks.indices.size();
  ++report_.packets;
  report_.bytes += out.size();
  ready_.push_back({out.take(), position_, false});
  position_ += samples.size();
}

std::optional<AudioPacket> BayesSoundEncoder::receive() {
  if (ready_.empty()) return std::nullopt;
  AudioPacket packet = std::move(ready_.front());
  ready_.pop_front();
  return packet;
}

BayesSoundDecoder::BayesSoundDecoder(const AudioDecoderOptions& options, const bitstream::FileHeader& header) : options_(options), header_(header) {
  prior_ = find_prior(weights_folder(options.weights_dir), header.model_name, header.model_hash);
  const bitstream::AudioInfo& a = header.audio;
  if (a.sample_rate != kBayesRate || a.channels != 1 || a.block_samples > kBayesBlock || a.priming != 0 || a.trailing != 0) {
    throw Failure{{ErrorCode::corrupt, "the stream's header contradicts its model " + prior_->name}};
  }
}

void BayesSoundDecoder::pass_on(std::span<const float> samples) {
  for (const float v : samples) {
    if (next_++ < first_ || options_.symbols_only) continue;
    if (samples_.empty()) samples_time_ = next_ - 1;
    samples_.push_back(v);
  }
}

void BayesSoundDecoder::lost(uint64_t packets) {
  if (ended_) return;  // nothing follows the last packet
  const std::vector<float> silence(block());
  for (; packets > 0; --packets) {
    pass_on(silence);
    ++report_.lost;
  }
}

Status BayesSoundDecoder::send(std::span<const uint8_t> bytes) {
  return guarded(Device::cpu, [&]() -> Status {
    bitstream::ByteReader in(bytes);
    auto view = bitstream::read_packet(in, bitstream::kMaxAudioPayload);
    if (!view) return view.status();
    report_.bytes += bytes.size();
    if (view->packet.kind == bitstream::PacketKind::index) return {};
    if (!in.at_end()) return {ErrorCode::corrupt, "bytes after a packet"};
    if (view->packet.kind == bitstream::PacketKind::predicted) return {ErrorCode::corrupt, "predicted packet in a stream of sound"};
    if (view->packet.kind != bitstream::PacketKind::key) return {};
    if (ended_) return {ErrorCode::corrupt, "a packet after the last one"};
    const uint64_t time = view->packet.time_stamp.value_or(next_);
    const bool earlier = time < next_ && report_.lost > 0;  // the number of lost packets was guessed too large
    const uint64_t gap = earlier ? 0 : time - next_;
    if ((time < next_ && !earlier) || gap % block() != 0 || gap > kMaxGapSeconds * kBayesRate) {
      return {ErrorCode::corrupt, "a packet's time stamp of " + std::to_string(time) + " does not follow " + std::to_string(next_)};
    }
    const auto sections = bitstream::read_sections(view->packet.payload, 0);
    if (!sections) return sections.status();
    uint64_t count = block();
    if (const bitstream::Section* side = bitstream::find_section(*sections, bitstream::SectionTag::side)) {
      bitstream::ByteReader length(side->content);
      count = length.varint();
      if (!length.ok() || !length.at_end() || count < 1 || count >= block()) return {ErrorCode::corrupt, "the last packet's number of samples is damaged"};
    }
    const int quality = view->packet.quality.value_or(header_.quality);
    const bayes::Layout layout(prior_->geometry, 1, static_cast<int64_t>(count));
    Report read;
    const BayesLatents latents = read_bayes(*prior_, layout, quality, false, *sections, read);
    lost(gap / block());
    if (options_.symbols_only) {
      next_ += count;
    } else {
      pass_on(bayes::synthesise(*prior_, layout, latents.values, bayes_weight(*prior_, quality)));
    }
    ended_ = count < block();
    report_.symbol_checksum = joined(report_.symbol_checksum, latents.checksum);
    report_.indices += read.symbols_coded;
    ++report_.packets;
    report_.checked += bitstream::find_section(*sections, bitstream::SectionTag::checksum) != nullptr;
    return {};
  });
}

std::optional<AudioBlock> BayesSoundDecoder::receive() {
  if (samples_.empty()) return std::nullopt;
  AudioBlock block;
  block.channels = 1;
  block.sample_rate = kBayesRate;
  block.time = samples_time_;
  block.samples = std::move(samples_);
  samples_.clear();
  report_.samples += block.samples.size();
  return block;
}

void BayesSoundDecoder::seek(uint64_t packet_time, uint64_t first) {
  samples_.clear();
  next_ = packet_time;
  first_ = first;
  ended_ = false;
}

}  // namespace tessera
