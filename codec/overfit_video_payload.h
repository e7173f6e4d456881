// A group of frames to the payloads of its packets (docs/bitstream.md, section 4.8); the way back is read_overfit_frame().
#pragma once

#include <vector>

#include "codec/overfit_video.h"

namespace tessera {

// One payload a frame; the network's channel codes are chosen already.
std::vector<OverfitVideoPacket> write_overfit_group(const models::inr::VideoNetwork& network, const std::vector<models::inr::Embedding>& embeddings, int quality,
                                                    bool checksum);

}  // namespace tessera
