// Throughput of symbols through the range coder where few of many are coded, as in a frame of video: a 1920 x 1088 frame of latents, of which 2 % are coded.
//
//   range_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <random>

#include "entropy/gaussian_rows.h"
#include "entropy/range_table.h"

namespace {

using namespace tessera::entropy;

constexpr size_t kSymbols = size_t{120} * 68 * 256;
constexpr int kSkipBelow = 20;

struct Data {
  CdfTable table = *CdfTable::create(12, gaussian_rows(12, 80, 0.11, 64), kSkipBelow, nullptr);
  std::vector<uint8_t> rows = std::vector<uint8_t>(kSymbols);
  std::vector<int32_t> symbols = std::vector<int32_t>(kSymbols);
  size_t coded = 0;

  Data() {
    std::mt19937_64 rng(7);
    for (size_t i = 0; i < kSymbols; ++i) {
      const bool is_coded = i % 256 < 12 && rng() % 2 == 0;  // coded channels lie together
      rows[i] = static_cast<uint8_t>(is_coded ? kSkipBelow + rng() % 20 : rng() % kSkipBelow);
      if (is_coded) symbols[i] = static_cast<int32_t>(rng() % 3) - 1;
      coded += is_coded;
    }
  }
};

const Data& data() {
  static const Data instance;
  return instance;
}

std::vector<std::byte> section() {
  RangeEncoder encoder;
  put_symbols(data().table, data().symbols, data().rows, encoder);
  return encoder.finish();
}

void SparsePut(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(section());
  state.counters["coded"] = static_cast<double>(data().coded);
}

void SparseGet(benchmark::State& state) {
  const std::vector<std::byte> bytes = section();
  std::vector<int32_t> symbols(kSymbols);
  for (auto _ : state) {
    RangeDecoder decoder(bytes);
    if (!get_symbols(data().table, data().rows, decoder, symbols) || !decoder.at_end()) state.SkipWithError("the section is damaged");
    benchmark::ClobberMemory();
  }
  state.counters["coded"] = static_cast<double>(data().coded);
}

BENCHMARK(SparsePut)->Unit(benchmark::kMillisecond);
BENCHMARK(SparseGet)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
