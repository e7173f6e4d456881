// Takes a stream of sound or video apart while it arrives: the header, then packet by packet, in bounded memory. Unlike parse_file() it
// goes on behind damage: it finds the next packet whose checksum is right and says about how many were lost.
//
//   StreamReader reader;
//   for (;;) switch (const auto event = reader.next(); event.kind) {
//     case StreamReader::Kind::need_bytes: reader.push(more) or reader.finish(); break;
//     case StreamReader::Kind::header: ...                                  // and so on until Kind::end
//   }
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitstream/header.h"
#include "bitstream/packet.h"
#include "bitstream/status.h"

namespace tessera::bitstream {

// Bytes of an audio packet's payload, at most: what bounds the reader's memory.
inline constexpr uint64_t kMaxAudioPayload = 65535;
// The same of video: 32 bits a sample of the padded picture, and room for what does not grow with it.
uint64_t max_video_payload(const PictureInfo& picture);

class StreamReader {
 public:
  enum class Kind {
    need_bytes,  // push() or finish() first
    header,      // `bytes`: the file header
    packet,      // `bytes`: a whole key packet, or in video a predicted one, with its framing
    lost,        // `lost` packets are missing here, none where a companion is damaged; `damage` says why
    end,         // nothing follows; `damage` is not ok when the stream ends too early or cannot be read on
    companion,   // `bytes`: the next piece of the sound that belongs to a video, for a StreamReader of its own; only when asked for
  };
  struct Event {
    Kind kind = Kind::need_bytes;
    std::span<const uint8_t> bytes = {};  // valid until push() or next()
    uint64_t lost = 0;
    Status damage = {};
  };

  // A video's sound is given out as well (docs/bitstream.md, 3.2). Otherwise it is passed over.
  void want_companions(bool wanted = true) { companions_ = wanted; }

  void push(std::span<const uint8_t> bytes);  // precondition: finish() was not called
  void finish() { finished_ = true; }         // no bytes follow
  Event next();

  explicit StreamReader(const Limits& limits = {}) : limits_(limits) {}

  const FileHeader& file_header() const { return header_; }  // after Kind::header
  uint64_t position() const { return base_ + at_; }          // bytes taken so far

 private:
  enum class Look { packet, incomplete, bad };
  // The packet at `place` of the buffer. `why` receives what is wrong.
  Look look(size_t place, PacketView& view, Status* why) const;
  // A whole packet, or the end, is there; with `cut_off` also a packet whose end is missing. `wait`: more bytes are needed to know.
  bool no_sound(size_t place, bool& wait) const;
  bool confirmed(size_t place, bool cut_off, bool& wait) const;
  // Bytes of the packet that starts here, as its head claims; 0 when the head is not whole or cannot be.
  uint64_t claimed_size(std::span<const uint8_t> bytes) const;
  bool is_media(PacketKind kind) const;
  Event header_event();
  Event packet_event(const PacketView& view);
  Event resume(Status damage);
  size_t first_within(size_t end);
  Event resume_at(size_t place, uint64_t guess, Status damage);
  Event stop(Status damage);
  std::span<const uint8_t> rest(size_t place) const { return std::span(buffer_).subspan(place); }

  Limits limits_;
  uint64_t max_payload_ = kMaxAudioPayload;
  std::vector<uint8_t> buffer_;
  size_t at_ = 0;          // of the buffer
  uint64_t base_ = 0;      // where the buffer starts in the stream
  bool finished_ = false, ended_ = false, header_seen_ = false, companions_ = false;
  Status end_;
  FileHeader header_;
  uint64_t next_time_ = 0;
  uint64_t packets_ = 0, packet_bytes_ = 0, largest_ = 0;  // seen
  uint64_t checked_ = 0;   // bytes that the search for packets has looked through, repetitions counted
  uint64_t searched_ = 0;  // before this place of the stream the search has found no packet
};

}  // namespace tessera::bitstream
