#include "data/av_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "data/av_error.h"
#include "data/byte_file.h"
#include "data/standard_input.h"

namespace tessera::media::av {
namespace {

constexpr int kBufferBytes = 1 << 16;

}  // namespace

Result<std::unique_ptr<Source>> Source::open(const std::string& path) {
  std::unique_ptr<Source> source(new Source);
  const bool standard = path == kStandardStream;
  source->name_ = standard ? "standard input" : path;
  source->owned_ = !standard;
  source->fd_ = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (source->fd_ < 0) return io_failure(source->name_, "open", errno);
  struct stat info {};
  if (::fstat(source->fd_, &info) != 0) return io_failure(source->name_, "open", errno);
  if (S_ISDIR(info.st_mode)) return io_failure(source->name_, "read", EISDIR);
  if (S_ISREG(info.st_mode)) {
    source->start_ = ::lseek(source->fd_, 0, SEEK_CUR);
    if (source->start_ >= 0) source->size_ = info.st_size - source->start_;
  }
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) return {ErrorCode::out_of_memory, source->name_ + ": no memory for a buffer"};
  source->io_.reset(avio_alloc_context(buffer, kBufferBytes, 0, source.get(), &Source::read, nullptr,
                                       source->size_ >= 0 ? &Source::seek : nullptr));
  if (!source->io_) {
    av_free(buffer);
    return {ErrorCode::out_of_memory, source->name_ + ": no memory for a buffer"};
  }
  return source;
}

Source::~Source() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

Status Source::status() const { return error_ == 0 ? Status() : io_failure(name_, "read", error_); }

int Source::read(void* self, uint8_t* bytes, int size) {
  auto* source = static_cast<Source*>(self);
  if (!source->owned_) {
    if (const size_t count = take_peeked(bytes, static_cast<size_t>(size)); count > 0) {
      source->total_ += count;
      return static_cast<int>(count);
    }
  }
  for (;;) {
    const ssize_t count = ::read(source->fd_, bytes, static_cast<size_t>(size));
    if (count > 0) {
      source->total_ += static_cast<uint64_t>(count);
      return static_cast<int>(count);
    }
    if (count == 0) return AVERROR_EOF;
    if (errno == EINTR) continue;
    if (source->error_ == 0) source->error_ = errno;
    return AVERROR(errno);
  }
}

int64_t Source::seek(void* self, int64_t offset, int whence) {
  auto* source = static_cast<Source*>(self);
  if ((whence & AVSEEK_SIZE) != 0) return source->size_;
  whence &= ~AVSEEK_FORCE;
  if (whence == SEEK_SET) {
    if (offset < 0) return AVERROR(EINVAL);
    offset += source->start_;
  }
  const int64_t place = ::lseek(source->fd_, offset, whence);
  return place < 0 ? AVERROR(errno) : place - source->start_;
}

}  // namespace tessera::media::av
