// FFmpeg's log: kept off the terminal, its last error line kept for our own messages.
#pragma once

#include <string>

namespace tessera::media::av {

// Replaces the log callback of the whole process; the first call does it, later ones do nothing.
void silence_log();

// Forgets the calling thread's line.
void clear_last_line();

// The last error that FFmpeg logged on this thread since clear_last_line(), without a line end; may be empty.
// What FFmpeg's own worker threads log is dropped: it cannot be told whose it is.
std::string last_line();

}  // namespace tessera::media::av
