// What the process owes its surroundings, whatever the command.
#pragma once

namespace tessera::cli {

// Once, before anything else:
// - a signal that ends the program (Ctrl-C, SIGTERM, SIGHUP, SIGPIPE) takes half-written files with it; one that was ignored stays ignored;
// - a file that grows past the limit of `ulimit -f` is an error of writing, not the end of the process;
// - standard streams that were closed cannot be read or written, but no file gets their number.
void prepare_process();

}  // namespace tessera::cli
