// A stream taken apart with no demands on it, to be changed and put together again with lengths and checksums that are right: what is
// behind a checksum is then what the fuzzer tests, not the checksum.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace tessera::fuzz {

struct LoosePacket {
  uint8_t head = 1;
  std::optional<uint64_t> time_stamp = {};
  std::optional<uint8_t> quality = {};
  std::vector<uint8_t> payload = {};
};

class LooseStream {
 public:
  explicit LooseStream(std::span<const uint8_t> bytes);

  // One change of one part: a field of the header, a packet's head or payload, a section of a payload, the order of the packets.
  void mutate(std::mt19937& random);

  // With the header's length and CRC, the packets' lengths and CRCs and the footer's length made right.
  std::vector<uint8_t> bytes() const;

 private:
  void mutate_header(std::mt19937& random);
  void mutate_head(std::mt19937& random, LoosePacket& packet);
  void mutate_payload(std::mt19937& random, LoosePacket& packet);
  void mutate_order(std::mt19937& random);

  std::vector<uint8_t> header_;  // without its CRC
  std::vector<LoosePacket> packets_;
  std::vector<uint8_t> tail_;  // what is no packet
};

// A whole mutator for inputs of `options` bytes and a stream behind them.
size_t mutate_stream(uint8_t* data, size_t size, size_t max_size, unsigned seed, size_t options);

}  // namespace tessera::fuzz
