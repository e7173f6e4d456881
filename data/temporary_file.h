// Files that are written under a temporary name beside their target and renamed when they are whole.
#pragma once

#include <string>

namespace tessera::media {

// Where `path` leads: a symbolic link is followed, also to a name that is not there yet, so that what replaces the file does not replace the link.
// A loop of links is given back as it is.
std::string followed(const std::string& path);

// Creates a file beside `path` under a name that no other thread or process uses, with the access `flags` (O_WRONLY, O_RDWR).
// Returns its descriptor, or -1 with errno. The name is remembered until forget_temporary(), so that remove_temporaries() finds it.
int open_temporary(const std::string& path, int flags, std::string& temporary);

// After the name was given up: renamed or removed.
void forget_temporary(const std::string& temporary);

// Removes every temporary file that is remembered, and lets no new one begin. For handlers of signals that end the process: it calls
// only what a handler may call.
void remove_temporaries() noexcept;

}  // namespace tessera::media
