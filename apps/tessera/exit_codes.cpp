#include "apps/tessera/exit_codes.h"

#include "apps/tessera/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace tessera::cli {

int exit_code(ErrorCode code) { return code == ErrorCode::ok ? kExitOk : kExitBase + static_cast<int>(code); }

std::string exit_code_help() {
  std::string text = "Exit codes:\n  0 success, 1 unexpected failure, 2 wrong command line";
  for (int code = 1; code <= static_cast<int>(ErrorCode::cancelled); ++code) {
    text += fmt::format(",{}{} {}", code % 4 == 1 ? "\n  " : " ", kExitBase + code,
                        error_name(static_cast<ErrorCode>(code)));
  }
  return text + "\n";
}

int fail(const Status& status) {
  std::string sentence = status.message();
  std::replace(sentence.begin(), sentence.end(), '\n', ' ');
  say(stderr, "tessera: {}\n", sentence);
  return exit_code(status.code());
}

int fail_usage(const Status& status) {
  const int code = fail(status);
  return status.code() == ErrorCode::invalid_argument ? kExitUsage : code;
}

Status named(const std::string& name, const Status& status) {
  const std::string shown = name == "-" ? "standard input" : name;
  if (status.ok() || status.message().rfind(shown + ": ", 0) == 0) return status;
  return {status.code(), shown + ": " + status.message()};
}

}  // namespace tessera::cli
