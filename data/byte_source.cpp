#include "data/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "data/byte_file.h"
#include "data/standard_input.h"

namespace tessera::media {
namespace {

Status failure(const std::string& name, const char* what, int error) {
  return {ErrorCode::io, name + ": cannot " + what + ": " + std::strerror(error)};
}

}  // namespace

Result<ByteSource> ByteSource::open(const std::string& path) {
  ByteSource source;
  const bool standard = path == kStandardStream;
  source.name_ = standard ? "standard input" : path;
  source.owned_ = !standard;
  source.fd_ = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (source.fd_ < 0) return failure(source.name_, "open", errno);
  struct stat info {};
  if (::fstat(source.fd_, &info) != 0) return failure(source.name_, "open", errno);
  if (S_ISDIR(info.st_mode)) return failure(source.name_, "read", EISDIR);
  if (S_ISREG(info.st_mode)) source.size_ = static_cast<uint64_t>(info.st_size);
  return source;
}

ByteSource::ByteSource(ByteSource&& other) noexcept
    : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)), owned_(other.owned_), size_(other.size_) {}

ByteSource& ByteSource::operator=(ByteSource&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(size_, other.size_);
  return *this;
}

ByteSource::~ByteSource() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

Result<size_t> ByteSource::read(std::span<uint8_t> bytes) {
  if (!owned_) {
    if (const size_t count = take_peeked(bytes.data(), bytes.size()); count > 0) return count;
  }
  for (;;) {
    const ssize_t count = ::read(fd_, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return failure(name_, "read", errno);
  }
}

}  // namespace tessera::media
