#include "data/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>

namespace tessera::media {
namespace {

// A signal may arrive anywhere, so the names lie where a handler can take them without a lock. The mutex is for the threads among
// themselves. More files at once than there are places are only not cleaned up.
constexpr size_t kPlaces = 256;
std::atomic<char*> names[kPlaces];
std::atomic<bool> ending{false};
static_assert(std::atomic<char*>::is_always_lock_free && std::atomic<bool>::is_always_lock_free, "a signal handler uses them");

std::mutex& mutex() {
  static std::mutex instance;
  return instance;
}

void remember(const std::string& name) {
  const std::lock_guard lock(mutex());
  for (auto& place : names) {
    if (place.load() != nullptr) continue;
    place = ::strdup(name.c_str());
    return;
  }
}

}  // namespace

std::string followed(const std::string& path) {
  namespace fs = std::filesystem;
  constexpr int kLinks = 40;  // as the kernel
  fs::path place = path;
  std::error_code error;
  for (int i = 0; i < kLinks; ++i) {
    if (fs::symlink_status(place, error).type() != fs::file_type::symlink) return place.string();
    const fs::path target = fs::read_symlink(place, error);
    if (error) return path;
    place = target.is_absolute() ? target : place.parent_path() / target;
  }
  return path;
}

int open_temporary(const std::string& path, int flags, std::string& temporary) {
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string mark = ".part-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    // The longest of names leave no room for the mark.
    const size_t slash = path.rfind('/'), name = slash == std::string::npos ? 0 : slash + 1;
    temporary = path.substr(0, name + std::min(path.size() - name, NAME_MAX - mark.size())) + mark;
    remember(temporary);  // before it is there, as afterwards it may be too late
    if (ending) {
      forget_temporary(temporary);
      errno = EINTR;
      return -1;
    }
    const int fd = ::open(temporary.c_str(), flags | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) return fd;
    const int error = errno;
    forget_temporary(temporary);
    errno = error;
    if (error != EEXIST) return -1;  // a clash is only a retry
  }
  return -1;
}

void forget_temporary(const std::string& temporary) {
  const std::lock_guard lock(mutex());
  for (auto& place : names) {
    char* name = place.load();
    if (name == nullptr || temporary != name) continue;
    if (place.compare_exchange_strong(name, nullptr)) std::free(name);  // otherwise a handler has taken it
    return;
  }
}

void remove_temporaries() noexcept {
  ending = true;
  for (auto& place : names) {
    // Not freed: a handler may not, and the process ends.
    if (const char* name = place.exchange(nullptr)) (void)::unlink(name);
  }
}

}  // namespace tessera::media
