// The command line: options in, exit code out. docs/cli.md describes it for its users.
#pragma once

namespace tessera::cli {

// Runs the program. Returns its exit code (exit_codes.h). No exception leaves it.
int run(int argc, const char* const* argv);

}  // namespace tessera::cli
