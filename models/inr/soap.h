// SOAP (Vyas et al., ICLR 2025, arXiv 2409.11321): Adam in the eigenbasis of Shampoo's preconditioner, for parameters that are small matrices. As in
// adam.h a step reads nothing back to the host; refresh(), which does, belongs between steps.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "models/inr/adam.h"

namespace tessera::models::inr {

class Soap {
 public:
  // A matrix [rows, columns] at `begin` of the flat parameters; what is in no matrix is left to Adam, and so are sides longer than kLongestSide.
  struct Place {
    int64_t begin, rows, columns;
  };
  static constexpr int64_t kLongestSide = 256;
  Soap() = default;
  // In order of `begin`. `total`: parameters.
  Soap(const std::vector<Place>& places, int64_t total, const at::TensorOptions& options);

  // values [total] with their gradient, moments [2, total]: the first in the parameters' own basis, the second in the rotated one.
  void update(const AdamStep& step, at::Tensor& values, at::Tensor& moments, const at::Tensor& rate);

  // The bases follow the gradients' second moments: a step of the power iteration, on the CPU.
  void refresh(at::Tensor& moments);

  // For snapshots.
  std::vector<at::Tensor> state() const { return {averages_, bases_}; }

 private:
  // Of a flat tensor like averages_: for each matrix its left square [rows, rows], then its right one [columns, columns], sides that are too long left out.
  static bool turns(int64_t side) { return side <= kLongestSide; }
  static int64_t square(int64_t side) { return turns(side) ? side * side : 0; }
  static at::Tensor left(const at::Tensor& flat, const Place& p, int64_t at) { return flat.narrow(0, at, p.rows * p.rows).view({p.rows, p.rows}); }
  static at::Tensor right(const at::Tensor& flat, const Place& p, int64_t at) { return flat.narrow(0, at + square(p.rows), p.columns * p.columns).view({p.columns, p.columns}); }
  static int64_t squares(const Place& p) { return square(p.rows) + square(p.columns); }
  // For the kernel, where all sides are short enough for it.
  std::optional<FusedSoap> fused() const;
  // Every matrix of flat parameters to (back: from) its bases.
  at::Tensor rotated(const at::Tensor& flat, bool back) const;

  std::vector<Place> places_;
  int64_t total_ = 0;
  at::Tensor averages_;  // of G G^T and G^T G
  at::Tensor bases_;     // orthogonal
};

}  // namespace tessera::models::inr
