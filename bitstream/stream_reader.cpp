#include "bitstream/stream_reader.h"

#include <algorithm>
#include <utility>

#include "bitstream/index.h"

namespace tessera::bitstream {
namespace {

constexpr size_t kLengthAt = 4;  // of the header's length byte
// A hostile stream could make the search check long packets at every byte: its whole work is bounded.
constexpr uint64_t kSearchFactor = 64, kSearchFloor = 1 << 22;
// Frames of video that a time stamp may tell to be lost: so many times those that the bytes suggest, and some more.
constexpr uint64_t kPlausibleFactor = 16, kPlausibleLost = 64;
constexpr size_t kLongestHead = 1 + 10 + 1 + 10;  // head, time stamp, quality, length

}  // namespace

uint64_t max_video_payload(const PictureInfo& picture) {
  constexpr uint64_t align = 64, room = 65535;
  const auto padded = [](uint64_t side) { return (side + align - 1) / align * align; };
  return 4 * padded(picture.width) * padded(picture.height) + room;
}

uint64_t StreamReader::claimed_size(std::span<const uint8_t> bytes) const {
  ByteReader in(bytes);
  const uint8_t head = in.u8();
  if (head & 16) in.varint();
  if (head & 32) in.u8();
  const uint64_t length = in.varint();
  if (!in.ok() || length > max_payload_) return 0;
  return in.position() + length + (head & 64 ? 4 : 2);
}

bool StreamReader::is_media(PacketKind kind) const {
  return kind == PacketKind::key || (kind == PacketKind::predicted && header_.kind == MediaKind::video);
}

void StreamReader::push(std::span<const uint8_t> bytes) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(at_));
  base_ += at_;
  at_ = 0;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

StreamReader::Event StreamReader::stop(Status damage) {
  ended_ = true;
  end_ = damage;
  Event event;
  event.kind = Kind::end;
  event.damage = std::move(damage);
  return event;
}

StreamReader::Event StreamReader::header_event() {
  const auto bytes = rest(at_);
  const size_t length = bytes.size() > kLengthAt ? bytes[kLengthAt] : kLengthAt + 1;
  if (bytes.size() < std::max(length, kLengthAt + 1) && !finished_) return {};
  size_t size = 0;
  auto header = parse_header(bytes, limits_, &size);
  if (!header) return stop(header.status());
  header_ = std::move(*header);
  if (header_.kind == MediaKind::image) return stop({ErrorCode::unsupported, "the stream holds an image, neither sound nor video"});
  if (header_.kind == MediaKind::video) max_payload_ = max_video_payload(header_.picture);
  header_seen_ = true;
  Event event;
  event.kind = Kind::header;
  event.bytes = bytes.first(size);
  at_ += size;
  return event;
}

StreamReader::Look StreamReader::look(size_t place, PacketView& view, Status* why) const {
  ByteReader in(rest(place), base_ + place);
  auto found = read_packet(in, max_payload_);
  if (found) {
    view = *found;
    if (view.packet.kind != PacketKind::predicted || is_media(view.packet.kind)) return Look::packet;
    found = Result<PacketView>(error_at(ErrorCode::corrupt, base_ + place, "predicted packet in a stream of sound"));
  }
  if (why != nullptr) *why = found.status();
  return found.status().code() == ErrorCode::truncated ? Look::incomplete : Look::bad;
}

StreamReader::Event StreamReader::packet_event(const PacketView& view) {
  Event event;
  event.kind = Kind::packet;
  event.bytes = rest(at_).first(static_cast<size_t>(view.size));
  at_ += static_cast<size_t>(view.size);
  next_time_ = view.packet.time_stamp.value_or(next_time_) + ticks_a_packet(header_);
  ++packets_;
  packet_bytes_ += view.size;
  largest_ = std::max(largest_, view.size);
  return event;
}

StreamReader::Event StreamReader::next() {
  if (ended_) return stop(end_);
  if (!header_seen_) return header_event();
  for (;;) {
    if (at_ == buffer_.size()) return finished_ ? stop({}) : Event{};
    PacketView view;
    Status why;
    const Look found = look(at_, view, &why);
    if (found == Look::incomplete && !finished_) return {};
    if (found != Look::packet) return resume(std::move(why));
    if (is_media(view.packet.kind)) return packet_event(view);
    if (view.packet.kind == PacketKind::index) {
      const auto after = rest(at_).subspan(static_cast<size_t>(view.size));
      if (after.size() < kFooterSize && !finished_) return {};
      // Bytes behind the footer are an error, whether they have arrived by now or not.
      if (after.size() == kFooterSize && !finished_) return {};
      ByteReader footer(after, base_ + at_ + view.size);
      const Status status = read_footer(footer, view.size);
      at_ += static_cast<size_t>(view.size) + (status.ok() ? kFooterSize : 0);
      if (!status.ok()) return stop(status);
      if (at_ < buffer_.size()) return stop(error_at(ErrorCode::corrupt, position(), "bytes after the end of the stream"));
      return stop({});
    }
    at_ += static_cast<size_t>(view.size);  // metadata, and kinds of later versions
    if (view.packet.kind == PacketKind::companion && companions_ && header_.kind == MediaKind::video) {
      Event event;
      event.kind = Kind::companion;
      event.bytes = view.packet.payload;
      return event;
    }
  }
}

bool StreamReader::confirmed(size_t place, bool cut_off, bool& wait) const {
  if (place == buffer_.size()) {
    wait = !finished_;
    return finished_;
  }
  PacketView view;
  const Look found = look(place, view, nullptr);
  wait = found == Look::incomplete && !finished_;
  return found == Look::packet || (cut_off && found == Look::incomplete && finished_);
}

// Packets of the sound inside a companion are valid ones as well, and all of them key packets: true where what follows `place` is something else.
bool StreamReader::no_sound(size_t place, bool& wait) const {
  constexpr int kKeys = 8;  // a video of nothing but key frames is one
  PacketView view;
  for (int i = 0; i < kKeys; ++i, place += static_cast<size_t>(view.size)) {
    if (place == buffer_.size()) {
      wait = !finished_;
      return finished_;
    }
    const Look found = look(place, view, nullptr);
    wait = found == Look::incomplete && !finished_;
    if (found != Look::packet) return false;
    if (view.packet.kind != PacketKind::key) return true;
  }
  return true;
}

// Where the packets go on behind a damaged one whose length leads to `end`, where a packet begins. It may be the length that is damaged: then, where packets are small, some whole ones
// can lie before that, and lead there one after the other. (Packets of the sound within a companion do not: its checksum is behind them.)
size_t StreamReader::first_within(size_t end) {
  for (size_t start = at_ + 1; start < end; ++start) {
    const uint8_t first = buffer_[start];
    if ((first & 0x80) != 0 || !is_media(static_cast<PacketKind>(first & 0x0F))) continue;
    size_t place = start;
    while (place < end) {
      const uint64_t size = claimed_size(rest(place));
      if (size == 0 || size > end - place) break;
      checked_ += size;
      if (checked_ > kSearchFactor * position() + kSearchFloor) return end;
      PacketView view;
      if (look(place, view, nullptr) != Look::packet) break;
      place += static_cast<size_t>(view.size);
    }
    if (place == end) return start;
  }
  return end;
}

// Goes on at `place` of the buffer; `guess` packets are missing, unless a time stamp tells their number.
StreamReader::Event StreamReader::resume_at(size_t place, uint64_t guess, Status damage) {
  const uint64_t block = ticks_a_packet(header_);
  Event event;
  event.kind = Kind::lost;
  event.damage = std::move(damage);
  event.lost = guess;
  PacketView view;
  if (look(place, view, nullptr) == Look::packet && is_media(view.packet.kind) && view.packet.time_stamp.value_or(0) > next_time_) {
    const uint64_t told = (*view.packet.time_stamp - next_time_) / block;
    // A video's frames need not follow each other evenly: a long pause is not taken for losses.
    if (header_.kind == MediaKind::audio || told <= kPlausibleFactor * guess + kPlausibleLost) event.lost = told;
  }
  next_time_ += event.lost * block;
  at_ = place;
  return event;
}

// A checksum of 16 bits is right by chance now and then: what is found counts when something valid follows it as well.
StreamReader::Event StreamReader::resume(Status damage) {
  // Most often only the content of one packet is damaged, and its length leads to the next. Of a companion no frame is lost.
  bool wait = false;
  const bool video = header_.kind == MediaKind::video, companion = video && (buffer_[at_] & 0x0F) == static_cast<uint8_t>(PacketKind::companion);
  if (const uint64_t size = claimed_size(rest(at_)); size > 0 && size <= buffer_.size() - at_) {
    const size_t end = at_ + static_cast<size_t>(size);
    if (confirmed(end, false, wait)) return resume_at(companion ? end : first_within(end), companion ? 0 : 1, std::move(damage));
    if (wait) return {};
  } else if (companion && finished_ && damage.code() == ErrorCode::truncated) {
    // The stream is cut off in it. What a search would find are packets of sound, which are no frames.
    at_ = buffer_.size();
    return stop(std::move(damage));
  }
  const uint64_t plausible = std::min<uint64_t>(max_payload_, 8 * largest_ + 1024);
  for (size_t place = std::max(at_ + 1, static_cast<size_t>(std::max(searched_, base_) - base_)); place < buffer_.size(); ++place) {
    const uint8_t first = buffer_[place];
    const bool media = (first & 0x80) == 0 && is_media(static_cast<PacketKind>(first & 0x0F));
    const bool other = first == (static_cast<uint8_t>(PacketKind::index) | 64) || (video && first == (static_cast<uint8_t>(PacketKind::companion) | 64));
    if (!media && !other) continue;
    const uint64_t size = claimed_size(rest(place));
    if (size > plausible || (size == 0 && buffer_.size() - place > kLongestHead)) continue;
    PacketView view;
    const Look found = look(place, view, nullptr);
    wait = found == Look::incomplete && !finished_;
    const bool next = found == Look::packet && confirmed(place + static_cast<size_t>(view.size), true, wait) && (!companion || no_sound(place, wait));
    if (wait) {
      searched_ = base_ + place;  // a stream in small pieces must not be searched from the start for each
      return {};
    }
    checked_ += size;
    if (checked_ > kSearchFactor * position() + kSearchFloor) return stop(std::move(damage));
    if (!next) continue;
    const uint64_t gap = place - at_, mean = packets_ == 0 ? view.size : packet_bytes_ / packets_;
    const uint64_t frames = std::max<uint64_t>(1, (gap + mean / 2) / std::max<uint64_t>(1, mean));
    return resume_at(place, companion ? 0 : frames, std::move(damage));  // the packets behind it prove their symbols, should frames have gone with it
  }
  if (!finished_) {
    searched_ = base_ + buffer_.size();
    return {};
  }
  at_ = buffer_.size();
  return stop(std::move(damage));
}

}  // namespace tessera::bitstream
