// All parameters of a network in a few flat buffers: float32 masters, the copies that the network computes with (bfloat16, or
// rounded to the grid of an exact layer), and their gradients. One optimiser step is then a handful of kernels.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/params.h"

namespace tessera::train {

// A run of equally shaped matrices in the flat buffers.
struct MatrixGroup {
  int64_t begin = 0, count = 0, rows = 0, cols = 0;
};

class FlatParams {
 public:
  // Order: matrices grouped by shape, then `edge`, then `fine` parameters. Values are taken from the set.
  FlatParams(models::ParamSet& set, at::Device device);

  int64_t size() const { return master.numel(); }
  int64_t matrices() const { return matrix_end_; }  // scalars in matrices: [0, matrices())
  int64_t bulk() const { return bulk_end_; }        // scalars that compute in bfloat16: [0, bulk())
  const std::vector<MatrixGroup>& groups() const { return groups_; }

  // Gives the network's handles the computing copies (bulk in `type`), with gradients that accumulate into gradient().
  void bind_training(at::ScalarType type);
  // Gives the network's handles views of `values` (flat float32), without gradients: evaluation and export.
  void bind_values(const at::Tensor& values);

  void refresh();          // computing copies from the masters
  void zero_gradient();
  at::Tensor gradient() const;  // float32 [size()]

  // The slice of a flat tensor that belongs to a parameter, in its shape; undefined when there is none of that name.
  at::Tensor view(const at::Tensor& flat, const std::string& name) const;

  // Quantises a copy: floor(p s + 1/2) / s where the scale s is positive.
  at::Tensor on_grid(const at::Tensor& flat) const;

  at::Tensor master;  // float32 [size()]
  at::Tensor scale;   // float32 [size() - bulk()]: grids of the exact layers' parameters, 0 elsewhere

 private:
  struct Slot {
    std::string name;
    at::Tensor handle;
    int64_t begin, count;
    std::vector<int64_t> shape;
  };
  std::vector<Slot> slots_;
  std::vector<MatrixGroup> groups_;
  int64_t matrix_end_ = 0, bulk_end_ = 0;
  at::Tensor bulk_copy_, fine_copy_, bulk_grad_, fine_grad_;
};

}  // namespace tessera::train
