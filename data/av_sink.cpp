#include "data/av_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "data/av_error.h"
#include "data/byte_file.h"
#include "data/temporary_file.h"

namespace tessera::media::av {

Result<std::unique_ptr<Sink>> Sink::open(const std::string& path) {
  std::unique_ptr<Sink> sink(new Sink);
  sink->path_ = path;
  sink->name_ = path;
  if (path == kStandardStream) {
    sink->name_ = "standard output";
    sink->fd_ = STDOUT_FILENO;
    return sink;
  }
  sink->owned_ = true;
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return io_failure(path, "write", EISDIR);
  if (exists && !S_ISREG(info.st_mode)) {
    sink->fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (sink->fd_ < 0) return io_failure(path, "open for writing", errno);
    return sink;
  }
  if (exists && ::access(path.c_str(), W_OK) != 0) return io_failure(path, "write", errno);
  sink->path_ = followed(path);
  std::string temporary;
  sink->fd_ = open_temporary(sink->path_, O_RDWR, temporary);
  if (sink->fd_ < 0) return io_failure(path, "create", errno);
  sink->temporary_ = std::move(temporary);
  if (exists) (void)::fchmod(sink->fd_, info.st_mode & 07777);  // as if it had been written in place
  return sink;
}

Sink::~Sink() {
  if (owned_ && fd_ >= 0) ::close(fd_);
  if (temporary_.empty()) return;
  (void)::unlink(temporary_.c_str());
  forget_temporary(temporary_);
}

bool Sink::fail(int error) {
  if (error_ == 0) error_ = error;
  return false;
}

bool Sink::write(std::span<const uint8_t> bytes) {
  if (error_ != 0) return false;
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

int64_t Sink::seek(int64_t offset, int whence) {
  const int64_t place = ::lseek(fd_, offset, whence);
  return place < 0 ? -int64_t{errno} : place;
}

Status Sink::status() const { return error_ == 0 ? Status() : io_failure(name_, "write", error_); }

Status Sink::finish() {
  // A full disk may show only when the file is closed.
  if (owned_ && fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0) (void)fail(errno);
  TESSERA_RETURN_IF_ERROR(status());
  if (!temporary_.empty()) {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) (void)fail(errno);
    TESSERA_RETURN_IF_ERROR(status());
    forget_temporary(temporary_);
    temporary_.clear();
  }
  return {};
}

void Sink::keep() {
  if (owned_ && fd_ >= 0) (void)::close(std::exchange(fd_, -1));
  if (temporary_.empty() || ::rename(temporary_.c_str(), path_.c_str()) != 0) return;
  forget_temporary(temporary_);
  temporary_.clear();
}

}  // namespace tessera::media::av
