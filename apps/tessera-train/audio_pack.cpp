#include "apps/tessera-train/audio_pack.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::train {
namespace {

static_assert(std::endian::native == std::endian::little, "packs are read and written in place");

constexpr char kMagic[4] = {'T', 'S', 'A', 'P'};
constexpr uint32_t kVersion = 1;

struct Header {
  char magic[4];
  uint32_t version, sample_rate, channels;
  uint64_t count, index_offset, index_hash;
};
static_assert(sizeof(Header) == 40);

struct Entry {
  uint64_t offset, length;
};

[[noreturn]] void fail(const std::string& path, const std::string& why) { throw std::runtime_error(path + ": " + why); }

}  // namespace

AudioPack read_audio_pack(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) fail(path, "cannot be opened");
  const auto size = static_cast<uint64_t>(in.tellg());
  Header h;
  in.seekg(0);
  if (size < sizeof h || !in.read(reinterpret_cast<char*>(&h), sizeof h) || std::memcmp(h.magic, kMagic, 4) != 0) fail(path, "is not an audio pack");
  if (h.version != kVersion) fail(path, "is an audio pack of another version");
  if (h.channels < 1 || h.channels > 2 || h.sample_rate < 1000 || h.sample_rate > 768000) fail(path, "has an impossible sample rate or channel count");
  if (h.index_offset < sizeof h || h.index_offset > size || h.count == 0 || (size - h.index_offset) / sizeof(Entry) < h.count) {
    fail(path, "is truncated or holds no clips");
  }
  std::vector<Entry> index(h.count);
  in.seekg(static_cast<std::streamoff>(h.index_offset));
  if (!in.read(reinterpret_cast<char*>(index.data()), static_cast<std::streamsize>(h.count * sizeof(Entry)))) fail(path, "cannot be read");
  if (XXH64(index.data(), index.size() * sizeof(Entry), 0) != h.index_hash) fail(path, "its index is damaged");
  AudioPack pack;
  pack.sample_rate = h.sample_rate;
  pack.channels = h.channels;
  const uint64_t frame = 2 * h.channels, data = h.index_offset - sizeof h;
  for (const Entry& e : index) {
    const uint64_t from = e.offset - sizeof h;
    if (e.offset < sizeof h || from > data || from % frame != 0 || e.length == 0 || e.length > (data - from) / frame) fail(path, "a clip lies outside of the file");
    pack.begin.push_back(static_cast<int64_t>(from / frame));
    pack.length.push_back(static_cast<int64_t>(e.length));
  }
  pack.samples = at::empty({static_cast<int64_t>(data / frame), static_cast<int64_t>(h.channels)}, at::kShort);
  in.seekg(sizeof h);
  if (!in.read(reinterpret_cast<char*>(pack.samples.data_ptr<int16_t>()), static_cast<std::streamsize>(data / frame * frame))) fail(path, "cannot be read");
  return pack;
}

void write_audio_pack(const std::string& path, const std::vector<std::string>& raw_files, uint32_t sample_rate, uint32_t channels) {
  const std::string partial = path + ".part";
  std::ofstream out(partial, std::ios::binary | std::ios::trunc);
  if (!out) fail(path, "cannot be written");
  Header h{};
  std::memcpy(h.magic, kMagic, 4);
  h.version = kVersion;
  h.sample_rate = sample_rate;
  h.channels = channels;
  out.write(reinterpret_cast<const char*>(&h), sizeof h);
  std::vector<Entry> index;
  uint64_t offset = sizeof h;
  for (const std::string& file : raw_files) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) fail(file, "cannot be opened");
    const uint64_t length = static_cast<uint64_t>(in.tellg()) / (2 * channels);
    if (length == 0) continue;
    std::vector<char> bytes(length * 2 * channels);
    in.seekg(0);
    if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) fail(file, "cannot be read");
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    index.push_back({offset, length});
    offset += bytes.size();
  }
  if (index.empty()) fail(path, "there are no samples to write");
  h.count = index.size();
  h.index_offset = offset;
  h.index_hash = XXH64(index.data(), index.size() * sizeof(Entry), 0);
  out.write(reinterpret_cast<const char*>(index.data()), static_cast<std::streamsize>(index.size() * sizeof(Entry)));
  out.seekp(0);
  out.write(reinterpret_cast<const char*>(&h), sizeof h);
  out.close();
  if (!out) fail(path, "cannot be written");
  std::filesystem::rename(partial, path);
}

namespace {

AudioPack pack_of_format(const std::string& path, int64_t sample_rate, int64_t channels) {
  AudioPack pack = read_audio_pack(path);
  if (pack.sample_rate != sample_rate || pack.channels != channels) {
    fail(path, "holds " + std::to_string(pack.channels) + " channels at " + std::to_string(pack.sample_rate) + " Hz, the model needs " +
                   std::to_string(channels) + " at " + std::to_string(sample_rate));
  }
  return pack;
}

}  // namespace

AudioBatches::AudioBatches(const std::string& path, int64_t sample_rate, int64_t channels, at::Device device)
    : AudioBatches(pack_of_format(path, sample_rate, channels), device) {}

AudioBatches::AudioBatches(const AudioPack& pack, at::Device device) {
  count_ = pack.clips();
  seconds_ = pack.seconds();
  host_begin_ = pack.begin;
  host_length_ = pack.length;
  begin_ = at::tensor(pack.begin).to(device);
  const at::Tensor length = at::tensor(pack.length);
  length_ = length.to(device);
  const at::Tensor share = length.to(at::kDouble);
  cumulative_ = (share.cumsum(0) / share.sum()).to(at::kFloat).to(device);
  samples_ = pack.samples.to(device);
}

namespace {

// Gains of a random smooth filter, [n,1,bins]: a few cosines over a logarithmic axis of frequency.
at::Tensor random_filter(int64_t n, int64_t bins, double db, const at::TensorOptions& real) {
  const at::Tensor axis = at::log(at::arange(bins, real) * (1000.0 / static_cast<double>(bins)) + 4) * (M_PI / std::log(1004.0));
  at::Tensor level = at::zeros({n, bins}, real);
  for (int k = 1; k <= 4; ++k) level = level + at::randn({n, 1}, real) * at::cos(axis * k) * (1.0 / k);
  return at::exp(level * (db * std::log(10.0) / 20 * 0.8)).unsqueeze(1);
}

// Two sides from mono sources, [n,2,T]: this segment and its neighbour in the batch panned at random, each side behind a filter
// and an all-pass of its own, as rooms and microphones do.
at::Tensor random_stereo(const at::Tensor& x) {
  const at::TensorOptions real = x.options();
  const int64_t n = x.size(0), t = x.size(2), bins = t / 2 + 1;
  const auto panned = [&](const at::Tensor& source) {
    const at::Tensor angle = at::rand({n, 1, 1}, real) * (M_PI / 2);
    return source * at::cat({at::cos(angle), at::sin(angle)}, 1);
  };
  const at::Tensor mono = x.mean(1, true);
  const at::Tensor level = at::exp((at::rand({n, 1, 1}, real) * -25) * (std::log(10.0) / 20));
  const at::Tensor sides = panned(mono) + panned(at::roll(mono, 1, 0)) * level;
  // Phase: a delay of up to 1.5 ms at 48 kHz and slow waves over the spectrum, between nothing and much.
  const at::Tensor strength = at::rand({n, 1, 1}, real).square();
  const at::Tensor axis = at::arange(bins, real) * (2 * M_PI / static_cast<double>(t));
  at::Tensor phase = (at::rand({n, 2, 1}, real) * 72) * axis;
  for (int k = 1; k <= 4; ++k) phase = phase + at::randn({n, 2, 1}, real) * at::cos(axis * (17.0 * k) + at::rand({n, 2, 1}, real) * (2 * M_PI)) * 1.5;
  phase = phase * strength;
  const at::Tensor gain = at::cat({random_filter(n, bins, 3.0, real), random_filter(n, bins, 3.0, real)}, 1);
  return at::fft_irfft(at::fft_rfft(sides) * at::complex(gain * at::cos(phase), gain * at::sin(phase)), t);
}

}  // namespace

at::Tensor AudioBatches::cut(int64_t batch, int64_t segment, double speed) const {
  const at::TensorOptions real = cumulative_.options();
  const at::Tensor index = at::searchsorted(cumulative_, at::rand({batch}, real)).clamp_max(count_ - 1);
  const at::Tensor begin = begin_.index_select(0, index), length = length_.index_select(0, index);
  // Positions in double: a float32 cannot address every sample of a long clip.
  const at::TensorOptions fine = real.dtype(at::kDouble);
  const at::Tensor rate = at::exp((at::rand({batch, 1}, fine) * 2 - 1) * std::log(speed));
  const at::Tensor room = (length.unsqueeze(1) - rate * static_cast<double>(segment)).clamp_min(0) + 1;
  const at::Tensor position = at::floor(at::rand({batch, 1}, fine) * room) + at::arange(segment, fine) * rate;
  const int64_t c = samples_.size(1);
  const at::Tensor whole = at::floor(position), last = length.unsqueeze(1) - 1;
  const auto read = [&](int64_t offset) {
    const at::Tensor at_sample = at::minimum((whole + static_cast<double>(offset)).to(at::kLong).clamp_min(0), last);
    return samples_.index_select(0, (begin.unsqueeze(1) + at_sample).reshape({-1})).view({batch, segment, c}).to(at::kFloat) * (1.0 / 32768);
  };
  at::Tensor x;
  if (speed == 1) {
    x = read(0);
  } else {  // Catmull-Rom: flat enough up to a third of the sample rate
    const at::Tensor t = (position - whole).to(at::kFloat).unsqueeze(-1);
    const at::Tensor a = read(-1), b = read(0), d = read(1), e = read(2);
    x = b + (d - a + (a * 2 - b * 5 + d * 4 - e + ((b - d) * 3 + e - a) * t) * t) * t * 0.5;
  }
  return (x * (whole <= last).unsqueeze(-1)).transpose(1, 2).contiguous();
}

at::Tensor AudioBatches::sample(int64_t batch, int64_t segment, const AudioVariation& vary) const {
  const at::TensorOptions real = cumulative_.options();
  at::Tensor x = cut(batch, segment, vary.speed);
  if (vary.mixed > 0) {
    const at::Tensor level = at::exp((at::rand({batch, 1, 1}, real) * -25 - 5) * (std::log(10.0) / 20));
    x = x + at::roll(x, 1, 0) * level * at::rand({batch, 1, 1}, real).lt(vary.mixed);
  }
  if (vary.filter_db > 0) {
    const at::Tensor gain = random_filter(batch, segment / 2 + 1, vary.filter_db, real);
    const at::Tensor filtered = at::fft_irfft(at::fft_rfft(x) * gain, segment);
    x = at::where(at::rand({batch, 1, 1}, real) < vary.filtered, filtered, x);
  }
  if (x.size(1) == 2) {
    if (vary.stereo > 0) x = at::where(at::rand({batch, 1, 1}, real) < vary.stereo, random_stereo(x), x);
    x = at::where(at::rand({batch, 1, 1}, real) < 0.5, x, x.flip(1));
  }
  const at::Tensor sign = at::rand({batch, 1, 1}, real).lt(0.5).to(at::kFloat) * 2 - 1;
  const at::Tensor gain = at::exp(at::rand({batch, 1, 1}, real) * (-vary.quieter_db * std::log(10.0) / 20)) * sign;
  // What a filter or a mixture made too loud comes down to full scale.
  const at::Tensor peak = x.abs().amax({1, 2}, true).clamp_min(1.0);
  return (x / peak * gain).contiguous();
}

at::Tensor AudioBatches::clip(int64_t i, int64_t limit) const {
  const auto k = static_cast<size_t>(i);
  const at::Tensor part = samples_.narrow(0, host_begin_[k], std::min(host_length_[k], limit));
  return (part.t().to(at::kFloat) * (1.0 / 32768)).unsqueeze(0).contiguous();
}

}  // namespace tessera::train
