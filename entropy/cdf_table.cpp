#include "entropy/cdf_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "entropy/raw_bits.h"

namespace tessera::entropy {
namespace {

// Direct LUTs beyond the usual level-2 cache lose to the bucketed search, which needs a fraction of the
// memory.
constexpr size_t kMaxDirectBytes = size_t{2} << 20;
// The 12-bit fields of a direct entry.
constexpr int kMaxDirectPrecision = 12;
// A direct LUT pays while few symbols leave the fast path; the mean over rows is compared with this.
constexpr double kMaxAsideShare = 1.0 / 16;
constexpr int kBucketBits = DecodeView::kBucketBits;

// Why a row cannot be used; empty when it can.
std::string check_row(const CdfTable::Row& row, int precision) {
  if (row.freq.size() < 2) return "has no symbol besides the escape";
  if (row.freq.size() - 1 > kMaxSupport) return "has too many symbols";
  // In 64 bits, as a hostile row may start next to INT32_MAX.
  const int64_t last = int64_t{row.min_symbol} + static_cast<int64_t>(row.freq.size()) - 2;
  if (last > std::numeric_limits<int32_t>::max()) return "leaves the 32-bit range";
  // A sum of 4097 32-bit counts fits 64 bits; in 32 it could wrap to the right value.
  uint64_t sum = 0;
  for (uint32_t f : row.freq) {
    if (f == 0) return "has a zero frequency";
    sum += f;
  }
  if (sum != uint64_t{1} << precision) return "does not sum to 2^precision";
  return {};
}

}  // namespace

std::optional<CdfTable> CdfTable::create(int precision, std::vector<Row> rows, int skip_below,
                                         std::string* error) {
  auto fail = [&](std::string why) -> std::optional<CdfTable> {
    if (error) *error = "CDF table: " + std::move(why);
    return std::nullopt;
  };
  if (precision < kMinPrecision || precision > kMaxPrecision) return fail("precision is not in 10..16");
  if (rows.empty() || rows.size() > kMaxRows) return fail("number of rows is not in 1..256");
  if (skip_below < 0 || skip_below > static_cast<int>(rows.size())) return fail("skip_below is out of range");
  for (size_t r = 0; r < rows.size(); ++r) {
    if (std::string why = check_row(rows[r], precision); !why.empty()) {
      return fail("row " + std::to_string(r) + " " + why);
    }
  }
  CdfTable table;
  table.precision_ = precision;
  table.skip_below_ = skip_below;
  table.rows_ = std::move(rows);
  for (const Row& row : table.rows_) {
    table.min_symbol_.push_back(row.min_symbol);
    table.entries_.push_back(static_cast<uint16_t>(row.freq.size()));
  }
  table.build_encoder();
  table.build_decoder();
  return table;
}

void CdfTable::build_encoder() {
  for (const Row& row : rows_) {
    encode_rows_.push_back(
        {row.min_symbol, static_cast<uint32_t>(row.freq.size() - 1), static_cast<uint32_t>(encode_.size())});
    uint32_t start = 0;
    for (uint32_t f : row.freq) {
      encode_.push_back({((uint64_t{1} << (32 + precision_)) + f - 1) / f, start, f});
      start += f;
    }
  }
}

// `starts` always exists: the direct lookup needs it too, for escapes and far tails. All rows have the same
// stride, which costs memory that is never touched, and saves the vector kernels the load of an offset.
void CdfTable::build_decoder() {
  stride_ = *std::max_element(entries_.begin(), entries_.end());
  starts_.assign(rows_.size() * stride_, 0);
  for (size_t r = 0; r < rows_.size(); ++r) {
    uint32_t start = 0;
    for (size_t i = 0; i < rows_[r].freq.size(); ++i) {
      starts_[r * stride_ + i] = rows_[r].freq[i] << 16 | start;
      start += rows_[r].freq[i];
    }
  }
  // Where 8-bit codes begin. Scale tables are centred on zero; index priors start at zero. One base for all
  // rows saves a load a symbol.
  const int32_t lowest = *std::min_element(min_symbol_.begin(), min_symbol_.end());
  code_base_ = std::max(lowest, -127);
  const size_t direct_bytes = (rows_.size() - static_cast<size_t>(skip_below_)) * (size_t{4} << precision_);
  if (precision_ <= kMaxDirectPrecision && direct_bytes <= kMaxDirectBytes &&
      aside_share() <= kMaxAsideShare) {
    build_direct();
  } else {
    build_buckets();
  }
}

// The probability, averaged over the coded rows, that a direct lookup would have to look again: escapes, and
// symbols that are no 8-bit number from code_base_.
double CdfTable::aside_share() const {
  uint64_t aside = 0;
  for (size_t r = static_cast<size_t>(skip_below_); r < rows_.size(); ++r) {
    for (size_t i = 0; i < rows_[r].freq.size(); ++i) {
      const int64_t code = int64_t{rows_[r].min_symbol} + static_cast<int64_t>(i) - code_base_;
      const bool escape = i + 1 == rows_[r].freq.size();
      if (escape || code < 0 || code >= DecodeView::kAsideCode) aside += rows_[r].freq[i];
    }
  }
  const uint64_t coded_rows = std::max<uint64_t>(1, rows_.size() - static_cast<size_t>(skip_below_));
  return static_cast<double>(aside) / static_cast<double>(coded_rows << precision_);
}

// Skipped rows are filled as well: nobody reads them, hence no cache holds them, and a row's place is one
// shift.
void CdfTable::build_direct() {
  direct_.reserve(rows_.size() << precision_);
  for (const Row& row : rows_) {
    for (size_t i = 0; i < row.freq.size(); ++i) {
      const int64_t code = int64_t{row.min_symbol} + static_cast<int64_t>(i) - code_base_;
      const bool aside = i + 1 == row.freq.size() || code < 0 || code >= DecodeView::kAsideCode;
      const uint32_t field = aside ? DecodeView::kAsideCode : static_cast<uint32_t>(code);
      for (uint32_t bias = 0; bias < row.freq[i]; ++bias) {
        direct_.push_back(field << 24 | bias << 12 | row.freq[i]);
      }
    }
  }
}

// The symbol that owns the first slot of each bucket. The others of the bucket follow it, so that a scan
// upwards from it meets at most the bucket's own symbols: one comparison on average where the probable
// symbols are wider than a bucket, and never more than 2^(precision - 10).
void CdfTable::build_buckets() {
  const uint32_t width = uint32_t{1} << (precision_ - kBucketBits);
  for (const Row& row : rows_) {
    uint32_t end = row.freq[0];
    uint16_t index = 0;
    for (uint32_t bucket = 0; bucket < (uint32_t{1} << kBucketBits); ++bucket) {
      while (end <= bucket * width) end += row.freq[++index];
      buckets_.push_back(index);
    }
  }
  buckets_.push_back(0);  // vector gathers load 32 bits at the last 16-bit entry
}

DecodeView CdfTable::decode_view() const {
  DecodeView view;
  view.direct = direct_.empty() ? nullptr : direct_.data();
  view.buckets = buckets_.data();
  view.starts = starts_.data();
  view.min_symbol = min_symbol_.data();
  view.entries = entries_.data();
  view.stride = stride_;
  view.code_base = code_base_;
  view.precision = precision_;
  view.rows = rows();
  return view;
}

double CdfTable::bits(int row, int32_t symbol) const {
  if (row < skip_below_) return symbol == 0 ? 0.0 : std::numeric_limits<double>::infinity();
  const Row& r = this->row(row);
  const int64_t index = int64_t{symbol} - r.min_symbol;
  const int64_t support = static_cast<int64_t>(r.freq.size()) - 1;
  const bool inside = index >= 0 && index < support;
  const uint32_t freq = inside ? r.freq[static_cast<size_t>(index)] : r.freq.back();
  const double cost = precision_ - std::log2(static_cast<double>(freq));
  return inside ? cost : cost + exp_golomb_bits(escape_to_code(symbol, r.min_symbol, support));
}

CdfTable::Row quantise_pmf(int precision, int32_t min_symbol, std::span<const double> pmf, double tail_mass) {
  const uint64_t total = uint64_t{1} << precision;
  if (precision < kMinPrecision || precision > kMaxPrecision || pmf.empty() || pmf.size() + 1 > total) {
    throw std::invalid_argument("quantise_pmf: support does not fit the precision");
  }
  // The escape is one more symbol, the last one.
  std::vector<double> p(pmf.begin(), pmf.end());
  p.push_back(tail_mass);
  double sum = 0;
  for (double& v : p) {
    if (!(v > 0)) v = 0;  // catches NaN as well
    sum += v;
  }
  if (!(sum > 0) || !std::isfinite(sum)) throw std::invalid_argument("quantise_pmf: no finite positive mass");

  // Rounding first: what is left over is then at most half a count a symbol, and the floor of 1.
  CdfTable::Row row{min_symbol, {}};
  int64_t left = static_cast<int64_t>(total);
  for (double& v : p) {
    v /= sum;
    // A cast, not lround: it truncates in the same way whatever the rounding mode.
    const double scaled = v * static_cast<double>(total);
    const uint32_t f = std::max<uint32_t>(1, static_cast<uint32_t>(scaled + 0.5));
    row.freq.push_back(f);
    left -= f;
  }
  // Greedy repair: move one count at a time where it changes the expected code length least. The derivative
  // of p * log(f) is p / f, taken half a count off; no logarithm, hence the same choice on every machine.
  auto gain = [&](size_t i) { return p[i] / (row.freq[i] + 0.5); };
  auto loss = [&](size_t i) { return row.freq[i] > 1 ? p[i] / (row.freq[i] - 0.5) : HUGE_VAL; };
  for (; left != 0; left += left > 0 ? -1 : 1) {
    size_t best = 0;
    for (size_t i = 1; i < p.size(); ++i) {
      if (left > 0 ? gain(i) > gain(best) : loss(i) < loss(best)) best = i;
    }
    row.freq[best] += left > 0 ? 1 : -1;
  }
  return row;
}

}  // namespace tessera::entropy
