// Making dataset packs (data/pack.h).
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bitstream/status.h"
#include "data/picture.h"

namespace tessera::media {

// Writes one pack, picture by picture. Nothing is at `path` before finish() has succeeded.
class PackWriter {
 public:
  static Result<PackWriter> create(const std::string& path);  // errors: io
  PackWriter(PackWriter&&) noexcept;
  PackWriter& operator=(PackWriter&&) noexcept;
  ~PackWriter();  // an unfinished pack is removed

  // Other sample formats are brought to 8-bit RGB; alpha is dropped. Errors: io.
  Status add(const Picture& picture);
  Status finish();  // errors: io
  size_t count() const;

 private:
  struct Impl;
  explicit PackWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct PackOptions {
  bool half_size = false;  // also add each picture at half its width and height
  uint32_t min_side = 64;  // pixels; smaller pictures (and copies) are left out
  // Called after each file; may be empty.
  std::function<void(const std::string& file, const Status& status)> on_file = {};
};

// Packs every picture below `folder`, in the order of their paths. Files that are no pictures are skipped and
// told to on_file. Returns the number of pictures. Errors: io, invalid_argument (no picture at all).
Result<size_t> pack_folder(const std::string& folder, const std::string& path,
                           const PackOptions& options = {});

}  // namespace tessera::media
