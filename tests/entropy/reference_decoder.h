// A second decoder, written from the description of the format in entropy/rans.h alone and sharing no code
// with the library: one symbol after the other, linear search, vectors with bounds checks. What it says, the
// library must say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "entropy/cdf_table.h"

namespace tessera::entropy::test {

class ReferenceDecoder {
 public:
  // Nothing when the section is damaged in any way.
  static std::optional<std::vector<int32_t>> decode(const CdfTable& table, std::span<const uint8_t> data,
                                                    std::span<const uint8_t> rows, int lanes) {
    try {
      return ReferenceDecoder(data, lanes).run(table, rows);
    } catch (const std::out_of_range&) {
      return std::nullopt;
    }
  }

 private:
  ReferenceDecoder(std::span<const uint8_t> data, int lanes)
      : data_(data.begin(), data.end()), lanes_(static_cast<size_t>(lanes)) {}

  uint64_t little_endian(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t{data_.at(at_++)} << (8 * i);
    return value;
  }

  void read_head() {
    uint64_t raw_size = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      const uint64_t byte = little_endian(1);
      raw_size |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    for (uint64_t i = 0; i < raw_size; ++i) {
      const uint64_t byte = little_endian(1);
      for (int bit = 7; bit >= 0; --bit) raw_.push_back(byte >> bit & 1);
    }
    for (size_t lane = 0; lane < lanes_; ++lane) states_.push_back(little_endian(4));
  }

  int64_t raw_value(const CdfTable::Row& row) {
    int zeros = 0;
    while (!raw_.at(raw_at_++)) ++zeros;
    uint64_t value = 1;
    for (int i = 0; i < zeros; ++i) value = value * 2 + raw_.at(raw_at_++);
    const auto code = static_cast<int64_t>(value - 1);
    const int64_t end = int64_t{row.min_symbol} + static_cast<int64_t>(row.freq.size()) - 1;
    return code % 2 ? row.min_symbol - 1 - code / 2 : end + code / 2;
  }

  int64_t next_symbol(const CdfTable::Row& row, int precision, uint64_t& x) {
    const uint64_t total = uint64_t{1} << precision;
    uint64_t rest = x % total;
    size_t index = 0;
    while (rest >= row.freq[index]) rest -= row.freq[index++];
    x = x / total * row.freq[index] + rest;
    if (x < 65536) x = x * 65536 + little_endian(2);
    return index + 1 == row.freq.size() ? raw_value(row)
                                        : int64_t{row.min_symbol} + static_cast<int64_t>(index);
  }

  std::optional<std::vector<int32_t>> run(const CdfTable& table, std::span<const uint8_t> rows) {
    std::vector<int32_t> out;
    size_t coded = 0;
    for (uint8_t row : rows) {
      if (row < table.skip_below()) {
        out.push_back(0);
        continue;
      }
      if (coded == 0) read_head();
      out.push_back(
          static_cast<int32_t>(next_symbol(table.row(row), table.precision(), states_[coded++ % lanes_])));
    }
    for (uint64_t state : states_) {
      if (state != 65536) return std::nullopt;
    }
    for (; raw_at_ < raw_.size(); ++raw_at_) {
      if (raw_[raw_at_]) return std::nullopt;
    }
    if (at_ != data_.size()) return std::nullopt;
    return out;
  }

  std::vector<uint8_t> data_;
  size_t lanes_;
  size_t at_ = 0;
  std::vector<uint8_t> raw_;  // one bit each
  size_t raw_at_ = 0;
  std::vector<uint64_t> states_;
};

}  // namespace tessera::entropy::test
