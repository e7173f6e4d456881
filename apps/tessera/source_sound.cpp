#include "apps/tessera/source_sound.h"

#include <algorithm>
#include <cmath>

namespace tessera::cli {
namespace {

constexpr uint64_t kPiece = 1 << 14;  // frames at most at a time
constexpr double kMostSilence = 3600;  // seconds: times beyond it are taken for nonsense

}  // namespace

std::optional<SourceSound> SourceSound::open(const std::string& path) {
  if (path == "-" || path.rfind("/dev/", 0) == 0) return {};
  auto reader = media::AudioReader::open(path);
  if (!reader) return {};
  return SourceSound(std::move(*reader));
}

void SourceSound::begin(double start) {
  const double early = start - reader_.start();  // seconds of sound before the first frame
  if (!(std::abs(early) < kMostSilence)) return;
  (early > 0 ? dropped_ : silence_) = static_cast<uint64_t>(std::llround(std::abs(early) * sample_rate()));
}

Result<std::vector<float>> SourceSound::read(uint64_t frames) {
  const size_t width = channels();
  std::vector<float> out;
  if (ended_ || frames == 0) return out;
  const uint64_t silent = std::min(silence_, frames);
  silence_ -= silent;
  out.assign(static_cast<size_t>(silent) * width, 0.0f);
  while (!ended_ && out.size() / width < frames) {
    std::vector<float> piece(static_cast<size_t>(std::min(kPiece, dropped_ > 0 ? dropped_ : frames - out.size() / width)) * width);
    const auto count = reader_.read(piece);
    if (!count) {  // the frames go on without it
      damage_ = count.status();
      ended_ = true;
      break;
    }
    ended_ = *count == 0;
    if (dropped_ > 0) {
      dropped_ -= std::min<uint64_t>(dropped_, *count);
      continue;
    }
    out.insert(out.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(*count * width));
  }
  given_ += out.size() / width;
  return out;
}

Result<std::vector<float>> SourceSound::until(double seconds) {
  const auto wanted = static_cast<uint64_t>(std::max(0.0, seconds) * sample_rate());
  return read(wanted > given_ ? wanted - given_ : 0);
}

Result<std::vector<float>> SourceSound::rest() { return read(kPiece); }

}  // namespace tessera::cli
