// Small packs for tests of the trainer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::train::test {

// A frame whose samples say where they are: luma (3 x + 5 y + 7 t + 11 clip) mod 256, chroma likewise with 2x and 2y, Cr 100 more.
std::vector<uint8_t> marked_frame(uint32_t width, uint32_t height, int frame, int clip);
uint8_t marked_luma(int64_t x, int64_t y, int64_t frame, int64_t clip);

// Clips of marked frames: sizes 96x80 (5 frames), 64x128 (1 frame), 200x72 (9 frames).
void write_marked_pack(const std::string& path);
// A texture that moves, 3 clips of 12 frames.
void write_moving_pack(const std::string& path);
// Two pictures made by code.
void write_picture_pack(const std::string& path);

std::string text_of(const std::string& path);  // a file's; empty when there is none
bool exists(const std::string& path);
// The number behind `name` in a log's line about a step; throws when there is none.
double value_at(const std::string& log, int step, const std::string& name);
uint16_t free_port();  // of TCP; was free a moment ago

}  // namespace tessera::train::test
