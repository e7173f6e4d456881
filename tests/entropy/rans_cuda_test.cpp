// The GPU's decoder against the scalar one: symbols and verdicts, over random tables, sound and damaged
// sections.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "entropy/cuda/rans_decode.h"
#include "entropy/gaussian_rows.h"
#include "entropy/rans.h"
#include "tests/entropy/test_tables.h"

namespace tessera::entropy {
namespace {

using namespace test;

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& host) : size_(host.size()) {
    EXPECT_EQ(cudaMalloc(&data_, std::max<size_t>(1, size_) * sizeof(T)), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(data_, host.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), cudaSuccess);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }
  T* get() const { return static_cast<T*>(data_); }
  std::vector<T> host() const {
    std::vector<T> copy(size_);
    EXPECT_EQ(cudaMemcpy(copy.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
    return copy;
  }

 private:
  size_t size_;
  void* data_ = nullptr;
};

// Sections of one launch, and what the scalar decoder makes of each.
struct Batch {
  std::vector<uint8_t> bytes;
  std::vector<uint8_t> rows;
  std::vector<cuda::Section> sections;

  void add(std::span<const uint8_t> section, std::span<const uint8_t> section_rows, int lanes) {
    sections.push_back({bytes.size(), section.size(), rows.size(), static_cast<uint32_t>(section_rows.size()),
                        static_cast<uint32_t>(lanes)});
    bytes.insert(bytes.end(), section.begin(), section.end());
    rows.insert(rows.end(), section_rows.begin(), section_rows.end());
  }
};

void expect_as_scalar(const CdfTable& table, const Batch& batch) {
  const auto device_table = cuda::CudaTable::upload(table);
  ASSERT_TRUE(device_table.has_value());
  const DeviceArray bytes(batch.bytes);
  const DeviceArray rows(batch.rows);
  const DeviceArray sections(batch.sections);
  const DeviceArray symbols(std::vector<int32_t>(batch.rows.size(), 77));
  const DeviceArray verdicts(std::vector<uint8_t>(batch.sections.size(), 77));
  ASSERT_EQ(cuda::decode_async(*device_table, bytes.get(), sections.get(), batch.sections.size(), rows.get(),
                               symbols.get(), verdicts.get(), nullptr),
            cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);

  const auto got = symbols.host();
  const auto verdict = verdicts.host();
  for (size_t i = 0; i < batch.sections.size(); ++i) {
    const cuda::Section& s = batch.sections[i];
    std::vector<int32_t> expected(s.symbol_count);
    const DecodeError error = decode(table, std::span(batch.bytes).subspan(s.byte_offset, s.byte_size),
                                     std::span(batch.rows).subspan(s.symbol_offset, s.symbol_count),
                                     static_cast<int>(s.lanes), expected, Simd::scalar);
    ASSERT_EQ(verdict[i], static_cast<uint8_t>(error)) << "section " << i << ", lanes " << s.lanes;
    if (error != DecodeError::none) continue;
    const auto begin = got.begin() + static_cast<ptrdiff_t>(s.symbol_offset);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), begin))
        << "section " << i << ", lanes " << s.lanes;
  }
}

class RansCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device";
  }
  std::mt19937_64 rng_{1};
};

TEST_F(RansCuda, SectionsOfAllLengthsAndLanes) {
  for (int precision : {10, 12, 14, 16}) {
    for (int skip : {0, 4}) {
      const CdfTable table = mixed_table(rng_, precision, 20, skip);
      Batch batch;
      for (size_t n : {0, 1, 2, 31, 32, 33, 64, 100, 4096, 4097, 20000}) {
        for (int lanes : all_lanes()) {
          const Sample sample = draw(rng_, table, n, 40);
          batch.add(encoded(table, sample, lanes), sample.rows, lanes);
        }
      }
      expect_as_scalar(table, batch);
    }
  }
}

TEST_F(RansCuda, DirectLookupOfGaussians) {
  const CdfTable table = make_table(12, gaussian_rows(12, 64, 0.11, 64), 8);
  ASSERT_NE(table.decode_view().direct, nullptr);
  Batch batch;
  for (int i = 0; i < 200; ++i) {
    const Sample sample = draw(rng_, table, 5000, i % 2 == 0 ? 0 : 500);
    batch.add(encoded(table, sample, 32), sample.rows, 32);
  }
  expect_as_scalar(table, batch);
}

TEST_F(RansCuda, EverythingSkipped) {
  const CdfTable table = make_table(12, std::vector<CdfTable::Row>(256, {0, {4000, 96}}), 256);
  Batch batch;
  const Sample sample = draw(rng_, table, 1000);
  batch.add({}, sample.rows, 32);
  batch.add(std::vector<uint8_t>{0}, sample.rows, 32);
  expect_as_scalar(table, batch);
}

TEST_F(RansCuda, DamagedSectionsHaveTheSameVerdict) {
  for (int precision : {12, 15}) {
    const CdfTable table =
        precision == 12 ? make_table(12, gaussian_rows(12, 8, 0.11, 8), 2) : mixed_table(rng_, 15, 6, 1);
    Batch batch;
    for (int lanes : all_lanes()) {
      const Sample sample = draw(rng_, table, 200, 20);
      const auto bytes = encoded(table, sample, lanes);
      for (size_t n = 0; n < bytes.size(); ++n) batch.add(std::span(bytes).first(n), sample.rows, lanes);
      for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
        batch.add(damaged, sample.rows, lanes);
      }
      batch.add(bytes, sample.rows, 2);  // no such lane count
    }
    expect_as_scalar(table, batch);
  }
}

// Two faults in one section, in one chunk or in two: the verdict must be the CPU's.
TEST_F(RansCuda, DamageInLargeSections) {
  const CdfTable table = mixed_table(rng_, 12, 12, 2);
  Batch batch;
  for (int i = 0; i < 150; ++i) {
    const Sample sample = draw(rng_, table, 15000, 100);
    auto bytes = encoded(table, sample, 32);
    for (int fault = 0; fault < 2; ++fault)
      bytes[rng_() % bytes.size()] ^= static_cast<uint8_t>(1 + rng_() % 255);
    batch.add(bytes, sample.rows, 32);
  }
  expect_as_scalar(table, batch);
}

TEST_F(RansCuda, RowOutOfRangeIsCorrupt) {
  const CdfTable table = make_table(12, {{0, {4000, 96}}});
  Batch batch;
  batch.add(encoded(table, {{0}, {0}, 0}, 1), std::vector<uint8_t>{1}, 1);
  expect_as_scalar(table, batch);
}

}  // namespace
}  // namespace tessera::entropy
