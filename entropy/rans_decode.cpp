// Decoder: parses the section, feeds the kernel chunk by chunk, resolves escapes, checks the end.
//
// Chunks bound the memory (all of it is on the stack) and keep a chunk's rows and symbols in the first caches
// between the three passes over it: take the skipped positions out, decode, put them back. They also fix the
// order in which faults are noticed, words before raw bits within a chunk, so that every kernel gives the
// same verdict.
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string_view>

#include "entropy/rans.h"
#include "entropy/rans_kernels.h"
#include "entropy/raw_bits.h"

namespace tessera::entropy {
namespace {

using namespace detail;

// What the processor has. The compiler's run-time library asks cpuid once, and also whether the operating
// system saves the wide registers.
Simd supported() {
#if defined(__x86_64__)
  // bmi2 comes with every processor that has AVX2.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return Simd::scalar;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return avx512 ? Simd::avx512 : Simd::avx2;
#else
  return Simd::scalar;
#endif
}

// Read at every call: cheap beside a section, and tests can switch. An unknown value caps nothing.
Simd environment_cap() {
  const char* value = std::getenv("TESSERA_SIMD");
  const std::string_view name = value ? value : "";
  if (name == "scalar") return Simd::scalar;
  return name == "avx2" ? Simd::avx2 : Simd::avx512;
}

Kernels kernels_for([[maybe_unused]] Simd level) {
  Kernels kernels{decode_scalar_1, decode_scalar_4, decode_scalar_32, compact_rows_scalar,
                  expand_symbols_scalar};
#if defined(__x86_64__)
  // One or four lanes give a vector too little to do; only the skipping is faster for them.
  if (level >= Simd::avx2) {
    kernels.lanes_32 = decode_avx2_32;
    kernels.compact = compact_rows_bmi2;
    kernels.expand = expand_symbols_avx2;
  }
  if (level >= Simd::avx512) {
    kernels.lanes_32 = decode_avx512_32;
    kernels.expand = expand_symbols_avx512;
  }
#endif
  return kernels;
}

// Splits the section; `words` becomes everything behind the raw bits.
DecodeError split(std::span<const uint8_t> data, std::span<const uint8_t>* raw,
                  std::span<const uint8_t>* words) {
  // Nine groups of seven bits are more than any span can be long; one more could overflow the shift.
  uint64_t size = 0;
  size_t at = 0;
  for (int shift = 0;; shift += 7) {
    if (at == data.size()) return DecodeError::truncated;
    if (shift > 56) return DecodeError::corrupt;
    const uint8_t byte = data[at++];
    size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte == 0 && shift > 0) return DecodeError::corrupt;  // not the shortest form
    break;
  }
  // A subtraction, as the sum could overflow.
  if (size > data.size() - at) return DecodeError::truncated;
  const auto count = static_cast<size_t>(size);
  *raw = data.subspan(at, count);
  *words = data.subspan(at + count);
  return DecodeError::none;
}

// States below L would take more than one word a symbol, which the kernels are not built for.
DecodeError load_states(std::span<const uint8_t> words, int lanes, RansState* state) {
  const size_t bytes = 4 * static_cast<size_t>(lanes);
  if (words.size() < bytes) return DecodeError::truncated;
  for (size_t lane = 0; lane < static_cast<size_t>(lanes); ++lane) {
    const uint8_t* p = words.data() + 4 * lane;
    state->x[lane] = p[0] | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
    if (state->x[lane] < kLowerBound) return DecodeError::corrupt;
  }
  state->next = words.data() + bytes;
  state->end = words.data() + words.size();
  return DecodeError::none;
}

// Replaces the slots that the kernel left behind by their symbols: by binary search, as the kernel's tables
// did not know. In ascending order, which is the order of the raw bits.
DecodeError resolve_aside(const DecodeView& view, const Chunk& chunk, RawBitReader& raw) {
  for (size_t k = 0; k < chunk.aside_count; ++k) {
    const size_t i = chunk.aside[k];
    const size_t row = chunk.rows[i];
    const auto slot = static_cast<uint32_t>(chunk.out[i]);
    const uint32_t* starts = view.starts + row * view.stride;
    const uint32_t* after = std::upper_bound(starts, starts + view.entries[row], slot,
                                             [](uint32_t s, uint32_t entry) { return s < (entry & 0xffff); });
    const int64_t index = after - starts - 1;
    const int64_t support = view.entries[row] - 1;
    int64_t symbol = view.min_symbol[row] + index;
    if (index == support) {
      uint64_t code = 0;
      const auto result = raw.get_exp_golomb(&code);
      if (result == RawBitReader::Result::truncated) return DecodeError::truncated;
      if (result == RawBitReader::Result::corrupt) return DecodeError::corrupt;
      // The code's distance may lead out of the 32-bit range, where no encoder goes.
      symbol = code_to_escape(code, view.min_symbol[row], support);
      using Limits = std::numeric_limits<int32_t>;
      if (symbol < Limits::min() || symbol > Limits::max()) return DecodeError::corrupt;
    }
    chunk.out[i] = static_cast<int32_t>(symbol);
  }
  return DecodeError::none;
}

// Rows come from the model, but the model computes them from decoded symbols: a hostile stream must not lead
// a kernel out of the tables. The loop vectorises, and costs next to nothing.
bool rows_in_range(std::span<const uint8_t> rows, int count) {
#ifdef TESSERA_UNCHECKED  // what bitstream/checks.h says of it
  return true;
#endif
  uint8_t highest = 0;
  for (uint8_t row : rows) highest = std::max(highest, row);
  return highest < count;
}

// One call of decode().
class Decoder {
 public:
  Decoder(const CdfTable& table, const Kernels& kernels, int lanes)
      : view_(table.decode_view()), skip_(table.skip_below()), lanes_(lanes), kernels_(kernels) {
    kernel_ = lanes == 1 ? kernels.lanes_1 : lanes == 4 ? kernels.lanes_4 : kernels.lanes_32;
  }

  DecodeError run(std::span<const uint8_t> data, std::span<const uint8_t> rows, std::span<int32_t> out) {
    if (skip_ == kMaxRows) {  // nothing is coded, and the skipping kernels compare 8-bit numbers
      std::fill(out.begin(), out.end(), 0);
      return data.empty() ? DecodeError::none : DecodeError::corrupt;
    }
    for (size_t at = 0; at < rows.size();) {
      size_t consumed = 0;
      if (DecodeError error = chunk(data, rows.subspan(at), out.subspan(at), &consumed);
          error != DecodeError::none) {
        return error;
      }
      at += consumed;
    }
    // The encoder writes nothing at all when nothing is coded.
    if (!started_) return data.empty() ? DecodeError::none : DecodeError::corrupt;
    for (int lane = 0; lane < lanes_; ++lane) {
      if (state_.x[lane] != kLowerBound) return DecodeError::corrupt;
    }
    return state_.next == state_.end && raw_.at_end() ? DecodeError::none : DecodeError::corrupt;
  }

 private:
  // The head is read when the first coded symbol is met, and not before: an empty section has none.
  DecodeError start(std::span<const uint8_t> data) {
    started_ = true;
    std::span<const uint8_t> raw, words;
    if (DecodeError error = split(data, &raw, &words); error != DecodeError::none) return error;
    raw_ = RawBitReader(raw);
    return load_states(words, lanes_, &state_);
  }

  // Decodes the positions up to kChunk coded ones; *consumed counts the skipped ones as well.
  DecodeError chunk(std::span<const uint8_t> data, std::span<const uint8_t> rows, std::span<int32_t> out,
                    size_t* consumed) {
    const bool dense = skip_ == 0;
    Chunk chunk{rows.data(), std::min(rows.size(), kChunk), out.data(), aside_, 0};
    *consumed = chunk.n;
    if (!dense) {
      const Compaction found = kernels_.compact(rows, skip_, rows_, kChunk);
      *consumed = found.consumed;
      chunk.rows = rows_;
      chunk.n = found.coded;
      chunk.out = symbols_;
    }
    if (!rows_in_range({chunk.rows, chunk.n}, view_.rows)) return DecodeError::corrupt;
    if (chunk.n > 0) {
      if (!started_) {
        if (DecodeError error = start(data); error != DecodeError::none) return error;
      }
      if (!kernel_(view_, state_, chunk)) return DecodeError::truncated;
      if (DecodeError error = resolve_aside(view_, chunk, raw_); error != DecodeError::none) return error;
    }
    if (!dense) kernels_.expand(rows.first(*consumed), skip_, symbols_, out.data());
    return DecodeError::none;
  }

  DecodeView view_;
  int skip_;
  int lanes_;
  Kernels kernels_;
  Kernel kernel_;
  bool started_ = false;
  RansState state_{};
  RawBitReader raw_{{}};
  // Scratch of one chunk, with slack for vector stores and loads; left uninitialised on purpose.
  uint8_t rows_[kChunk + 64];
  uint16_t aside_[kChunk + 64];
  int32_t symbols_[kChunk + 64];
};

}  // namespace

detail::Skipping detail::skipping() {
  const Kernels kernels = kernels_for(simd_level());
  return {kernels.compact, kernels.expand};
}

Simd simd_level(Simd wanted) { return std::min({wanted, supported(), environment_cap()}); }

DecodeError decode(const CdfTable& table, std::span<const uint8_t> data, std::span<const uint8_t> rows,
                   int lanes, std::span<int32_t> symbols_out, Simd simd) {
  if (rows.size() != symbols_out.size())
    throw std::invalid_argument("decode: as many rows as symbols are needed");
  if (lanes != 1 && lanes != 4 && lanes != 32) return DecodeError::corrupt;
  return Decoder(table, kernels_for(simd_level(simd)), lanes).run(data, rows, symbols_out);
}

}  // namespace tessera::entropy
