#include "data/standard_input.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tessera::media {
namespace {

// One standard input, one state. Used by one thread at a time, as standard input can be named only once.
struct Ahead {
  std::vector<uint8_t> bytes;
  size_t taken = 0;
};

Ahead& ahead() {
  static Ahead state;
  return state;
}

Status failure(int error) { return {ErrorCode::io, std::string("standard input: cannot read: ") + std::strerror(error)}; }

}  // namespace

Result<std::span<const uint8_t>> peek_standard_input(size_t count) {
  Ahead& state = ahead();
  state.bytes.erase(state.bytes.begin(), state.bytes.begin() + static_cast<ptrdiff_t>(state.taken));
  state.taken = 0;
  const off_t place = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
  struct stat info {};
  if (place >= 0 && ::fstat(STDIN_FILENO, &info) == 0 && S_ISREG(info.st_mode)) {
    // A file: looked at in place, so that its reader can seek.
    static std::vector<uint8_t> seen;
    seen.resize(count);
    size_t have = 0;
    while (have < count) {
      const ssize_t got = ::pread(STDIN_FILENO, seen.data() + have, count - have, place + static_cast<off_t>(have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failure(errno);
      if (got == 0) break;
      have += static_cast<size_t>(got);
    }
    return std::span<const uint8_t>(seen).first(have);
  }
  size_t have = state.bytes.size();
  state.bytes.resize(std::max(have, count));
  while (have < count) {
    const ssize_t got = ::read(STDIN_FILENO, state.bytes.data() + have, count - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      state.bytes.resize(have);
      return failure(error);
    }
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  state.bytes.resize(have);
  return std::span<const uint8_t>(state.bytes).first(std::min(count, have));
}

size_t take_peeked(uint8_t* bytes, size_t size) {
  Ahead& state = ahead();
  const size_t count = std::min(size, state.bytes.size() - state.taken);
  std::copy_n(state.bytes.begin() + static_cast<ptrdiff_t>(state.taken), count, bytes);
  state.taken += count;
  return count;
}

}  // namespace tessera::media
