// Quality against damage: packets that are lost at random, and bits that are wrong at random, with concealment and without. Tables for
// docs/results/damage.md.
//
//   damage_curves [--repeats N] STREAM.tsr...
//
// Quality is measured against what the undamaged stream decodes to. Sound: signal to noise, and the distance of the spectra; without concealment the
// samples of lost packets are zero. Video: PSNR of luma, 60 dB where nothing differs; without concealment a strict decoder shows nothing from a loss to
// the next key frame. Pictures: how many decode at all; a damaged one is refused. Ends with 1 where a strict decoder takes what depends on a loss.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numbers>
#include <random>

#include "bitstream/file.h"
#include "codec/tessera.h"
#include "codec/video.h"
#include "data/byte_file.h"

namespace tessera {
namespace {

namespace bs = bitstream;

constexpr double kLoss[] = {0.001, 0.003, 0.01, 0.03, 0.1}, kBits[] = {1e-6, 1e-5, 1e-4, 1e-3};
constexpr double kSame = 60;  // dB, of a frame in which nothing differs

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "damage_curves: %s\n", what.c_str());
  std::exit(1);
}

void require(const Status& status, const std::string& what) {
  if (!status.ok()) fail(what + ": " + status.message());
}

// A stream of sound or video, packet by packet, without the index.
struct Parts {
  Bytes header;
  std::vector<Bytes> packets;
  std::vector<bool> key;  // of each packet
};

Parts parts_of(std::span<const uint8_t> bytes, const bs::ParsedFile& file) {
  Parts parts{{bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(file.header_bytes)}, {}, {}};
  for (const bs::PacketView& view : file.packets) {
    if (view.packet.kind != bs::PacketKind::key && view.packet.kind != bs::PacketKind::predicted) continue;
    const auto packet = bytes.subspan(view.offset, view.size);
    parts.packets.emplace_back(packet.begin(), packet.end());
    parts.key.push_back(view.packet.kind == bs::PacketKind::key);
  }
  return parts;
}

// Which packets are lost. Never the first: what comes before it is another question.
std::vector<bool> drawn(const Parts& parts, double loss, double bits, std::mt19937& random) {
  std::vector<bool> lost(parts.packets.size());
  for (size_t i = 1; i < lost.size(); ++i) {
    // A packet with a wrong bit fails its checksum: GoldenDamage proves it for every single bit.
    const double p = loss > 0 ? loss : 1 - std::pow(1 - bits, 8.0 * static_cast<double>(parts.packets[i].size()));
    lost[i] = std::generate_canonical<double, 32>(random) < p;
  }
  return lost;
}

// The packet with some wrong bits, at least one: what the decoder gets of a lost packet in half of the cases, and has to refuse.
Bytes damaged(Bytes packet, std::mt19937& random) {
  do {
    packet[random() % packet.size()] ^= static_cast<uint8_t>(1u << random() % 8);
  } while (random() % 2);
  return packet;
}

// ---- Sound ---------------------------------------------------------------------------------------------------------------------------------

struct Sound {
  std::vector<float> samples;
  uint32_t channels = 1, rate = 1;
  uint64_t block = 1;
};

Sound decode_sound(const Parts& parts, const std::vector<bool>& lost, bool conceal, uint64_t priming, std::mt19937& random) {
  auto decoder = std::move(*AudioDecoder::create({}));
  require(decoder.open(parts.header), "open");
  Sound sound{{}, decoder.channels(), decoder.sample_rate(), decoder.block_samples()};
  const auto take = [&] {
    while (auto block = decoder.receive()) sound.samples.insert(sound.samples.end(), block->samples.begin(), block->samples.end());
  };
  for (size_t i = 0; i < parts.packets.size(); ++i) {
    if (lost[i]) {
      if (random() % 2 && decoder.send(damaged(parts.packets[i], random)).ok()) fail("a damaged packet was taken");
      require(decoder.lost(1), "lost");
    } else {
      require(decoder.send(parts.packets[i]), "send");
    }
    take();
  }
  require(decoder.flush(), "flush");
  take();
  if (conceal) return sound;
  for (size_t i = 0; i < lost.size(); ++i) {
    if (!lost[i]) continue;
    const auto place = [&](uint64_t time) { return std::min<size_t>(sound.samples.size(), (time > priming ? time - priming : 0) * sound.channels); };
    std::fill(sound.samples.begin() + static_cast<ptrdiff_t>(place(i * sound.block)), sound.samples.begin() + static_cast<ptrdiff_t>(place((i + 1) * sound.block)), 0.f);
  }
  return sound;
}

double signal_to_noise(const Sound& clean, const Sound& other) {
  double signal = 0, noise = 1e-9;
  for (size_t i = 0; i < clean.samples.size(); ++i) {
    signal += double{clean.samples[i]} * clean.samples[i];
    const double d = i < other.samples.size() ? double{other.samples[i]} - clean.samples[i] : clean.samples[i];
    noise += d * d;
  }
  return 10 * std::log10((signal + 1e-9) / noise);
}

// Levels in dB of the bands of one frame, floor -60 dB.
std::vector<double> spectrum(const Sound& sound, size_t start, size_t size) {
  constexpr size_t kBands = 24;
  std::vector<double> levels;
  for (size_t b = 1; b <= kBands; ++b) {
    const double step = std::numbers::pi * static_cast<double>(b) / (kBands + 1);
    double re = 0, im = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t at = (start + i) * sound.channels;
      const double window = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size));
      const double v = at < sound.samples.size() ? window * sound.samples[at] : 0;
      re += v * std::cos(step * static_cast<double>(i));
      im += v * std::sin(step * static_cast<double>(i));
    }
    levels.push_back(10 * std::log10((re * re + im * im) / static_cast<double>(size) + 1e-6));
  }
  return levels;
}

double spectral_distance(const Sound& clean, const Sound& other) {
  const size_t size = clean.rate / 50;
  double sum = 0;
  size_t frames = 0;
  for (size_t start = 0; start + size <= clean.samples.size() / clean.channels; start += size, ++frames) {
    const auto a = spectrum(clean, start, size), b = spectrum(other, start, size);
    double square = 0;
    for (size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
    sum += std::sqrt(square / static_cast<double>(a.size()));
  }
  return sum / static_cast<double>(std::max<size_t>(1, frames));
}

void sound_table(const Parts& parts, const bs::ParsedFile& file, int repeats) {
  std::mt19937 random(1);
  const uint64_t priming = file.header.audio.priming;
  const std::vector<bool> none(parts.packets.size());
  const Sound clean = decode_sound(parts, none, true, priming, random);
  std::printf("| damage | packets lost | SNR, concealed | off | spectra differ by, concealed | off |\n|---|---|---|---|---|---|\n");
  const auto row = [&](const char* name, double loss, double bits) {
    double lost_share = 0, snr[2] = {}, distance[2] = {};
    for (int r = 0; r < repeats; ++r) {
      const auto lost = drawn(parts, loss, bits, random);
      lost_share += static_cast<double>(std::count(lost.begin(), lost.end(), true)) / static_cast<double>(lost.size());
      for (const bool conceal : {true, false}) {
        const Sound sound = decode_sound(parts, lost, conceal, priming, random);
        snr[conceal ? 0 : 1] += std::min(kSame, signal_to_noise(clean, sound));
        distance[conceal ? 0 : 1] += spectral_distance(clean, sound);
      }
    }
    std::printf("| %s | %.2f %% | %.1f dB | %.1f dB | %.2f dB | %.2f dB |\n", name, 100 * lost_share / repeats, snr[0] / repeats, snr[1] / repeats, distance[0] / repeats,
                distance[1] / repeats);
  };
  char name[64];
  for (const double loss : kLoss) std::snprintf(name, sizeof name, "loss %g %%", 100 * loss), row(name, loss, 0);
  for (const double bits : kBits) std::snprintf(name, sizeof name, "bits %g", bits), row(name, 0, bits);
}

// ---- Video ----------------------------------------------------------------------------------------------------------------------------------

struct Video {
  std::vector<VideoFrame> frames;
  size_t refused = 0;  // by a strict decoder, besides the lost ones
};

Video decode_video(const Parts& parts, const std::vector<bool>& lost, bool strict, VideoFormat& format, std::mt19937& random) {
  VideoDecoderOptions options;
  options.strict = strict;
  auto decoder = std::move(*VideoDecoder::create(options));
  require(decoder.open(parts.header), "open");
  format = decoder.format();
  Video video;
  bool broken = false;
  for (size_t i = 0; i < parts.packets.size(); ++i) {
    if (lost[i]) {
      if (random() % 2 && decoder.send(damaged(parts.packets[i], random)).ok()) fail("a damaged packet was taken");
      const Status status = decoder.lost(1);
      if (!strict) require(status, "lost");
      broken = true;
    } else {
      const Status status = decoder.send(parts.packets[i]);
      if (parts.key[i]) broken = false;
      if (status.ok() == (strict && broken)) fail(strict ? "a strict decoder took what depends on a loss, or refused what does not" : "send: " + status.message());
      video.refused += !status.ok();
    }
    while (auto frame = decoder.receive()) video.frames.push_back(std::move(*frame));
  }
  require(decoder.flush(), "flush");
  while (auto frame = decoder.receive()) video.frames.push_back(std::move(*frame));
  return video;
}

double luma_psnr(const VideoFormat& format, const VideoFrame& a, const VideoFrame& b) {
  const size_t count = size_t{format.width} * format.height;
  double sum = 0;
  const auto sample = [&](const VideoFrame& f, size_t i) {
    uint16_t v = f.samples[i];
    if (format.bit_depth > 8) std::memcpy(&v, f.samples.data() + 2 * i, 2);
    return static_cast<double>(v) / ((1 << format.bit_depth) - 1);
  };
  for (size_t i = 0; i < count; ++i) {
    const double d = sample(a, i) - sample(b, i);
    sum += d * d;
  }
  return std::min(kSame, -10 * std::log10(sum / static_cast<double>(count) + 1e-12));
}

void video_table(const Parts& parts, int repeats) {
  std::mt19937 random(1);
  VideoFormat format;
  const Video clean = decode_video(parts, std::vector<bool>(parts.packets.size()), false, format, random);
  const auto count = static_cast<double>(clean.frames.size());
  std::printf("| damage | packets lost | frames concealed | PSNR of all frames | of the worst | frames shown, strict |\n|---|---|---|---|---|---|\n");
  const auto row = [&](const char* name, double loss, double bits) {
    double lost_share = 0, concealed = 0, mean = 0, worst = kSame, shown = 0;
    for (int r = 0; r < repeats; ++r) {
      const auto lost = drawn(parts, loss, bits, random);
      lost_share += static_cast<double>(std::count(lost.begin(), lost.end(), true)) / static_cast<double>(lost.size());
      const Video video = decode_video(parts, lost, false, format, random);
      if (video.frames.size() != clean.frames.size()) fail("frames are missing");
      for (size_t i = 0; i < video.frames.size(); ++i) {
        concealed += video.frames[i].concealed;
        const double psnr = luma_psnr(format, clean.frames[i], video.frames[i]);
        mean += psnr;
        worst = std::min(worst, psnr);
      }
      const Video strict = decode_video(parts, lost, true, format, random);
      shown += static_cast<double>(std::count_if(strict.frames.begin(), strict.frames.end(), [](const VideoFrame& f) { return !f.concealed; }));
    }
    std::printf("| %s | %.2f %% | %.1f %% | %.1f dB | %.1f dB | %.1f %% |\n", name, 100 * lost_share / repeats, 100 * concealed / repeats / count, mean / repeats / count, worst,
                100 * shown / repeats / count);
  };
  char name[64];
  for (const double loss : kLoss) std::snprintf(name, sizeof name, "loss %g %%", 100 * loss), row(name, loss, 0);
  for (const double bits : kBits) std::snprintf(name, sizeof name, "bits %g", bits), row(name, 0, bits);
}

// ---- Pictures --------------------------------------------------------------------------------------------------------------------------------

void picture_table(std::span<const uint8_t> bytes, int repeats) {
  std::mt19937 random(1);
  auto decoder = std::move(*ImageDecoder::create({}));
  require(decoder.verify(bytes), "verify");
  std::printf("| damage | pictures with damage | refused of them |\n|---|---|---|\n");
  for (const double bits : kBits) {
    int hit = 0, refused = 0;
    for (int r = 0; r < 20 * repeats; ++r) {
      Bytes other(bytes.begin(), bytes.end());
      bool any = false;
      for (size_t i = 0; i < 8 * other.size(); ++i) {
        if (std::generate_canonical<double, 32>(random) >= bits) continue;
        other[i / 8] ^= static_cast<uint8_t>(1u << i % 8);
        any = true;
      }
      if (!any) continue;
      ++hit;
      refused += !decoder.verify(other).ok();
    }
    std::printf("| bits %g | %d of %d | %d |\n", bits, hit, 20 * repeats, refused);
    if (refused != hit) fail("a damaged picture was taken");
  }
}

int run(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // a row takes minutes
  int repeats = 10, first = 1;
  if (argc > 2 && std::strcmp(argv[1], "--repeats") == 0) {
    repeats = std::max(1, std::atoi(argv[2]));
    first = 3;
  }
  if (first >= argc) {
    std::fprintf(stderr, "usage: damage_curves [--repeats N] STREAM.tsr...\n");
    return 2;
  }
  for (int i = first; i < argc; ++i) {
    const auto bytes = media::read_file(argv[i]);
    require(bytes.status(), argv[i]);
    const auto file = bs::parse_file(*bytes);
    require(file.status(), argv[i]);
    const Parts parts = parts_of(*bytes, *file);
    std::printf("\n`%s`, model %s, %zu bytes, %zu packets, %d times each\n\n", argv[i], file->header.model_name.c_str(), bytes->size(), file->packets.size(), repeats);
    switch (file->header.kind) {
      case bs::MediaKind::audio: sound_table(parts, *file, repeats); break;
      case bs::MediaKind::video: video_table(parts, repeats); break;
      default: picture_table(*bytes, repeats);
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) { return tessera::run(argc, argv); }
