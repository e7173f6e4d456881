#include "codec/alpha.h"

#include <algorithm>
#include <cmath>

#include "entropy/cdf_table.h"
#include "entropy/rans.h"

namespace tessera {
namespace {

using entropy::CdfTable;

constexpr uint32_t kBlock = 16;
constexpr int kRows = 16;       // row 0: every residual is zero, nothing is coded
constexpr int kReach = 127;     // residuals beyond are escaped
constexpr int kPrecision = 12;
enum Mode : uint8_t { kConstant = 0, kCoded = 1 };

// Row r: p(k) proportional to theta^|k|, theta = 1 - 0.75 * 0.703125^r, built by products only, so that every machine gets the same
// integers (docs/bitstream.md, 4.1).
const CdfTable& table() {
  static const CdfTable made = [] {
    std::vector<CdfTable::Row> rows;
    double decay = 0.75;  // 1 - theta
    for (int r = 0; r < kRows; ++r) {
      std::vector<double> pmf(2 * kReach + 1);
      double p = 1.0;
      for (int k = 0; k <= kReach; ++k) {
        pmf[static_cast<size_t>(kReach + k)] = p;
        pmf[static_cast<size_t>(kReach - k)] = p;
        p *= 1.0 - decay;
      }
      rows.push_back(entropy::quantise_pmf(kPrecision, -kReach, pmf, 2 * p / decay));
      decay *= 0.703125;
    }
    return *CdfTable::create(kPrecision, std::move(rows), 1, nullptr);
  }();
  return made;
}
constexpr int kMapRow = 2;  // row for the differences of the map of rows

int32_t predict(const int32_t* p, uint32_t x, uint32_t y, uint32_t width) {
  if (y == 0) return x == 0 ? 0 : p[-1];
  const int32_t up = p[-static_cast<int64_t>(width)];
  if (x == 0) return up;
  const int32_t left = p[-1], corner = p[-static_cast<int64_t>(width) - 1];
  if (corner >= std::max(left, up)) return std::min(left, up);
  if (corner <= std::min(left, up)) return std::max(left, up);
  return left + up - corner;
}

struct Grid {
  uint32_t width, height, columns, rows;
  Grid(uint32_t w, uint32_t h) : width(w), height(h), columns((w + kBlock - 1) / kBlock), rows((h + kBlock - 1) / kBlock) {}
  size_t blocks() const { return size_t{columns} * rows; }
  size_t block(uint32_t x, uint32_t y) const { return size_t{y / kBlock} * columns + x / kBlock; }
};

std::vector<uint8_t> expand(const Grid& grid, const std::vector<uint8_t>& map) {
  std::vector<uint8_t> out(size_t{grid.width} * grid.height);
  for (uint32_t y = 0; y < grid.height; ++y) {
    for (uint32_t x = 0; x < grid.width; ++x) out[size_t{y} * grid.width + x] = map[grid.block(x, y)];
  }
  return out;
}

void put_u32(std::vector<uint8_t>& out, size_t v) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

}  // namespace

std::vector<uint8_t> encode_alpha(std::span<const int32_t> plane, uint32_t width, uint32_t height, uint32_t depth) {
  if (std::all_of(plane.begin(), plane.end(), [&](int32_t v) { return v == plane[0]; })) {
    return {kConstant, static_cast<uint8_t>(plane[0]), static_cast<uint8_t>(plane[0] >> 8)};
  }
  const Grid grid(width, height);
  const int32_t range = int32_t{1} << depth;
  std::vector<int32_t> residual(plane.size());
  std::vector<std::vector<double>> cost(grid.blocks(), std::vector<double>(kRows, 0.0));
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      const size_t i = size_t{y} * width + x;
      int32_t r = plane[i] - predict(plane.data() + i, x, y, width);
      if (r >= range / 2) r -= range;  // modulo the range: the decoder wraps back
      if (r < -range / 2) r += range;
      residual[i] = r;
      for (int row = 0; row < kRows; ++row) cost[grid.block(x, y)][static_cast<size_t>(row)] += table().bits(row, r);
    }
  }
  std::vector<uint8_t> map(grid.blocks());
  std::vector<int32_t> steps(grid.blocks());
  for (size_t b = 0; b < map.size(); ++b) {
    map[b] = static_cast<uint8_t>(std::min_element(cost[b].begin(), cost[b].end()) - cost[b].begin());
    steps[b] = map[b] - (b == 0 ? 0 : map[b - 1]);
  }
  std::vector<uint8_t> coded_map, out{kCoded};
  entropy::encode(table(), steps, std::vector<uint8_t>(steps.size(), kMapRow), 1, coded_map);
  put_u32(out, coded_map.size());
  out.insert(out.end(), coded_map.begin(), coded_map.end());
  entropy::encode(table(), residual, expand(grid, map), 4, out);
  return out;
}

std::optional<std::vector<int32_t>> decode_alpha(std::span<const uint8_t> bytes, uint32_t width, uint32_t height, uint32_t depth) {
  const int32_t range = int32_t{1} << depth;
  if (bytes.empty()) return {};
  if (bytes[0] == kConstant) {
    if (bytes.size() != 3) return {};
    const int32_t v = bytes[1] | bytes[2] << 8;
    if (v >= range) return {};
    return std::vector<int32_t>(size_t{width} * height, v);
  }
  if (bytes[0] != kCoded || bytes.size() < 5) return {};
  const size_t map_bytes = bytes[1] | size_t{bytes[2]} << 8 | size_t{bytes[3]} << 16 | size_t{bytes[4]} << 24;
  if (map_bytes > bytes.size() - 5) return {};
  const Grid grid(width, height);
  std::vector<int32_t> steps(grid.blocks());
  if (entropy::decode(table(), bytes.subspan(5, map_bytes), std::vector<uint8_t>(steps.size(), kMapRow), 1, steps) != entropy::DecodeError::none) {
    return {};
  }
  std::vector<uint8_t> map(grid.blocks());
  int64_t row = 0;
  for (size_t b = 0; b < map.size(); ++b) {
    row += steps[b];
    if (row < 0 || row >= kRows) return {};
    map[b] = static_cast<uint8_t>(row);
  }
  std::vector<int32_t> plane(size_t{width} * height);
  if (entropy::decode(table(), bytes.subspan(5 + map_bytes), expand(grid, map), 4, plane) != entropy::DecodeError::none) return {};
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      int32_t* p = plane.data() + size_t{y} * width + x;
      if (*p >= range || *p < -range) return {};
      int32_t v = predict(p, x, y, width) + *p;
      if (v < 0) v += range;
      if (v >= range) v -= range;
      if (v < 0 || v >= range) return {};
      *p = v;
    }
  }
  return plane;
}

}  // namespace tessera
