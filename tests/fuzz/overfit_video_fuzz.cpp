// Overfitted video, without libtorch: networks and embeddings of every packet, which are written again to the same symbols, and pictures of small
// networks by the plain and by the best kernels. Input: 4 bytes of options, then a stream.
#include <algorithm>
#include <functional>

#include "bitstream/file.h"
#include "bitstream/packet.h"
#include "codec/guard.h"
#include "codec/overfit_video_payload.h"
#include "models/parallel.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/loose_stream.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

// The pool of threads needs libtorch: here one thread does everything, in pieces as small as they get.
int tessera::models::threads() { return 16; }
void tessera::models::parallel(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& work) {
  for (int64_t at = 0; at < count; at += grain) work(at, std::min(count, at + grain));
}

namespace tessera {
namespace {

namespace bs = bitstream;
namespace inr = models::inr;

constexpr size_t kOptions = 4;
// Larger networks are legal, and take their time; those that are painted take blocks of 32 samples a row even where there is one.
constexpr int64_t kMostParameters = 1 << 14, kMostPainted = 1 << 12;

using Group = std::vector<OverfitVideoFrame>;  // as far as its frames follow each other

void check(const Group& group) {
  std::vector<inr::Embedding> embeddings;
  for (const OverfitVideoFrame& frame : group) {
    for (const int16_t q : frame.values) TESSERA_REQUIRE(q >= -INT16_MAX);
    embeddings.push_back(frame.values);
  }
  const auto packets = write_overfit_group(*group[0].network, embeddings, group[0].quality, true);
  TESSERA_REQUIRE(packets.size() == embeddings.size());
  for (size_t t = 0; t < packets.size(); ++t) TESSERA_REQUIRE(packets[t].checksum == group[t].checksum);
}

// A damaged network's samples may be anything, infinite or no numbers, so that kernels need not agree; tests/models/inr/video_test.cpp compares them.
void paint(const OverfitVideoFrame& frame, uint32_t height, uint32_t width) {
  const inr::VideoPlanes plain = inr::VideoSynthesis(*frame.network, height, width, inr::kPlainVideoKernels).frame(frame.values, frame.index);
  const inr::VideoPlanes best = frame.synthesis->frame(frame.values, frame.index);
  TESSERA_REQUIRE(plain.y.size() == best.y.size() && plain.uv.size() == best.uv.size() && plain.y.size() == 2 * plain.uv.size());
  TESSERA_REQUIRE(plain.shape.height == (height + 1) / 2 && plain.shape.width == (width + 1) / 2);
}

void run(fuzz::Input input) {
  const uint8_t options = input.u8();
  const bool write_again = !(options & 1), pictures = !(options & 2);
  input.bytes(kOptions - 1);
  bs::Limits limits;
  limits.max_pixels = 1 << 12;
  limits.max_dimension = 1 << 9;
  const auto file = bs::parse_file(input.rest(), limits);
  if (!file || file->header.kind != bs::MediaKind::video) return;
  const uint32_t height = file->header.picture.height, width = file->header.picture.width;
  Group group;
  for (const bs::PacketView& view : file->packets) {
    const bool key = view.packet.kind == bs::PacketKind::key;
    if (!key && (view.packet.kind != bs::PacketKind::predicted || group.empty())) continue;
    try {
      if (key && inr::parameter_count(read_overfit_video_config(view.packet.payload)) > kMostParameters) continue;
      VideoReport report;
      OverfitVideoFrame frame = read_overfit_frame(view.packet.payload, key, key ? nullptr : &group.back(), height, width, pictures, report);
      TESSERA_REQUIRE(key == (frame.index == 0) && frame.index < frame.network->config.frames && report.symbols_coded >= frame.values.size());
      TESSERA_REQUIRE(pictures == (frame.synthesis != nullptr));
      if (pictures && inr::parameter_count(frame.network->config) <= kMostPainted && frame.index < 2) paint(frame, height, width);
      if (key && write_again && !group.empty()) check(group);
      if (key) group.clear();
      group.push_back(std::move(frame));
    } catch (const Failure& failure) {
      TESSERA_REQUIRE(!failure.status.message().empty());
      TESSERA_REQUIRE(failure.status.code() == ErrorCode::corrupt || failure.status.code() == ErrorCode::unsupported || failure.status.code() == ErrorCode::truncated);
    }
  }
  if (write_again && !group.empty()) check(group);
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return tessera::fuzz::mutate_stream(data, size, max_size, seed, tessera::kOptions);
}
