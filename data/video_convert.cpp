#include "data/video_convert.h"

#include <cstring>

#include "data/av_error.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace tessera::media::av {
namespace {

// The same samples under an older name that implies full range.
AVPixelFormat plain(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    default:
      return format;
  }
}

void copy_rows(const uint8_t* from, ptrdiff_t from_stride, uint8_t* to, ptrdiff_t to_stride, size_t row,
               uint32_t rows) {
  for (uint32_t y = 0; y < rows; ++y) {
    std::memcpy(to + to_stride * static_cast<ptrdiff_t>(y), from + from_stride * static_cast<ptrdiff_t>(y),
                row);
  }
}

size_t row_bytes(const VideoFormat& format, int plane) {
  return format.plane_width(plane) * format.sample_bytes();
}

void extract(const AVFrame* from, VideoFrame& to) {
  for (int plane = 0; plane < 3; ++plane) {
    const size_t row = row_bytes(to.format, plane);
    copy_rows(from->data[plane], from->linesize[plane], to.plane(plane).data(), static_cast<ptrdiff_t>(row),
              row, to.format.plane_height(plane));
  }
}

}  // namespace

AVPixelFormat pixel_format_of(const VideoFormat& format) {
  const bool deep = format.bit_depth > 8;
  switch (format.chroma) {
    case Chroma::yuv420:
      return deep ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
    case Chroma::yuv422:
      return deep ? AV_PIX_FMT_YUV422P10 : AV_PIX_FMT_YUV422P;
    case Chroma::yuv444:
      return deep ? AV_PIX_FMT_YUV444P10 : AV_PIX_FMT_YUV444P;
  }
  return AV_PIX_FMT_NONE;
}

bool is_rgb(AVPixelFormat format) {
  const AVPixFmtDescriptor* pixel = av_pix_fmt_desc_get(format);
  return pixel != nullptr && (pixel->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

VideoFormat nearest_format(AVPixelFormat format) {
  VideoFormat nearest;
  const AVPixFmtDescriptor* pixel = av_pix_fmt_desc_get(format);
  if (pixel == nullptr) return nearest;
  nearest.bit_depth = pixel->comp[0].depth > 8 ? 10 : 8;
  const bool grey = pixel->nb_components < 3 && !is_rgb(format);
  if (grey) {
    nearest.chroma = Chroma::yuv420;
  } else if (pixel->log2_chroma_w == 0) {  // 4:4:4, RGB, and 4:4:0, which must not lose its width
    nearest.chroma = Chroma::yuv444;
  } else if (pixel->log2_chroma_h == 0) {
    nearest.chroma = Chroma::yuv422;
  }
  return nearest;
}

Status FrameConverter::convert(const AVFrame* from, bool full_range, VideoFrame& to) {
  const auto source = plain(static_cast<AVPixelFormat>(from->format));
  const AVPixelFormat wanted = pixel_format_of(to.format);
  if (source == wanted) {
    extract(from, to);
    return {};
  }
  const int width = from->width, height = from->height;
  if (opened_for_ != from->format) {
    sws_.reset(sws_getContext(width, height, source, width, height, wanted,
                              SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT, nullptr,
                              nullptr, nullptr));
    if (!sws_) return {ErrorCode::unsupported, "FFmpeg cannot convert its pixel format to planar YUV"};
    const bool rgb = is_rgb(source);
    const int* matrix = sws_getCoefficients(rgb ? SWS_CS_ITU709 : SWS_CS_DEFAULT);
    const int range = full_range ? 1 : 0;
    (void)sws_setColorspaceDetails(sws_.get(), matrix, rgb ? 1 : range, matrix, range, 0, 1 << 16, 1 << 16);
    opened_for_ = from->format;
  }
  // Through FFmpeg's own buffers: libswscale may write past the end of a row.
  if (scaled_ == nullptr) {
    scaled_.reset(av_frame_alloc());
    if (!scaled_) return {ErrorCode::out_of_memory, "no memory for a frame"};
    scaled_->format = wanted;
    scaled_->width = width;
    scaled_->height = height;
    if (av_frame_get_buffer(scaled_.get(), 0) < 0) {
      scaled_.reset();
      return {ErrorCode::out_of_memory, "no memory for a frame"};
    }
  }
  const int rows =
      sws_scale(sws_.get(), from->data, from->linesize, 0, height, scaled_->data, scaled_->linesize);
  if (rows < 0) return failure("picture", "convert it to planar YUV", rows);
  extract(scaled_.get(), to);
  return {};
}

void copy_planes(const VideoFrame& from, AVFrame* to) {
  for (int plane = 0; plane < 3; ++plane) {
    const size_t row = row_bytes(from.format, plane);
    const uint32_t rows = from.format.plane_height(plane);
    copy_rows(from.plane(plane).data(), static_cast<ptrdiff_t>(row), to->data[plane], to->linesize[plane],
              row, rows);
    if (plane != 0) continue;  // chroma rounds up: it is as large already
    const size_t sample = from.format.sample_bytes();
    const ptrdiff_t stride = to->linesize[0];
    for (ptrdiff_t y = 0; to->width > static_cast<int>(from.format.width) && y < rows; ++y) {
      uint8_t* end = to->data[0] + y * stride + static_cast<ptrdiff_t>(row);
      std::memcpy(end, end - sample, sample);
    }
    if (to->height > static_cast<int>(rows)) {
      uint8_t* last = to->data[0] + static_cast<ptrdiff_t>(rows) * stride;
      std::memcpy(last, last - stride, static_cast<size_t>(to->width) * sample);
    }
  }
}

}  // namespace tessera::media::av
