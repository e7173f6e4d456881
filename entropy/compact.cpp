// Skipped positions are taken out before decoding and put back afterwards, so that the kernels see coded
// symbols only.
#include "entropy/rans_kernels.h"

namespace tessera::entropy::detail {

// Every row is written and only the place of the next one depends on it: no branch to be mispredicted.
Compaction compact_rows_scalar(std::span<const uint8_t> rows, int skip_below, uint8_t* out, size_t capacity) {
  size_t coded = 0;
  size_t i = 0;
  for (; i < rows.size() && coded < capacity; ++i) {
    out[coded] = rows[i];
    coded += rows[i] >= skip_below;
  }
  return {i, coded};
}

void expand_symbols_scalar(std::span<const uint8_t> rows, int skip_below, const int32_t* coded,
                           int32_t* out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    // *coded may be one beyond the coded symbols here; its value is then not used.
    const bool is_coded = rows[i] >= skip_below;
    out[i] = is_coded ? *coded : 0;
    coded += is_coded;
  }
}

}  // namespace tessera::entropy::detail
