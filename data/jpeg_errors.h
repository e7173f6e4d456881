// How libjpeg's failures come back: it reports them by a call that must not return.
#pragma once

#include <csetjmp>
#include <cstdio>

// They have to follow <cstdio>, from which they take FILE and size_t.
#include <jerror.h>
#include <jpeglib.h>

namespace tessera::media {

struct JpegErrors {
  jpeg_error_mgr base;  // first, so that the library's pointer to it is a pointer to this
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
  int code = 0;
  bool ended_early = false;
};

// Makes the library jump to errors.back on a failure, and keeps it quiet. For state->err.
inline jpeg_error_mgr* jpeg_errors(JpegErrors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = [](j_common_ptr common) {
    auto* handler = reinterpret_cast<JpegErrors*>(common->err);
    handler->base.format_message(common, handler->message);
    handler->code = handler->base.msg_code;
    std::longjmp(handler->back, 1);
  };
  errors.base.output_message = [](j_common_ptr) {};
  errors.base.emit_message = [](j_common_ptr common, int) {
    auto* handler = reinterpret_cast<JpegErrors*>(common->err);
    if (handler->base.msg_code == JWRN_JPEG_EOF) handler->ended_early = true;
  };
  return &errors.base;
}

}  // namespace tessera::media
