#include "data/av_log.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "data/av_handles.h"

namespace tessera::media::av {
namespace {

// Plain memory: the callback may run where an allocation would be unwise.
thread_local std::array<char, 256> line{};

void keep(void*, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  std::array<char, 256> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  if (text[0] != '\0' && text[0] != '\n') line = text;
}

}  // namespace

void silence_log() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(keep); });
}

void clear_last_line() { line[0] = '\0'; }

std::string last_line() {
  std::string text = line.data();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '.')) text.pop_back();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';  // file contents may get into the line
  }
  return text;
}

}  // namespace tessera::media::av
