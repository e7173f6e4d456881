// The exact context network: from latents that are decoded already to the distribution of the next one, in integers alone
// (docs/exactness.md). No floating point, no library: bit-identical on every machine.
//
// Activations are int16 in units of 1/128; a latent q enters as 128 min(max(q, -255), 255). With x [C] the context, a layer is
//   floor((sum_i w_i x_i + bias) / 2^shift + 1/2), int16 weights, 32-bit sums, clamped to 0..32767 by the hidden layers.
// Two hidden layers of width H; the last layer sees the second hidden layer and the context itself. Its outputs are the mean in units of
// 1/128, rounded to sixteenths, and the scale row / 4 in units of 1/128.
//
// create() proves for every output that sum |w| 32767 + |bias| + half < 2^31: no partial sum overflows in any order.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bitstream/status.h"
#include "models/inr/network.h"

namespace tessera::models::inr {

inline constexpr int kActivationBits = 7;
inline constexpr int32_t kActivationMax = 32767;
inline constexpr int32_t kContextMax = 255;  // latents beyond it look the same to the network

// What the kernels need. Input vectors have kInputRoom places: the context, zeros up to a multiple of 16, then room for the second layer.
struct ContextTables {
  int inputs = 0, width = 0;
  int padded = 0;                     // inputs rounded up to a multiple of 16: where the second layer's outputs go
  std::vector<int16_t> first;         // [inputs / 2][width][2]
  std::vector<int16_t> second;        // [width / 2][width][2]
  std::vector<int16_t> last;          // [2][padded + width rounded up to 16]
  std::vector<int32_t> bias;          // [width] first, [width] second; halves for rounding included
  std::array<int32_t, 2> last_bias{};
  int shift[3] = {0, 0, 0};
};
inline constexpr int kInputRoom = 32 + kMaxWidth;

// x [kInputRoom], 16-byte aligned or not; everything behind the context is scratch that starts as zeros. out: mean and scale before rounding
// to a row, `scale_bias` added to the second sum.
using PredictKernel = void (*)(const ContextTables&, int16_t* x, int32_t scale_bias, int32_t out[2]);

enum class Kernel { best, scalar };  // results never differ; the environment variable TESSERA_SIMD=scalar caps `best`

class ContextNetwork {
 public:
  // corrupt, with a sentence, when the bound cannot be proved.
  static Result<ContextNetwork> create(const Network& network, Kernel kernel = Kernel::best);

  struct Distribution {
    int32_t mean;  // sixteenths
    int scale;     // row of LaplaceTable
  };
  Distribution predict(int16_t* x, size_t grid) const {
    int32_t out[2];
    kernel_(tables_, x, grid_bias_[grid], out);
    const int32_t row = (out[1] + 16) >> 5;
    return {(out[0] + 4) >> 3, row < 0 ? 0 : row > 63 ? 63 : static_cast<int>(row)};
  }

  const ContextTables& tables() const { return tables_; }

 private:
  ContextTables tables_;
  std::vector<int32_t> grid_bias_;  // in units of the last layer's sum
  PredictKernel kernel_ = nullptr;
};

void predict_scalar(const ContextTables& tables, int16_t* x, int32_t scale_bias, int32_t out[2]);
#if defined(__x86_64__)
void predict_avx2(const ContextTables& tables, int16_t* x, int32_t scale_bias, int32_t out[2]);
#endif

}  // namespace tessera::models::inr
