#include "codec/symbol_scan.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "bitstream/crc.h"
#include "models/parallel.h"

namespace tessera {
namespace {

constexpr size_t kPiece = 1 << 16;  // symbols: 256 KB, which stay in a core's cache between the looks

}  // namespace

int32_t SymbolScan::magnitude() const { return std::max(highest, -std::max(lowest, -INT32_MAX)); }

SymbolScan scan_symbols(std::span<const int32_t> symbols, std::span<int8_t> bytes) {
  if (!bytes.empty() && bytes.size() != symbols.size()) throw std::invalid_argument("as many bytes as symbols are needed");
  std::vector<SymbolScan> pieces((symbols.size() + kPiece - 1) / kPiece);
  models::parallel(static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto piece = static_cast<size_t>(begin); piece < static_cast<size_t>(end); ++piece) {
      const std::span<const int32_t> part = symbols.subspan(piece * kPiece, std::min(kPiece, symbols.size() - piece * kPiece));
      SymbolScan& scan = pieces[piece];
      // Without a way out of the loop, which vectorises.
      for (const int32_t s : part) {
        scan.lowest = std::min(scan.lowest, s);
        scan.highest = std::max(scan.highest, s);
      }
      if (!bytes.empty()) {
        int8_t* out = bytes.data() + piece * kPiece;
        for (size_t i = 0; i < part.size(); ++i) out[i] = static_cast<int8_t>(part[i]);
      }
      scan.checksum = bitstream::crc32c({reinterpret_cast<const uint8_t*>(part.data()), part.size_bytes()});
    }
  });
  SymbolScan all;
  all.count = symbols.size();
  for (size_t i = 0; i < pieces.size(); ++i) {
    all.lowest = std::min(all.lowest, pieces[i].lowest);
    all.highest = std::max(all.highest, pieces[i].highest);
    const uint64_t size = std::min(kPiece, symbols.size() - i * kPiece) * sizeof(int32_t);
    all.checksum = bitstream::crc32c_joined(all.checksum, pieces[i].checksum, size);
  }
  return all;
}

size_t count_coded(std::span<const uint8_t> rows, int skip_below) {
  std::vector<size_t> pieces((rows.size() + 4 * kPiece - 1) / (4 * kPiece));
  models::parallel(static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto piece = static_cast<size_t>(begin); piece < static_cast<size_t>(end); ++piece) {
      uint32_t coded = 0;  // 32 bits vectorise better
      for (const uint8_t row : rows.subspan(piece * 4 * kPiece, std::min(4 * kPiece, rows.size() - piece * 4 * kPiece))) coded += row >= skip_below ? 1u : 0u;
      pieces[piece] = coded;
    }
  });
  return std::accumulate(pieces.begin(), pieces.end(), size_t{0});
}

}  // namespace tessera
