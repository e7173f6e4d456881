// rANS decoder on the GPU: the sections of entropy/rans.h, many at once, one warp each. Reads the bytes that
// encode() wrote, and gives the verdict of decode(). Only built with TESSERA_CUDA.
//
// A section of 32 lanes uses the whole warp; sections of 4 or 1 lanes decode as well, with as many threads
// busy. The GPU pays when tens of sections are decoded together; for one small section the CPU is faster than
// the trip.
//
//   auto table = CudaTable::upload(cdf_table);
//   cudaError_t error = decode_async(*table, bytes, sections, count, rows, symbols, verdicts, stream);
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "entropy/cdf_table.h"

namespace tessera::entropy::cuda {

// One section inside of the buffers that a launch shares. The caller vouches for the ranges.
struct Section {
  uint64_t byte_offset;  // into bytes
  uint64_t byte_size;
  uint64_t symbol_offset;  // into rows and symbols alike
  uint32_t symbol_count;   // positions, the skipped ones included
  uint32_t lanes;          // 1, 4 or 32; anything else is corrupt
};

// A CdfTable's decoding tables in the memory of the current device.
class CudaTable {
 public:
  // Synchronous. Nothing when the device has no memory left or there is no device.
  static std::optional<CudaTable> upload(const CdfTable& table);
  CudaTable(CudaTable&& other) noexcept;
  CudaTable& operator=(CudaTable&& other) noexcept;
  ~CudaTable();

  const DecodeView& view() const { return view_; }  // of device pointers
  int skip_below() const { return skip_below_; }

 private:
  CudaTable() = default;
  void* memory_ = nullptr;
  DecodeView view_;
  int skip_below_ = 0;
};

// Decodes sections[0..count) into symbols; all pointers are to device memory. verdicts[i] becomes the
// DecodeError of section i, as decode() would return it (a row number out of range is corrupt wherever it
// stands). Symbols of a damaged section are unspecified. Returns the launch's error only; `table` and the
// buffers must live until `stream` got there.
cudaError_t decode_async(const CudaTable& table, const uint8_t* bytes, const Section* sections, size_t count,
                         const uint8_t* rows, int32_t* symbols, uint8_t* verdicts, cudaStream_t stream);

}  // namespace tessera::entropy::cuda
