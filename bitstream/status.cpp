#include "bitstream/status.h"

namespace tessera {

const char* error_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::ok:
      return "ok";
    case ErrorCode::truncated:
      return "truncated";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::limit:
      return "limit";
    case ErrorCode::model_missing:
      return "model missing";
    case ErrorCode::out_of_memory:
      return "out of memory";
    case ErrorCode::device:
      return "device";
    case ErrorCode::invalid_argument:
      return "invalid argument";
    case ErrorCode::io:
      return "input/output";
    case ErrorCode::cancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace tessera
