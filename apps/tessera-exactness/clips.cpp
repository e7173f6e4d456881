#include "apps/tessera-exactness/clips.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "apps/tessera-train/video_pack.h"

namespace tessera::exactness {

std::vector<Clip> read_clips(const std::string& pack, int frames, bool to_and_fro) {
  std::ifstream in(pack, std::ios::binary);
  std::vector<Clip> clips;
  for (const train::PackedClip& p : train::read_video_index(pack).clips) {
    Clip& clip = clips.emplace_back(Clip{p.width, p.height, {}});
    in.seekg(static_cast<std::streamoff>(p.offset));
    const size_t most = frames > 0 ? static_cast<size_t>(frames) : p.frames;
    for (size_t i = 0; i < std::min<size_t>(p.frames, most); ++i) {
      auto& frame = clip.frames.emplace_back(p.frame_bytes());
      if (!in.read(reinterpret_cast<char*>(frame.data()), static_cast<std::streamsize>(frame.size()))) throw std::runtime_error(pack + ": ends too early");
    }
    // To and fro: the last and the first frame are not shown twice in a row.
    const size_t n = clip.frames.size();
    while (to_and_fro && n > 1 && clip.frames.size() < most) {
      const size_t at = clip.frames.size() % (2 * n - 2);
      clip.frames.push_back(clip.frames[at < n ? at : 2 * n - 2 - at]);
    }
  }
  return clips;
}

}  // namespace tessera::exactness
