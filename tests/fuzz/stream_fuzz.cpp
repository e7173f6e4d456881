// The reader of arriving streams: a stream chopped in any way gives the same events as the whole one.
// Input: 4 bytes of options (how it is chopped), then a stream.
#include <algorithm>
#include <vector>

#include "bitstream/file.h"
#include "bitstream/stream_reader.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/loose_stream.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera::bitstream {
namespace {

constexpr size_t kOptions = 4;

struct Seen {
  StreamReader::Kind kind;
  std::vector<uint8_t> bytes;
  uint64_t lost, position;
  ErrorCode damage;
  bool operator==(const Seen&) const = default;
};

// `sizes`: of the pieces, over and over.
std::vector<Seen> read(std::span<const uint8_t> bytes, std::span<const size_t> sizes, bool companions) {
  std::vector<Seen> events;
  StreamReader reader;
  if (companions) reader.want_companions();
  size_t at = 0, turn = 0;
  uint64_t position = 0;
  for (;;) {
    const auto event = reader.next();
    TESSERA_REQUIRE(reader.position() >= position && reader.position() <= at);
    position = reader.position();
    if (event.kind == StreamReader::Kind::need_bytes) {
      TESSERA_REQUIRE(at < bytes.size() || turn != SIZE_MAX);  // once finished it must not ask again
      if (at == bytes.size()) {
        reader.finish();
        turn = SIZE_MAX;
        continue;
      }
      const size_t size = std::min(sizes[turn++ % sizes.size()], bytes.size() - at);
      reader.push(bytes.subspan(at, size));
      at += size;
      continue;
    }
    events.push_back({event.kind, {event.bytes.begin(), event.bytes.end()}, event.lost, position, event.damage.code()});
    TESSERA_REQUIRE(events.size() <= bytes.size() + 2);
    if (event.kind == StreamReader::Kind::end) return events;
  }
}

void run(fuzz::Input input) {
  // 0 of four: in one piece.
  std::vector<size_t> sizes;
  for (size_t i = 0; i < kOptions; ++i) {
    if (const uint8_t size = input.u8(); size != 0) sizes.push_back(size);
  }
  const auto bytes = input.rest();
  const size_t all[] = {std::max<size_t>(1, bytes.size())};
  for (const bool companions : {true, false}) {
    if (!sizes.empty()) TESSERA_REQUIRE(read(bytes, sizes, companions) == read(bytes, all, companions));
  }
  const auto whole = read(bytes, all, false), more = read(bytes, all, true);

  // A file that is right is read without losses, packet by packet.
  const auto file = parse_file(bytes);
  if (!file || file->header.kind == MediaKind::image) return;
  const uint64_t max_payload = file->header.kind == MediaKind::audio ? kMaxAudioPayload : max_video_payload(file->header.picture);
  for (const PacketView& view : file->packets) {
    if (view.packet.payload.size() > max_payload) return;
  }
  // A companion that is larger than the reader allows is damage to it.
  if (std::ranges::any_of(file->companions, [&](const auto& piece) { return piece.size() > max_payload; })) return;
  TESSERA_REQUIRE(whole.size() == file->packets.size() + 2 && whole.back().damage == ErrorCode::ok);
  TESSERA_REQUIRE(more.size() == whole.size() + file->companions.size());
  for (size_t i = 0; i < file->packets.size(); ++i) {
    const PacketView& view = file->packets[i];
    TESSERA_REQUIRE(std::ranges::equal(whole[i + 1].bytes, bytes.subspan(static_cast<size_t>(view.offset), static_cast<size_t>(view.size))));
  }
}

}  // namespace
}  // namespace tessera::bitstream

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::bitstream::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return tessera::fuzz::mutate_stream(data, size, max_size, seed, tessera::bitstream::kOptions);
}
