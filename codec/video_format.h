// Between the public description of a video and the file header's; what a video may be, and what decoding it will cost.
#pragma once

#include "bitstream/header.h"
#include "codec/video.h"

namespace tessera {

// Errors: invalid_argument.
Status check_format(const VideoFormat& format);

void describe(const VideoFormat& format, bitstream::FileHeader& header);
// Errors: unsupported (a layout that no model codes), corrupt.
Result<VideoFormat> format_of(const bitstream::FileHeader& header);

// Peak bytes of decoding on the CPU, for a model of so many multiply-adds a pixel and so many pictures in the making at the same time.
uint64_t predicted_video_memory(const bitstream::PictureInfo& picture, double macs, int at_once = 1);

// Seconds of a number of ticks.
double seconds_of(const VideoFormat& format, uint64_t ticks);

}  // namespace tessera
