// Text for the standard streams.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace tessera::cli {

// fmt::print throws where the text cannot be written, and a message that nobody can read must not end the work. A failed standard output
// is seen at the end, by its error flag (command_line.cpp).
template <class... Values>
void say(std::FILE* stream, fmt::format_string<Values...> format, Values&&... values) {
  const std::string text = fmt::format(format, std::forward<Values>(values)...);
  (void)std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace tessera::cli
