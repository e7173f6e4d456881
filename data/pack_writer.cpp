#include "data/pack_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bitstream/bytes.h"
#include "data/opencv_bridge.h"
#include "data/pack.h"
#include "data/picture_io.h"
#include "data/samples.h"

namespace tessera::media {

using bitstream::ByteWriter;

struct PackWriter::Impl {
  std::string path;
  std::string temporary;
  std::FILE* file = nullptr;
  uint64_t position = kPackHeader;
  uint64_t count = 0;
  ByteWriter index;

  ~Impl() {
    if (file == nullptr) return;
    std::fclose(file);
    std::remove(temporary.c_str());
  }

  Status error(const char* what) const {
    return {ErrorCode::io, path + ": cannot " + what + ": " + std::strerror(errno)};
  }

  bool write(std::span<const uint8_t> bytes) {
    return std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  }
};

PackWriter::PackWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PackWriter::PackWriter(PackWriter&&) noexcept = default;
PackWriter& PackWriter::operator=(PackWriter&&) noexcept = default;
PackWriter::~PackWriter() = default;

size_t PackWriter::count() const { return impl_->count; }

Result<PackWriter> PackWriter::create(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->temporary = path + ".part";
  impl->file = std::fopen(impl->temporary.c_str(), "wb");
  if (impl->file == nullptr) return impl->error("create");
  if (!impl->write(std::vector<uint8_t>(kPackHeader))) return impl->error("write");
  return PackWriter(std::move(impl));
}

Status PackWriter::add(const Picture& picture) {
  const Picture rgb = with_bit_depth(with_channels(picture, 3), 8);
  if (!impl_->write(rgb.samples)) return impl_->error("write");
  impl_->index.u32(rgb.width);
  impl_->index.u32(rgb.height);
  impl_->index.u64(impl_->position);
  impl_->position += rgb.samples.size();
  ++impl_->count;
  return {};
}

Status PackWriter::finish() {
  const auto index = impl_->index.view();
  ByteWriter header;
  for (char c : kPackMagic) header.u8(static_cast<uint8_t>(c));
  header.u32(kPackVersion);
  header.u64(impl_->count);
  header.u64(impl_->position);
  header.u64(XXH64(index.data(), index.size(), 0));
  const bool written =
      impl_->write(index) && std::fseek(impl_->file, 0, SEEK_SET) == 0 && impl_->write(header.view());
  if (!written || std::fflush(impl_->file) != 0) return impl_->error("write");
  if (std::rename(impl_->temporary.c_str(), impl_->path.c_str()) != 0) return impl_->error("create");
  std::fclose(impl_->file);
  impl_->file = nullptr;
  return {};
}

namespace {

Status add_with_copies(PackWriter& writer, const Picture& picture, const PackOptions& options) {
  if (std::min(picture.width, picture.height) < options.min_side) return {};
  TESSERA_RETURN_IF_ERROR(writer.add(picture));
  if (!options.half_size) return {};
  auto half = opencv_half_size(with_bit_depth(with_channels(picture, 3), 8));
  if (!half) return half.status();
  return std::min(half->width, half->height) < options.min_side ? Status() : writer.add(*half);
}

}  // namespace

Result<size_t> pack_folder(const std::string& folder, const std::string& path, const PackOptions& options) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error) && format_of_name(it->path().string()))
      files.push_back(it->path().string());
  }
  if (error) return {ErrorCode::io, folder + ": cannot list: " + error.message()};
  std::sort(files.begin(), files.end());
  auto writer = PackWriter::create(path);
  if (!writer) return writer.status();
  for (const std::string& file : files) {
    auto picture = read_picture(file);
    if (picture) TESSERA_RETURN_IF_ERROR(add_with_copies(*writer, *picture, options));
    if (options.on_file) options.on_file(file, picture.status());
  }
  if (writer->count() == 0) return {ErrorCode::invalid_argument, folder + ": no picture to pack"};
  const size_t count = writer->count();
  TESSERA_RETURN_IF_ERROR(writer->finish());
  return count;
}

}  // namespace tessera::media
