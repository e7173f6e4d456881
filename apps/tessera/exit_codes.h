// Exit codes of the program: one for each class of failure, so that scripts can tell them apart.
#pragma once

#include <string>

#include "bitstream/status.h"

namespace tessera::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitUnexpected = 1;  // a failure that no class describes
inline constexpr int kExitUsage = 2;       // the command line itself is wrong
inline constexpr int kExitBase = 10;       // + the number of the ErrorCode

int exit_code(ErrorCode code);

// The table of codes for --help.
std::string exit_code_help();

// Prints "tessera: <sentence>" on standard error, as one line, and returns the exit code.
int fail(const Status& status);

// The same for what the command line itself got wrong: kExitUsage for an invalid argument.
int fail_usage(const Status& status);

// The status with "`name`: " before its sentence, unless that is there already.
Status named(const std::string& name, const Status& status);

}  // namespace tessera::cli
