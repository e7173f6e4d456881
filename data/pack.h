// Dataset packs: many 8-bit RGB pictures in one file that training maps into memory.
//
// Layout, little-endian: "TSPK", u32 version (1), u64 count, u64 offset of the index, u64 XXH64 (seed 0) of
// the index; then the pictures' samples, interleaved RGB without gaps; then the index: for each picture u32
// width, u32 height, u64 offset of its samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bitstream/status.h"

namespace tessera::media {

inline constexpr char kPackMagic[4] = {'T', 'S', 'P', 'K'};
inline constexpr uint32_t kPackVersion = 1;
inline constexpr size_t kPackHeader = 32;  // bytes
inline constexpr size_t kPackEntry = 16;   // bytes

// Samples inside a mapped pack; valid as long as the Pack lives.
struct PackedPicture {
  uint32_t width = 0;
  uint32_t height = 0;
  const uint8_t* rgb = nullptr;  // height rows of 3 * width bytes
};

// A pack, mapped for reading. May be read by many threads at once.
class Pack {
 public:
  // Checks the header, the index's hash and that each picture lies within the file.
  // Errors: io, truncated, corrupt, unsupported (version).
  static Result<Pack> open(const std::string& path);

  size_t size() const { return pictures_.size(); }
  const PackedPicture& operator[](size_t index) const {
    return pictures_[index];
  }                         // precondition: index < size()
  uint64_t pixels() const;  // of all pictures

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
  std::vector<PackedPicture> pictures_;
};

}  // namespace tessera::media
