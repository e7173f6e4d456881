// write_weights FOLDER: weights of small untrained video networks, so that scripts can try the video codec wherever they run.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "tests/codec/videos.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    std::filesystem::create_directories(argv[1]);
    tessera::test::write_video_weights(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "write_weights: %s\n", e.what());
    return 1;
  }
  return 0;
}
