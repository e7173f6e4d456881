// Where a writer's bytes go: a temporary name that is renamed at the end, or a device, a pipe, standard
// output directly. No FFmpeg here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "bitstream/status.h"

namespace tessera::media::av {

class Sink {
 public:
  // `path`: a file's name or "-". Errors: io.
  static Result<std::unique_ptr<Sink>> open(const std::string& path);
  // Without finish() nothing of the file is left, and what was there before is untouched.
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  const std::string& name() const { return name_; }  // for messages
  bool seekable() const { return !temporary_.empty(); }

  // All of the bytes, or false; the first error is kept, and nothing is written after it.
  bool write(std::span<const uint8_t> bytes);
  int64_t seek(int64_t offset, int whence);  // as lseek; negative: -errno

  Status status() const;  // the first error: io
  Status finish();        // closes and renames. Errors: io, also those of earlier writes
  void keep();            // after an error: gives what was written its name all the same

 private:
  Sink() = default;
  bool fail(int error);

  std::string path_, name_, temporary_;
  int fd_ = -1;
  bool owned_ = false;
  int error_ = 0;
};

}  // namespace tessera::media::av
