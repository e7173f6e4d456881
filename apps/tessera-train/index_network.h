// The index model (models/audio/index_model.h) in floating point, to be trained, and its rounding to the integers of the coder.
//
// Shapes: L levels, G groups, C classes of M members, H channels of an embedding, N context channels, B packets of T frames.
// Activations are in units of the latents (unit variance), logits in octaves (base-2 softmax).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tessera::train {

struct IndexShape {
  int64_t groups = 1, levels = 16, codes = 1024;
  int64_t classes = 32, members = 32;
  int64_t embedding = 64;  // H
  int64_t context = 64;    // N
  int64_t decay = 3;       // the average moves by 2^-decay of the distance at each frame
};

class IndexNetwork {
 public:
  // codebooks float32 [L,G,K,d]: embeddings begin as the codes (projected to H channels when d > H).
  // counts float32 [L,G,K]: uses in the training data, for the first biases.
  IndexNetwork(const at::Tensor& codebooks, const at::Tensor& counts, int64_t embedding, int64_t context);

  const IndexShape& shape() const { return shape_; }

  // Closed-form beginning, much nearer to the end of training than to chance: least squares for the prediction of a frame from the two
  // before it, then for each level linear discriminant analysis, i.e. what is left after the lower levels is Gaussian around a linear
  // function of the embedding. positions int64 [N,L,G]: consecutive frames (clips may follow each other).
  void fit(const at::Tensor& positions);

  // Code numbers [B,T,l,G] (int64) to positions class * M + member, and packets to their cost.
  at::Tensor positions(const at::Tensor& indices) const;
  // positions int64 [B,T,l,G], l <= L -> bits [l] summed over everything else. `keep` < 1: share of context channels kept (dropout).
  at::Tensor bits(const at::Tensor& positions, double keep) const;

  // Makes the distributions of each level and group flatter or sharper (logits times a factor, one for classes and one for members), so that `positions`
  // [B,T,L,G], not trained on, cost the fewest bits with all levels in use. What still costs more than plain indices becomes uniform.
  void temper(const at::Tensor& positions);

  // Everything that is learned, by name; and the multiplier of the learning rate for each.
  struct Parameter {
    std::string name;
    at::Tensor value;
    double rate = 1;
  };
  std::vector<Parameter>& parameters() { return parameters_; }

  // The integers of the coder (tensors "index.*").
  std::map<std::string, at::Tensor> freeze() const;

 private:
  struct Logits {
    at::Tensor classes, members;      // [N,C], [N,M]: of the class that it is
    at::Tensor which, member;         // [N]
  };
  // Each level and group in turn: (level, group, logits).
  void each(const at::Tensor& positions, double keep, const std::function<void(int64_t, int64_t, const Logits&)>& use) const;
  void fit_level(const at::Tensor& left, const at::Tensor& embedded, int64_t level, int64_t group);
  at::Tensor& add(const std::string& name, at::Tensor value, double rate);
  const at::Tensor& get(const std::string& name) const;

  IndexShape shape_;
  at::Tensor order_;      // int64 [L,G,C*M], -1: absent
  at::Tensor position_;   // int64 [L,G,K]
  at::Tensor absent_;     // float32 [L,G,C*M]: a large negative number where absent
  std::vector<Parameter> parameters_;
};

}  // namespace tessera::train
