#include "data/tiff_tags.h"

#include <algorithm>

#include "data/cursor.h"

namespace tessera::media {
namespace {

constexpr uint16_t kWidth = 256, kHeight = 257, kXmp = 700, kIcc = 34675;
constexpr size_t kEntrySize = 12;
constexpr uint16_t kMaxEntries = 4096;
constexpr uint16_t kTypeByte = 1, kTypeUndefined = 7;

size_t type_size(uint16_t type) {
  constexpr size_t kSizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

Bytes block(std::span<const uint8_t> file, const TiffDirectory& directory, uint16_t tag) {
  const TiffEntry* entry = directory.find(tag);
  if (entry == nullptr || type_size(entry->type) != 1) return {};
  Cursor in(file);
  in.seek(entry->value_at);
  const auto bytes = in.take(entry->count);
  return {bytes.begin(), bytes.end()};
}

void put(Bytes& out, bool big_endian, uint32_t value, size_t count) {
  big_endian ? put_be(out, value, count) : put_le(out, value, count);
}

struct NewEntry {
  uint16_t tag, type;
  uint32_t count;
  Bytes value;  // the 4 bytes of the entry
};

// A block at the end of the file, and the entry that points to it.
NewEntry append_block(Bytes& file, bool big_endian, uint16_t tag, uint16_t type,
                      std::span<const uint8_t> bytes) {
  NewEntry entry{tag, type, static_cast<uint32_t>(bytes.size()), {}};
  if (file.size() % 2) file.push_back(0);
  put(entry.value, big_endian, static_cast<uint32_t>(file.size()), 4);
  put_bytes(file, bytes);
  if (bytes.size() <= 4) {  // short values sit in the entry itself
    entry.value.assign(bytes.begin(), bytes.end());
    entry.value.resize(4);
  }
  return entry;
}

}  // namespace

const TiffEntry* TiffDirectory::find(uint16_t tag) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const TiffEntry& e) { return e.tag == tag; });
  return found == entries.end() ? nullptr : &*found;
}

std::optional<TiffDirectory> tiff_directory(std::span<const uint8_t> bytes) {
  TiffDirectory directory;
  if (bytes.size() < 8 || bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M')) return std::nullopt;
  directory.big_endian = bytes[0] == 'M';
  Cursor in(bytes, directory.big_endian);
  in.take(2);
  if (in.u16() != 42) return std::nullopt;
  directory.position = in.u32();
  in.seek(directory.position);
  const uint16_t count = in.u16();
  if (!in.ok() || count > kMaxEntries || in.remaining() / kEntrySize < count) return std::nullopt;
  for (uint16_t i = 0; i < count; ++i) {
    TiffEntry entry;
    entry.position = in.position();
    entry.tag = in.u16();
    entry.type = in.u16();
    entry.count = in.u32();
    const size_t inside = in.position();
    const uint32_t pointer = in.u32();
    entry.value_at = uint64_t{entry.count} * type_size(entry.type) <= 4 ? inside : pointer;
    directory.entries.push_back(entry);
  }
  return directory;
}

std::optional<uint32_t> tiff_number(std::span<const uint8_t> bytes, const TiffDirectory& directory,
                                    uint16_t tag) {
  const TiffEntry* entry = directory.find(tag);
  if (entry == nullptr || entry->count == 0) return std::nullopt;
  Cursor in(bytes, directory.big_endian);
  in.seek(entry->value_at);
  uint32_t value = 0;
  switch (entry->type) {
    case 1:
      value = in.u8();
      break;
    case 3:
      value = in.u16();
      break;
    case 4:
      value = in.u32();
      break;
    default:
      return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  return value;
}

std::optional<ClaimedSize> tiff_size(std::span<const uint8_t> file) {
  const auto directory = tiff_directory(file);
  if (!directory) return std::nullopt;
  const auto width = tiff_number(file, *directory, kWidth), height = tiff_number(file, *directory, kHeight);
  if (!width || !height) return std::nullopt;
  return ClaimedSize{*width, *height};
}

PictureMetadata tiff_metadata(std::span<const uint8_t> file) {
  PictureMetadata metadata;
  if (const auto directory = tiff_directory(file)) {
    metadata.icc = block(file, *directory, kIcc);
    metadata.xmp = block(file, *directory, kXmp);
  }
  return metadata;
}

Bytes tiff_with_metadata(Bytes file, const PictureMetadata& metadata) {
  const auto directory = tiff_directory(file);
  if (!directory || (metadata.icc.empty() && metadata.xmp.empty())) return file;
  const bool big = directory->big_endian;
  std::vector<NewEntry> entries;
  for (const TiffEntry& old : directory->entries) {
    const auto value = file.begin() + static_cast<ptrdiff_t>(old.position + 8);
    entries.push_back({old.tag, old.type, old.count, Bytes(value, value + 4)});
  }
  if (!metadata.icc.empty()) entries.push_back(append_block(file, big, kIcc, kTypeUndefined, metadata.icc));
  if (!metadata.xmp.empty()) entries.push_back(append_block(file, big, kXmp, kTypeByte, metadata.xmp));
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.tag < b.tag; });

  if (file.size() % 2) file.push_back(0);
  Bytes pointer;
  put(pointer, big, static_cast<uint32_t>(file.size()), 4);
  std::copy(pointer.begin(), pointer.end(), file.begin() + 4);
  put(file, big, static_cast<uint32_t>(entries.size()), 2);
  for (const NewEntry& entry : entries) {
    put(file, big, entry.tag, 2);
    put(file, big, entry.type, 2);
    put(file, big, entry.count, 4);
    put_bytes(file, entry.value);
  }
  put(file, big, 0, 4);  // no further directory
  return file;
}

}  // namespace tessera::media
