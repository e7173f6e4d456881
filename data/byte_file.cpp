#include "data/byte_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "data/standard_input.h"
#include "data/temporary_file.h"

namespace tessera::media {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd, bool owned = true) : fd_(fd), owned_(owned) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { (void)close(); }

  int get() const { return fd_; }
  int close() {  // a full disk may show only here
    if (!owned_ || fd_ < 0) return 0;
    return ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
  bool owned_;
};

std::string shown(const std::string& path, const char* stream) {
  return path == kStandardStream ? stream : path;
}

Status io_error(const std::string& what, const std::string& name, int error) {
  return {ErrorCode::io, name + ": cannot " + what + ": " + std::strerror(error)};
}

bool write_all(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), size_t{1} << 30));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

Status write_directly(const std::string& path, const std::string& name, std::span<const uint8_t> bytes) {
  const bool standard = path == kStandardStream;
  Descriptor file(standard ? STDOUT_FILENO : ::open(path.c_str(), O_WRONLY | O_CLOEXEC), !standard);
  if (file.get() < 0) return io_error("open for writing", name, errno);
  if (!write_all(file.get(), bytes) || file.close() != 0) return io_error("write", name, errno);
  return {};
}

}  // namespace

Result<std::vector<uint8_t>> read_file(const std::string& path, uint64_t max_bytes) {
  const std::string name = shown(path, "standard input");
  const bool standard = path == kStandardStream;
  Descriptor file(standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC), !standard);
  if (file.get() < 0) return io_error("open", name, errno);
  std::vector<uint8_t> bytes;
  struct stat info {};
  if (::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) {
    bytes.reserve(static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), max_bytes)) +
                  1);
  }
  size_t used = 0;
  for (;;) {
    bytes.resize(std::max<size_t>(bytes.capacity(), used + 65536));
    const size_t ahead = standard ? take_peeked(bytes.data() + used, bytes.size() - used) : 0;
    const ssize_t count = ahead > 0 ? static_cast<ssize_t>(ahead) : ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error("read", name, errno);
    if (count == 0) break;
    used += static_cast<size_t>(count);
    if (used > max_bytes) {
      return {ErrorCode::limit, name + ": larger than the limit of " + std::to_string(max_bytes) + " bytes"};
    }
  }
  bytes.resize(used);
  return bytes;
}

Status write_file(const std::string& path, std::span<const uint8_t> bytes) {
  const std::string name = shown(path, "standard output");
  struct stat info {};
  const bool exists = path != kStandardStream && ::stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return io_error("write", name, EISDIR);
  if (path == kStandardStream || (exists && !S_ISREG(info.st_mode))) return write_directly(path, name, bytes);
  if (exists && ::access(path.c_str(), W_OK) != 0) return io_error("write", name, errno);

  const std::string target = followed(path);
  std::string temporary;
  Descriptor file(open_temporary(target, O_WRONLY, temporary));
  if (file.get() < 0) return io_error("create", name, errno);
  if (exists) (void)::fchmod(file.get(), info.st_mode & 07777);  // as if the file had been written in place
  if (!write_all(file.get(), bytes) || file.close() != 0 || ::rename(temporary.c_str(), target.c_str()) != 0) {
    const int error = errno;
    (void)::unlink(temporary.c_str());
    forget_temporary(temporary);
    return io_error("write", name, error);
  }
  forget_temporary(temporary);
  return {};
}

}  // namespace tessera::media
