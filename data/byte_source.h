// A file's bytes piece by piece, with "-" for standard input. The way out is av_sink.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bitstream/status.h"

namespace tessera::media {

class ByteSource {
 public:
  static Result<ByteSource> open(const std::string& path);  // io
  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;
  ~ByteSource();

  Result<size_t> read(std::span<uint8_t> bytes);  // 0 at the end only. Errors: io
  uint64_t size() const { return size_; }         // of a regular file; 0: unknown

 private:
  ByteSource() = default;
  std::string name_;
  int fd_ = -1;
  bool owned_ = false;
  uint64_t size_ = 0;
};

}  // namespace tessera::media
