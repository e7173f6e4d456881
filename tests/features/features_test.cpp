// Every stream of tests/features/streams.h by every path of the decoder: instruction sets, numbers of threads, symbols ahead of pictures, CUDA where
// there is a GPU. All give the same symbols, and all streams together use what the format has. With TESSERA_WRITE_STREAMS=FOLDER the streams are kept there.
#include "tests/features/streams.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "bitstream/file.h"
#include "bitstream/sections.h"
#include "codec/tessera.h"
#include "codec/video.h"
#include "entropy/rans.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

namespace bs = bitstream;

struct Path {
  const char* simd;  // of TESSERA_SIMD
  int threads, ahead;
  Device device = Device::cpu;
};

std::vector<Path> paths() {
  std::vector<Path> paths;
  for (const auto& [name, level] : {std::pair{"scalar", entropy::Simd::scalar}, {"avx2", entropy::Simd::avx2}, {"avx512", entropy::Simd::avx512}}) {
    if (entropy::simd_level(level) != level) continue;
    for (const auto& [threads, ahead] : {std::pair{1, 0}, {2, 1}, {8, 2}}) paths.push_back({name, threads, ahead});
  }
  if (cuda_available()) paths.push_back({"avx512", 2, 1, Device::cuda});  // or the best that there is
  return paths;
}

struct Symbols {
  Status status;
  uint32_t checksum = 0;
  uint64_t output = 0;  // pixels, samples or frames
};

template <class Decoder, class Count>
Symbols decode_packets(Decoder decoder, std::span<const uint8_t> bytes, const bs::ParsedFile& file, Count count) {
  Symbols out{decoder.open(bytes.first(file.header_bytes))};
  const auto receive = [&] {
    while (const auto part = decoder.receive()) out.output += count(*part);
  };
  for (const bs::PacketView& view : file.packets) {
    if (out.status.ok()) out.status = decoder.send(bytes.subspan(view.offset, view.size));
    receive();
  }
  if (out.status.ok()) out.status = decoder.flush();
  receive();
  out.checksum = decoder.report().symbol_checksum;
  return out;
}

Symbols decode(std::span<const uint8_t> bytes, const std::string& folder, const Path& path) {
  ::setenv("TESSERA_SIMD", path.simd, 1);
  const auto file = bs::parse_file(bytes);
  if (!file) return {file.status()};
  if (file->header.kind == bs::MediaKind::audio) {
    return decode_packets(std::move(*AudioDecoder::create({folder, false})), bytes, *file, [](const AudioBlock& b) { return b.frames(); });
  }
  if (file->header.kind == bs::MediaKind::video) {
    VideoDecoderOptions options;
    options.device = path.device;
    options.threads = path.threads;
    options.ahead = path.ahead;
    options.strict = true;
    options.weights_dir = folder;
    return decode_packets(std::move(*VideoDecoder::create(options)), bytes, *file, [](const VideoFrame&) { return uint64_t{1}; });
  }
  auto decoder = std::move(*ImageDecoder::create({.device = path.device, .threads = path.threads, .weights_dir = folder}));
  Report report;
  const auto image = decoder.decode(bytes, &report);
  return {image.status(), report.symbol_checksum, image.ok() ? uint64_t{image->width} * image->height : 0};
}

// What a stream uses.
void note(std::span<const uint8_t> bytes, std::set<std::string>& used) {
  const auto file = *bs::parse_file(bytes);
  const bs::FileHeader& h = file.header;
  used.insert(bs::media_name(h.kind));
  used.insert(h.model_name);
  if (h.kind != bs::MediaKind::audio) used.insert("channels " + std::to_string(h.picture.channels));
  if (h.picture.tile > 0) used.insert("tiles");
  if (!file.icc.empty() && !file.exif.empty() && !file.xmp.empty()) used.insert("metadata");
  if (!file.index.empty()) used.insert("index");
  for (const bs::PacketView& view : file.packets) {
    used.insert("packet " + std::to_string(static_cast<int>(view.packet.kind)));
    used.insert(bytes[view.offset] & 64 ? "long checksum" : "short checksum");
    if (view.packet.time_stamp) used.insert("time stamp");
    if (view.packet.quality) used.insert("quality");
    const auto sections = bs::read_sections(view.packet.payload);
    if (!sections.ok()) continue;
    for (const bs::Section& s : *sections) {
      used.insert(bs::section_name(s.tag));
      if (s.tag != bs::SectionTag::latents) continue;
      if (const auto latents = bs::read_latents(s.content)) used.insert("lanes " + std::to_string(latents->lanes));
    }
  }
}

// By every path; false where a model is not installed.
bool decodes_alike(const std::string& name, std::span<const uint8_t> bytes, const std::string& folder) {
  Symbols first;
  for (const Path& path : paths()) {
    const Symbols symbols = decode(bytes, folder, path);
    if (symbols.status.code() == ErrorCode::model_missing && folder.empty()) return false;
    const std::string where = name + ", " + path.simd + ", " + std::to_string(path.threads) + " threads" + (path.device == Device::cuda ? ", CUDA" : "");
    EXPECT_TRUE(symbols.status.ok()) << where << ": " << symbols.status.message();
    if (first.output == 0) first = symbols;
    EXPECT_EQ(symbols.checksum, first.checksum) << where;
    EXPECT_EQ(symbols.output, first.output) << where;
  }
  EXPECT_GT(first.output, 0u) << name;
  return true;
}

// The golden streams are there for what small networks have too few symbols for: many lanes.
std::vector<FeatureStream> golden_streams() {
  std::vector<FeatureStream> streams;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_GOLDEN)) {
    if (entry.path().extension() != ".tsr") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    streams.push_back({entry.path().stem(), {std::istreambuf_iterator<char>(in), {}}});
  }
  return streams;
}

TEST(Features, EveryPathDecodesTheSameSymbols) {
  TemporaryFolder folder;
  std::set<std::string> used;
  const auto made = feature_streams(folder.folder());
  for (const FeatureStream& stream : made) {
    note(stream.bytes, used);
    if (const char* kept = std::getenv("TESSERA_WRITE_STREAMS")) {
      std::ofstream(std::string(kept) + "/" + stream.name + ".tsr", std::ios::binary)
          .write(reinterpret_cast<const char*>(stream.bytes.data()), static_cast<std::streamsize>(stream.bytes.size()));
    }
    decodes_alike(stream.name, stream.bytes, folder.folder());
  }
  size_t golden = 0;
  for (const FeatureStream& stream : golden_streams()) {
    note(stream.bytes, used);
    golden += decodes_alike(stream.name, stream.bytes, {});
  }
  ::unsetenv("TESSERA_SIMD");
  std::string all;
  for (const std::string& feature : used) all += feature + ", ";
  std::printf("%zu streams and %zu golden ones by %zu paths: %s\n", made.size(), golden, paths().size(), all.c_str());
  for (const char* feature : {"image", "audio", "video", "overfit", "overfit-video", "tiles", "metadata", "index", "packet 1", "packet 2", "long checksum", "short checksum", "time stamp",
                              "hyperlatents", "latents", "alpha", "checksum", "side", "indices", "frame", "network", "grids", "blocks", "channels 1", "channels 2", "channels 3",
                              "channels 4", "lanes 1", "lanes 4"}) {
    EXPECT_TRUE(used.contains(feature)) << feature << " is in no stream";
  }
}

}  // namespace
}  // namespace tessera::test
