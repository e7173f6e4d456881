// Pictures a second when several are coded at once: while one picture's symbols are with the range coder, another's are in the
// networks. That is how a server uses a GPU.
#pragma once

#include "bitstream/status.h"
#include "codec/tessera.h"

namespace tessera::cli {

struct Throughput {
  double encoded = 0, decoded = 0;  // pictures a second
};

// `workers` threads, each with an encoder and a decoder of its own, `rounds` pictures each after one that only warms up.
Result<Throughput> measure_throughput(const ImageView& picture, const ImageMetadata& metadata, const EncoderOptions& encoder,
                                      const DecoderOptions& decoder, int workers, int rounds);

}  // namespace tessera::cli
