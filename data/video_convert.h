// Between FFmpeg's pixel formats and our planar YUV. Internal to tessera_av.
#pragma once

#include <string>

#include "bitstream/status.h"
#include "data/av_handles.h"
#include "data/video_frame.h"

namespace tessera::media::av {

// FFmpeg's name of one of our formats.
AVPixelFormat pixel_format_of(const VideoFormat& format);

// The one of our sampling structures and bit depths that is nearest to FFmpeg's format (size not set): RGB
// becomes 4:4:4, grey 4:2:0, more than 8 bits become 10, alpha is dropped.
VideoFormat nearest_format(AVPixelFormat format);

// Whether samples of this format are RGB.
bool is_rgb(AVPixelFormat format);

// Copies a decoded picture, converting where it has to. RGB becomes limited-range BT.709.
class FrameConverter {
 public:
  // Precondition: `from` is as large as to.format. Errors: unsupported, out_of_memory.
  Status convert(const AVFrame* from, bool full_range, VideoFrame& to);

 private:
  Sws sws_;
  Frame scaled_;
  int opened_for_ = -1;
};

// Copies our planes into an AVFrame that has its buffers. Where the AVFrame is a luma column or row larger,
// the last one is repeated.
void copy_planes(const VideoFrame& from, AVFrame* to);

}  // namespace tessera::media::av
