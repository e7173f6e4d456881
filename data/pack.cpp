#include "data/pack.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bitstream/bytes.h"

namespace tessera::media {

using bitstream::ByteReader;

struct Pack::Mapping {
  void* address = MAP_FAILED;
  size_t size = 0;

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (address != MAP_FAILED) ::munmap(address, size);
  }
  std::span<const uint8_t> bytes() const { return {static_cast<const uint8_t*>(address), size}; }

  Status map(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat info {};
    if (fd >= 0 && ::fstat(fd, &info) == 0) {
      size = static_cast<size_t>(info.st_size);
      if (size > 0) address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (fd >= 0 && size < kPackHeader)
      return {ErrorCode::truncated, path + ": no pack: shorter than its header"};
    if (address == MAP_FAILED) return {ErrorCode::io, path + ": cannot open: " + std::strerror(error)};
    return {};
  }
};

Result<Pack> Pack::open(const std::string& path) {
  auto mapping = std::make_shared<Mapping>();
  TESSERA_RETURN_IF_ERROR(mapping->map(path));
  const auto bytes = mapping->bytes();
  const auto error = [&](ErrorCode code, const char* text) { return Status(code, path + ": " + text); };
  if (std::memcmp(bytes.data(), kPackMagic, sizeof kPackMagic) != 0)
    return error(ErrorCode::corrupt, "not a pack");
  ByteReader header(bytes.subspan(sizeof kPackMagic));
  if (header.u32() != kPackVersion) return error(ErrorCode::unsupported, "pack of another version");
  const uint64_t count = header.u64(), index_at = header.u64(), hash = header.u64();
  if (index_at > bytes.size() || count > (bytes.size() - index_at) / kPackEntry) {
    return error(ErrorCode::truncated, "pack without its index");
  }
  const auto index = bytes.subspan(index_at);
  if (index.size() != count * kPackEntry || XXH64(index.data(), index.size(), 0) != hash) {
    return error(ErrorCode::corrupt, "the pack's index is damaged");
  }
  Pack pack;
  ByteReader in(index);
  for (uint64_t i = 0; i < count; ++i) {
    PackedPicture picture{in.u32(), in.u32(), nullptr};
    const uint64_t offset = in.u64();
    // Two 32-bit sides and the factor 3 stay below 2^66: compare by division.
    const uint64_t room = offset >= kPackHeader && offset <= index_at ? index_at - offset : 0;
    if (picture.width == 0 || picture.height == 0 || room / 3 / picture.width < picture.height) {
      return error(ErrorCode::corrupt, "a picture lies outside of the pack");
    }
    picture.rgb = bytes.data() + offset;
    pack.pictures_.push_back(picture);
  }
  pack.mapping_ = std::move(mapping);
  return pack;
}

uint64_t Pack::pixels() const {
  uint64_t sum = 0;
  for (const PackedPicture& picture : pictures_) sum += uint64_t{picture.width} * picture.height;
  return sum;
}

}  // namespace tessera::media
