#include "tests/models/random_index.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

namespace tessera::models::test {
namespace {

template <class T>
at::Tensor random_tensor(Numbers& numbers, std::vector<int64_t> shape, at::ScalarType type, int64_t lo, int64_t hi) {
  const at::Tensor out = at::empty(shape, type);
  T* data = out.data_ptr<T>();
  for (int64_t i = 0; i < out.numel(); ++i) data[i] = static_cast<T>(numbers.between(lo, hi));
  return out;
}

}  // namespace

uint32_t Numbers::next() {
  state_ = state_ * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>(state_ >> 33);
}

int64_t Numbers::between(int64_t lo, int64_t hi) { return lo + static_cast<int64_t>(next() % static_cast<uint64_t>(hi - lo + 1)); }

Weights random_index_weights(const IndexSizes& s, uint64_t seed, int strength) {
  Numbers numbers(seed);
  const int64_t l = s.levels, g = s.groups, h = s.embedding, n = s.context, gh = g * h, places = s.classes * s.members;
  Weights w;
  auto& t = w.tensors;
  t["index.shape"] = at::tensor({int64_t{1}, l, g, s.codes, s.classes, s.members, h, n, int64_t{3}}, at::kInt);
  const at::Tensor order = at::full({l, g, places}, -1, at::kInt);
  for (int64_t i = 0; i < l * g; ++i) {
    // The codes in random order at random places.
    int32_t* o = order.data_ptr<int32_t>() + i * places;
    for (int64_t c = 0; c < s.codes; ++c) o[c] = static_cast<int32_t>(c);
    for (int64_t p = places - 1; p > 0; --p) std::swap(o[p], o[numbers.between(0, p)]);
  }
  t["index.order"] = order;
  t["index.embedding"] = random_tensor<int8_t>(numbers, {l, g, places, h}, at::kChar, -strength, strength);
  t["index.embedding_shift"] = random_tensor<uint8_t>(numbers, {l, g}, at::kByte, 5, 8);
  t["index.member_bias"] = random_tensor<int16_t>(numbers, {l, g, places}, at::kShort, -500, 500);
  t["index.start"] = random_tensor<int16_t>(numbers, {2 * gh + n}, at::kShort, 0, 600);
  const auto add = [&](const std::string& name, std::vector<int64_t> front, int64_t out, int64_t in, std::vector<int64_t> bias_front) {
    front.push_back(out);
    bias_front.push_back(out);
    t["index." + name + ".shift"] = random_tensor<uint8_t>(numbers, front, at::kByte, 7, 9);
    t["index." + name + ".bias"] = random_tensor<int32_t>(numbers, bias_front, at::kInt, -40000, 40000);
    front.push_back(in);
    t["index." + name + ".weight"] = random_tensor<int8_t>(numbers, front, at::kChar, -strength, strength);
  };
  add("observe", {}, n, gh, {});
  add("context", {}, n, 2 * gh + n, {l});
  add("predict", {}, gh, n + 2 * gh, {});
  add("hidden", {l, g}, h, gh + n, {l, g});
  add("class", {l, g}, s.classes, h, {l, g});
  return w;
}

audio::IndexModel random_index(const IndexSizes& sizes, uint64_t seed, int strength) {
  auto model = audio::IndexModel::load(random_index_weights(sizes, seed, strength));
  if (!model.ok()) throw std::runtime_error(model.status().message());
  return std::move(model.value());
}

std::vector<uint16_t> random_indices(const IndexSizes& sizes, int64_t frames, int64_t levels, uint64_t seed) {
  Numbers numbers(seed);
  std::vector<uint16_t> out(static_cast<size_t>(frames * levels * sizes.groups));
  for (uint16_t& i : out) i = static_cast<uint16_t>(numbers.between(0, sizes.codes - 1));
  return out;
}

}  // namespace tessera::models::test
