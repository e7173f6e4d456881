// Throughput of the rANS coder, in symbols a second on one core, over Gaussian scale tables with a smooth
// scale map.
//
//   rans_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// "max" of items_per_second is the best repetition. The counters give the entropy of the data
// (bits_per_symbol, ideal code length under the table) and the section's size over it (overhead_pct, and
// overhead_B a lane).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "entropy/gaussian_rows.h"
#include "entropy/rans.h"

namespace {

using namespace tessera::entropy;

constexpr size_t kSymbols = size_t{1} << 20;  // about one 1080p frame of latents
constexpr double kLowest = 0.11, kHighest = 64;

struct Data {
  CdfTable table;
  std::vector<uint8_t> rows;
  std::vector<int32_t> symbols;
  double ideal_bits = 0;
};

// centre: mean row of the scale map in 1/64 of the table; the map is a slow random walk that is pulled back
// to it.
Data make(int precision, int levels, double centre, int skip_below) {
  Data data{
      *CdfTable::create(precision, gaussian_rows(precision, levels, kLowest, kHighest), skip_below, nullptr),
      {},
      {}};
  std::mt19937_64 rng(7);
  std::normal_distribution<double> normal;
  // Draws use the standard library's distributions, whose values differ between libraries: figures are for
  // one machine.
  double place = centre;
  for (size_t i = 0; i < kSymbols; ++i) {
    place += 0.5 * normal(rng) + 0.01 * (centre - place);
    const int row = std::clamp(static_cast<int>(std::lround(place * levels / 64)), 0, levels - 1);
    const double sigma = log_spaced_scale(row, levels, kLowest, kHighest);
    const auto symbol = row < skip_below ? 0 : static_cast<int32_t>(std::lround(sigma * normal(rng)));
    data.rows.push_back(static_cast<uint8_t>(row));
    data.symbols.push_back(symbol);
    data.ideal_bits += data.table.bits(row, symbol);
  }
  return data;
}

// Made once for all benchmarks that use it; drawing takes longer than coding.
const Data& data_for(int precision, int levels, int centre, int skip_below) {
  static std::map<std::vector<int>, Data> cache;
  const std::vector<int> key{precision, levels, centre, skip_below};
  if (!cache.contains(key)) cache.emplace(key, make(precision, levels, centre, skip_below));
  return cache.at(key);
}

void report(benchmark::State& state, const Data& data, size_t bytes, int lanes) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kSymbols));
  const double over = static_cast<double>(bytes) - data.ideal_bits / 8;
  state.counters["bits_per_symbol"] = data.ideal_bits / kSymbols;
  state.counters["overhead_pct"] = 800 * over / data.ideal_bits;
  state.counters["overhead_B_per_lane"] = over / lanes;
}

// Arguments: precision, rows, centre of the scale map, skip_below, lanes (, Simd).
const Data& data_for(const benchmark::State& state) {
  auto arg = [&](size_t i) { return static_cast<int>(state.range(i)); };
  return data_for(arg(0), arg(1), arg(2), arg(3));
}

void Encode(benchmark::State& state) {
  const Data& data = data_for(state);
  const int lanes = static_cast<int>(state.range(4));
  std::vector<uint8_t> bytes;
  for (auto _ : state) {
    bytes.clear();
    encode(data.table, data.symbols, data.rows, lanes, bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  report(state, data, bytes.size(), lanes);
}

void Decode(benchmark::State& state) {
  const Data& data = data_for(state);
  const int lanes = static_cast<int>(state.range(4));
  const auto simd = static_cast<Simd>(state.range(5));
  if (simd_level(simd) != simd) {
    // Falling back silently would report the wrong level's figures.
    state.SkipWithError("instruction set not available");
    return;
  }
  std::vector<uint8_t> bytes;
  encode(data.table, data.symbols, data.rows, lanes, bytes);
  std::vector<int32_t> out(data.symbols.size());
  for (auto _ : state) {
    if (decode(data.table, bytes, data.rows, lanes, out, simd) != DecodeError::none)
      state.SkipWithError("decode failed");
    benchmark::DoNotOptimize(out.data());
  }
  if (out != data.symbols) state.SkipWithError("symbols differ");
  report(state, data, bytes.size(), lanes);
}

// Centres of the scale map that give about 0.2, 1.2 and 3.3 bits a symbol.
constexpr int64_t kCentres[] = {6, 14, 30};

template <typename Apply>
void for_all_tables(Apply apply) {
  for (int64_t centre : kCentres) apply(12, 64, centre, 0);
  apply(12, 64, 6, 10);   // skipping: most symbols of a low-rate stream are not coded
  apply(12, 128, 14, 0);  // twice the rows
  apply(16, 64, 14, 0);   // bucketed search
  apply(16, 64, 30, 0);
}

void add_encode(benchmark::internal::Benchmark* b) {
  b->ArgNames({"precision", "rows", "centre", "skip", "lanes"});
  for_all_tables([&](int64_t precision, int64_t rows, int64_t centre, int64_t skip) {
    for (int64_t lanes : {1, 4, 32}) b->Args({precision, rows, centre, skip, lanes});
  });
}

void add_decode(benchmark::internal::Benchmark* b) {
  b->ArgNames({"precision", "rows", "centre", "skip", "lanes", "simd"});
  for_all_tables([&](int64_t precision, int64_t rows, int64_t centre, int64_t skip) {
    for (int64_t lanes : {1, 4, 32}) b->Args({precision, rows, centre, skip, lanes, int(Simd::scalar)});
    for (Simd simd : {Simd::avx2, Simd::avx512}) b->Args({precision, rows, centre, skip, 32, int(simd)});
  });
}

double best(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }
BENCHMARK(Encode)->Apply(add_encode)->ComputeStatistics("best", best)->Unit(benchmark::kMicrosecond);
BENCHMARK(Decode)->Apply(add_decode)->ComputeStatistics("best", best)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
