// FFmpeg's error numbers as our Status.
#pragma once

#include <string>

#include "bitstream/status.h"

namespace tessera::media::av {

// "NAME: cannot WHAT: CAUSE (FFmpeg's last line)". io for the operating system's errors, out_of_memory,
// unsupported for what FFmpeg lacks, otherwise `otherwise`.
Status failure(const std::string& name, const std::string& what, int error,
               ErrorCode otherwise = ErrorCode::corrupt);

// "NAME: cannot WHAT: CAUSE" from an errno.
Status io_failure(const std::string& name, const std::string& what, int error);

}  // namespace tessera::media::av
