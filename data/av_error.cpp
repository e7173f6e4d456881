#include "data/av_error.h"

#include <array>
#include <cerrno>
#include <cstring>

#include "data/av_handles.h"
#include "data/av_log.h"

namespace tessera::media::av {
namespace {

ErrorCode code_of(int error, ErrorCode otherwise) {
  switch (error) {
    case AVERROR(ENOMEM):
      return ErrorCode::out_of_memory;
    case AVERROR(EIO):
    case AVERROR(ENOENT):
    case AVERROR(EACCES):
    case AVERROR(EISDIR):
    case AVERROR(ENOSPC):
    case AVERROR(EPIPE):
    case AVERROR(EFBIG):
      return ErrorCode::io;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(ENOSYS):
    case AVERROR(EPERM):
      return ErrorCode::unsupported;
    default:
      return otherwise;
  }
}

}  // namespace

Status failure(const std::string& name, const std::string& what, int error, ErrorCode otherwise) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> cause{};
  av_strerror(error, cause.data(), cause.size());
  std::string message = name + ": cannot " + what + ": " + cause.data();
  if (const std::string line = last_line(); !line.empty()) message += " (" + line + ")";
  return {code_of(error, otherwise), message};
}

Status io_failure(const std::string& name, const std::string& what, int error) {
  return {ErrorCode::io, name + ": cannot " + what + ": " + std::strerror(error)};
}

}  // namespace tessera::media::av
