// The named parameters of a network. Modules register their tensors here and keep handles; the trainer rebinds the
// handles to flat buffers (tensor.set_data) without the modules noticing.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

namespace tessera::models {

// How a parameter is trained and stored.
enum class ParamKind {
  matrix,   // 2-D weight of a hidden layer: bf16 copy in mixed precision, orthogonalised updates (Muon)
  edge,     // first and last layers, depthwise filters, biases of float layers: bf16 copy, Adam
  fine,     // learned scales, everything of the exact path: float32 always, Adam
};

struct Param {
  std::string name;
  at::Tensor tensor;
  ParamKind kind;
  double mean, stddev;  // of the initial values
};

class ParamSet {
 public:
  // Registers a float32 tensor under a unique name and returns the handle to keep. Its values are undefined until initialise().
  at::Tensor add(const std::string& name, at::IntArrayRef shape, double mean, double stddev, ParamKind kind);
  // Normal values around each parameter's mean, from a generator seeded by its name: adding a layer changes no other.
  void initialise();
  const std::vector<Param>& list() const { return params_; }
  std::vector<Param>& list() { return params_; }
  int64_t count() const;  // scalars
  const Param* find(const std::string& name) const;

 private:
  std::vector<Param> params_;
};

}  // namespace tessera::models
