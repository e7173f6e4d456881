#include "apps/tessera-train/video_pack.h"

#include <bit>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::train {
namespace {

static_assert(std::endian::native == std::endian::little, "packs are read and written in place");

constexpr char kMagic[4] = {'T', 'S', 'V', 'P'};
constexpr uint32_t kVersion = 1;
constexpr uint32_t kSideMax = 1 << 15;

struct Header {
  char magic[4];
  uint32_t version;
  uint64_t count, index_offset, index_hash;
};
static_assert(sizeof(Header) == 32);

struct Entry {
  uint32_t width, height, frames, zero;
  uint64_t offset;
};
static_assert(sizeof(Entry) == 24);

[[noreturn]] void fail(const std::string& path, const std::string& why) { throw std::runtime_error(path + ": " + why); }

}  // namespace

VideoPackIndex read_video_index(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) fail(path, "cannot be opened");
  const auto size = static_cast<uint64_t>(in.tellg());
  Header h;
  in.seekg(0);
  if (size < sizeof h || !in.read(reinterpret_cast<char*>(&h), sizeof h) || std::memcmp(h.magic, kMagic, 4) != 0) fail(path, "is not a video pack");
  if (h.version != kVersion) fail(path, "is a video pack of another version");
  if (h.index_offset < sizeof h || h.index_offset > size || h.count == 0 || (size - h.index_offset) / sizeof(Entry) < h.count) {
    fail(path, "is truncated or holds no clips");
  }
  std::vector<Entry> index(h.count);
  in.seekg(static_cast<std::streamoff>(h.index_offset));
  if (!in.read(reinterpret_cast<char*>(index.data()), static_cast<std::streamsize>(h.count * sizeof(Entry)))) fail(path, "cannot be read");
  if (XXH64(index.data(), index.size() * sizeof(Entry), 0) != h.index_hash) fail(path, "its index is damaged");
  VideoPackIndex pack{{}, sizeof h, h.index_offset};
  for (const Entry& e : index) {
    if (e.width == 0 || e.height == 0 || e.width % 2 != 0 || e.height % 2 != 0 || e.width > kSideMax || e.height > kSideMax || e.frames == 0) {
      fail(path, "a clip has an impossible size");
    }
    const PackedClip clip{e.width, e.height, e.frames, e.offset};
    if (e.offset < sizeof h || e.offset > h.index_offset || (h.index_offset - e.offset) / clip.frame_bytes() < e.frames) fail(path, "a clip lies outside of the file");
    pack.clips.push_back(clip);
  }
  return pack;
}

VideoPackWriter::VideoPackWriter(const std::string& path) : path_(path), partial_(path + ".part"), out_(partial_, std::ios::binary | std::ios::trunc) {
  if (!out_) fail(path, "cannot be written");
  const Header blank{};
  out_.write(reinterpret_cast<const char*>(&blank), sizeof blank);
  at_ = sizeof blank;
}

VideoPackWriter::~VideoPackWriter() {
  if (finished_) return;
  out_.close();
  std::remove(partial_.c_str());
}

void VideoPackWriter::begin_clip(uint32_t width, uint32_t height) {
  if (width == 0 || height == 0 || width % 2 != 0 || height % 2 != 0 || width > kSideMax || height > kSideMax) fail(path_, "a clip's sides must be even");
  if (!clips_.empty() && clips_.back().frames == 0) clips_.pop_back();
  clips_.push_back({width, height, 0, at_});
}

void VideoPackWriter::add_frame(std::span<const uint8_t> samples) {
  if (clips_.empty() || samples.size() != clips_.back().frame_bytes()) fail(path_, "a frame does not have its clip's size");
  out_.write(reinterpret_cast<const char*>(samples.data()), static_cast<std::streamsize>(samples.size()));
  if (!out_) fail(path_, "cannot be written");
  at_ += samples.size();
  ++clips_.back().frames;
}

void VideoPackWriter::finish() {
  if (!clips_.empty() && clips_.back().frames == 0) clips_.pop_back();
  if (clips_.empty()) fail(path_, "there are no frames to write");
  std::vector<Entry> index;
  for (const PackedClip& c : clips_) index.push_back({c.width, c.height, c.frames, 0, c.offset});
  Header h{};
  std::memcpy(h.magic, kMagic, 4);
  h.version = kVersion;
  h.count = index.size();
  h.index_offset = at_;
  h.index_hash = XXH64(index.data(), index.size() * sizeof(Entry), 0);
  out_.write(reinterpret_cast<const char*>(index.data()), static_cast<std::streamsize>(index.size() * sizeof(Entry)));
  out_.seekp(0);
  out_.write(reinterpret_cast<const char*>(&h), sizeof h);
  out_.close();
  if (!out_) fail(path_, "cannot be written");
  std::filesystem::rename(partial_, path_);
  finished_ = true;
}

}  // namespace tessera::train
