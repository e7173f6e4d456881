// One warp decodes one section. It reads the rows 32 positions at a time, writes the zeros of the skipped
// ones, and queues the coded ones; whenever a step's worth of positions waits, each lane decodes one of them.
// Votes and shuffles keep what the lanes share (the place in the words, the verdict) equal in all threads, so
// that every branch on it is uniform.
#include <cstring>
#include <utility>
#include <vector>

#include "entropy/cuda/rans_decode.h"
#include "entropy/rans.h"
#include "entropy/rans_kernels.h"
#include "entropy/raw_bits.h"

namespace tessera::entropy::cuda {
namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kWarpsPerBlock = 4;
constexpr unsigned kAll = 0xffffffffu;
// Coded positions that wait for a step: one step of 32 and the next 32 positions read ahead.
constexpr unsigned kQueue = 2 * kWarp;
using detail::kChunk;
using detail::kLowerBound;
using detail::kWordBits;

constexpr uint8_t kNone = static_cast<uint8_t>(DecodeError::none);
constexpr uint8_t kTruncated = static_cast<uint8_t>(DecodeError::truncated);
constexpr uint8_t kCorrupt = static_cast<uint8_t>(DecodeError::corrupt);

// The raw-bit section; the same steps as RawBitReader.
struct RawBits {
  const uint8_t* bytes;
  uint64_t bits;
  uint64_t at;

  __device__ unsigned bit() {
    const unsigned value = bytes[at / 8] >> (7 - at % 8) & 1u;
    ++at;
    return value;
  }

  // The verdict; *value is a symbol outside of [min, min + support).
  __device__ uint8_t escape(int32_t min, int64_t support, int32_t* value) {
    int zeros = 0;
    for (;; ++zeros) {
      if (zeros == kMaxEscapeWidth) return kCorrupt;
      if (at == bits) return kTruncated;
      if (bit()) break;
    }
    if (bits - at < static_cast<uint64_t>(zeros)) return kTruncated;
    uint64_t code = 1;
    for (int i = 0; i < zeros; ++i) code = code << 1 | bit();
    --code;
    const int64_t distance = static_cast<int64_t>(code >> 1);
    const int64_t symbol = (code & 1) ? int64_t{min} - 1 - distance : int64_t{min} + support + distance;
    *value = static_cast<int32_t>(symbol);
    return symbol == *value ? kNone : kCorrupt;
  }

  __device__ bool at_end() {
    if (bits - at >= 8) return false;
    while (at < bits) {
      if (bit()) return false;
    }
    return true;
  }
};

// As in the scalar kernel.
struct Found {
  uint32_t freq;
  uint32_t bias;
  int32_t symbol;
  bool escape;
};

// Unlike the CPU's kernels it settles far tails at once: a divergent branch is cheaper here than a second
// pass.
__device__ Found look_up(const DecodeView& view, uint32_t row, uint32_t slot) {
  const uint32_t* starts = view.starts + size_t{row} * view.stride;
  uint32_t index = 0;
  if (view.direct) {
    const uint32_t entry = __ldg(view.direct + (size_t{row} << view.precision | slot));
    const uint32_t code = entry >> 24;
    if (code != DecodeView::kAsideCode) {
      return {entry & 0xfff, entry >> 12 & 0xfff,
              static_cast<int32_t>(code + static_cast<uint32_t>(view.code_base)), false};
    }
    // The last symbol whose start is not beyond the slot.
    uint32_t end = view.entries[row];
    while (end - index > 1) {
      const uint32_t middle = (index + end) / 2;
      (slot >= (starts[middle] & 0xffff) ? index : end) = middle;
    }
  } else {
    const uint32_t bucket = slot >> (view.precision - DecodeView::kBucketBits);
    index = __ldg(view.buckets + (size_t{row} << DecodeView::kBucketBits | bucket));
  }
  uint32_t entry = __ldg(starts + index);
  while (slot - (entry & 0xffff) >= entry >> 16) entry = __ldg(starts + ++index);
  return {entry >> 16, slot - (entry & 0xffff),
          static_cast<int32_t>(static_cast<uint32_t>(view.min_symbol[row]) + index),
          index + 1 == view.entries[row]};
}

// One warp's work. Every member is the same in all threads of the warp, except for `x`, the thread's own
// lane.
class WarpDecoder {
 public:
  __device__ WarpDecoder(const DecodeView& view, const Section& section, const uint8_t* bytes,
                         const uint8_t* rows, int32_t* symbols, uint32_t* queue)
      : view_(view),
        data_(bytes + section.byte_offset),
        size_(section.byte_size),
        rows_(rows + section.symbol_offset),
        out_(symbols + section.symbol_offset),
        count_(section.symbol_count),
        lanes_(section.lanes),
        thread_(threadIdx.x % kWarp),
        queue_(queue) {}

  __device__ uint8_t run(int skip_below) {
    if (lanes_ != 1 && lanes_ != 4 && lanes_ != kWarp) return kCorrupt;
    uint32_t tail = 0;  // queued so far; head_ were taken
    for (uint32_t base = 0; base < count_; base += kWarp) {
      const uint32_t position = base + thread_;
      const bool inside = position < count_;
      const int row = inside ? rows_[position] : 0;
      // Checked before any table is touched with it.
      if (__any_sync(kAll, inside && row >= view_.rows)) return kCorrupt;
      const bool coded = inside && row >= skip_below;
      if (inside && !coded) out_[position] = 0;
      const unsigned coded_mask = __ballot_sync(kAll, coded);
      if (coded) queue_[(tail + __popc(coded_mask & below())) % kQueue] = position;
      tail += __popc(coded_mask);
      // What one lane queued, another one takes.
      __syncwarp();
      while (tail - head_ >= lanes_) {
        if (uint8_t error = step(lanes_)) return error;
      }
      __syncwarp();
    }
    if (tail != head_) {
      if (uint8_t error = step(tail - head_)) return error;
    }
    return finish();
  }

 private:
  __device__ unsigned below() const { return (1u << thread_) - 1; }

  // As split() and load_states() of the CPU's decoder.
  __device__ uint8_t start() {
    uint64_t raw_size = 0;
    uint64_t at = 0;
    for (int shift = 0;; shift += 7) {
      if (at == size_) return kTruncated;
      if (shift > 56) return kCorrupt;
      const uint64_t byte = data_[at++];
      raw_size |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte == 0 && shift > 0) return kCorrupt;
      break;
    }
    if (raw_size > size_ - at) return kTruncated;
    raw_ = {data_ + at, raw_size * 8, 0};
    next_ = data_ + at + raw_size;
    end_ = data_ + size_;
    if (end_ - next_ < 4 * static_cast<ptrdiff_t>(lanes_)) return kTruncated;
    x_ = kLowerBound;
    if (thread_ < lanes_) {
      const uint8_t* p = next_ + 4 * thread_;
      x_ = p[0] | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
    }
    next_ += 4 * lanes_;
    return __any_sync(kAll, x_ < kLowerBound) ? kCorrupt : kNone;
  }

  // Decodes the first `n` queued positions, one a lane.
  __device__ uint8_t step(uint32_t n) {
    if (head_ == 0) {
      if (uint8_t error = start()) return error;
    }
    const bool active = thread_ < n;
    uint32_t position = 0, row = 0;
    Found found{0, 0, 0, false};
    if (active) {
      position = queue_[(head_ + thread_) % kQueue];
      row = rows_[position];
      const uint32_t slot = x_ & ((1u << view_.precision) - 1);
      found = look_up(view_, row, slot);
      x_ = found.freq * (x_ >> view_.precision) + found.bias;
    }
    const unsigned refill = __ballot_sync(kAll, active && x_ < kLowerBound);
    // One test for the whole warp; lanes take the words in their order.
    if (end_ - next_ < 2 * __popc(refill)) return kTruncated;
    if (refill >> thread_ & 1) {
      const uint8_t* word = next_ + 2 * __popc(refill & below());
      x_ = x_ << kWordBits | word[0] | uint32_t{word[1]} << 8;
    }
    next_ += 2 * __popc(refill);
    for (unsigned left = __ballot_sync(kAll, found.escape); left != 0; left &= left - 1) {
      take_escape(__ffs(left) - 1, row, &found.symbol);
    }
    if (active) out_[position] = found.symbol;
    head_ += n;
    // The CPU looks at the raw bits after each chunk; here too, so that a section with two faults has one
    // verdict.
    return head_ % kChunk == 0 ? raw_error_ : kNone;
  }

  // The raw bits are read in lane order, by the lane that needs them; the others learn the position.
  __device__ void take_escape(int lane, uint32_t row, int32_t* symbol) {
    if (raw_error_ != kNone) return;
    if (static_cast<int>(thread_) == lane) {
      raw_error_ = raw_.escape(view_.min_symbol[row], int64_t{view_.entries[row]} - 1, symbol);
    }
    raw_.at = __shfl_sync(kAll, raw_.at, lane);
    raw_error_ = static_cast<uint8_t>(__shfl_sync(kAll, static_cast<int>(raw_error_), lane));
  }

  __device__ uint8_t finish() {
    if (head_ == 0) return size_ == 0 ? kNone : kCorrupt;
    if (raw_error_ != kNone) return raw_error_;
    // Threads beyond the lane count kept L from the start.
    const bool clean = x_ == kLowerBound && next_ == end_ && raw_.at_end();
    return __all_sync(kAll, clean) ? kNone : kCorrupt;
  }

  const DecodeView& view_;
  const uint8_t* data_;
  uint64_t size_;
  const uint8_t* rows_;
  int32_t* out_;
  uint32_t count_;
  uint32_t lanes_;
  uint32_t thread_;
  uint32_t* queue_;
  uint32_t head_ = 0;
  uint32_t x_ = kLowerBound;
  const uint8_t* next_ = nullptr;
  const uint8_t* end_ = nullptr;
  RawBits raw_{};
  uint8_t raw_error_ = kNone;
};

__global__ void __launch_bounds__(kWarp* kWarpsPerBlock)
    decode_kernel(DecodeView view, int skip_below, const uint8_t* bytes, const Section* sections,
                  size_t count, const uint8_t* rows, int32_t* symbols, uint8_t* verdicts) {
  __shared__ uint32_t queues[kWarpsPerBlock][kQueue];
  const unsigned warp = threadIdx.x / kWarp;
  const size_t index = size_t{blockIdx.x} * kWarpsPerBlock + warp;
  if (index >= count) return;
  const Section section = sections[index];
  const uint8_t verdict = WarpDecoder(view, section, bytes, rows, symbols, queues[warp]).run(skip_below);
  if (threadIdx.x % kWarp == 0) verdicts[index] = verdict;
}

// Lays out one array behind the other in a single allocation.
class Packer {
 public:
  template <typename T>
  size_t add(const T* data, size_t count) {
    const size_t at = bytes_.size();
    bytes_.resize((at + count * sizeof(T) + 15) / 16 * 16);  // 16: keeps every array aligned
    if (count > 0) std::memcpy(bytes_.data() + at, data, count * sizeof(T));
    return at;
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace

std::optional<CudaTable> CudaTable::upload(const CdfTable& table) {
  const DecodeView host = table.decode_view();
  const auto rows = static_cast<size_t>(host.rows);
  Packer packer;
  const size_t direct = packer.add(host.direct, host.direct ? rows << host.precision : 0);
  const size_t buckets = packer.add(host.buckets, host.direct ? 0 : rows << DecodeView::kBucketBits);
  const size_t starts = packer.add(host.starts, rows * host.stride);
  const size_t min_symbol = packer.add(host.min_symbol, rows);
  const size_t entries = packer.add(host.entries, rows);

  CudaTable device;
  if (cudaMalloc(&device.memory_, packer.bytes().size()) != cudaSuccess) return std::nullopt;
  // From here on the destructor frees the memory, whatever happens.
  auto* base = static_cast<uint8_t*>(device.memory_);
  if (cudaMemcpy(base, packer.bytes().data(), packer.bytes().size(), cudaMemcpyHostToDevice) != cudaSuccess) {
    return std::nullopt;
  }
  device.view_ = host;
  device.view_.direct = host.direct ? reinterpret_cast<const uint32_t*>(base + direct) : nullptr;
  device.view_.buckets = reinterpret_cast<const uint16_t*>(base + buckets);
  device.view_.starts = reinterpret_cast<const uint32_t*>(base + starts);
  device.view_.min_symbol = reinterpret_cast<const int32_t*>(base + min_symbol);
  device.view_.entries = reinterpret_cast<const uint16_t*>(base + entries);
  device.skip_below_ = table.skip_below();
  return device;
}

CudaTable::CudaTable(CudaTable&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), view_(other.view_), skip_below_(other.skip_below_) {}

CudaTable& CudaTable::operator=(CudaTable&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(view_, other.view_);
  std::swap(skip_below_, other.skip_below_);
  return *this;
}

CudaTable::~CudaTable() {
  if (memory_) cudaFree(memory_);
}

cudaError_t decode_async(const CudaTable& table, const uint8_t* bytes, const Section* sections, size_t count,
                         const uint8_t* rows, int32_t* symbols, uint8_t* verdicts, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  const auto blocks = static_cast<unsigned>((count + kWarpsPerBlock - 1) / kWarpsPerBlock);
  decode_kernel<<<blocks, kWarp * kWarpsPerBlock, 0, stream>>>(table.view(), table.skip_below(), bytes,
                                                               sections, count, rows, symbols, verdicts);
  return cudaGetLastError();
}

}  // namespace tessera::entropy::cuda
