// From the tensors of a weights file to the index model's tables: every size and bound is checked here, once.
//
// Tensors (prefix "index."; L levels, G groups, C classes, M members, H embedding channels, N context channels):
//   shape            int32 [9]: format (1), L, G, codes, C, M, H, N, decay
//   order            int32 [L,G,C*M]: the code at each place, every code once; -1 where a class is not full
//   embedding        int8 [L,G,C*M,H], embedding_shift uint8 [L,G]: channels in units of 2^-shift
//   member_bias      int16 [L,G,C*M]: in units of 1/256 octave
//   start            int16 [2*G*H+N]: the context before the first frame
//   observe, context, predict, hidden, class: int8 `.weight` [...,rows,columns], uint8 `.shift` [...,rows], int32 `.bias` [...,rows] in
//     units of 2^-(shift+8); hidden and class have [L,G] in front, context's bias is [L,rows]: one for every number of levels in use
// Embeddings are shifted to a common unit of 2^-8.
#include "models/audio/index_model.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "models/audio/index_tables.h"
#include "models/weights.h"

namespace tessera::models::audio {
namespace {

using namespace detail;

constexpr int kMaxShift = 20, kUnitPlaces = 8;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("the index model of the weights file is damaged: " + what); }

// `count` rows or tables of a tensor that begins with the levels and groups.
template <class T>
const T* part(const at::Tensor& tensor, int64_t index, int64_t elements) {
  return tensor.const_data_ptr<T>() + index * elements;
}

// bias + half of the divisor, and the proof that no sum of the row leaves kIndexSumLimit whatever 16-bit numbers come in.
int32_t checked_bias(const int8_t* row, int64_t in, int64_t bias, int shift) {
  int64_t total = 0;
  for (int64_t i = 0; i < in; ++i) total += std::abs(static_cast<int>(row[i]));
  const int64_t rounded = bias + (shift > 0 ? int64_t{1} << (shift - 1) : 0);
  if (total * 32767 + std::abs(bias) + (int64_t{1} << kMaxShift) >= kIndexSumLimit) fail("a sum may not fit 30 bits");
  return static_cast<int32_t>(rounded);
}

// Rows [out][in] to pairs of columns [in/2][out][2].
void interleave(const int8_t* rows, int64_t out, int64_t in, int8_t* to) {
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i) to[(i / 2 * out + o) * 2 + i % 2] = rows[o * in + i];
  }
}

IndexLayer layer(const int8_t* rows, const uint8_t* shift, const int32_t* bias, int64_t out, int64_t in) {
  IndexLayer l;
  l.in = in;
  l.out = out;
  l.weight.resize(static_cast<size_t>(in * out));
  interleave(rows, out, in, l.weight.data());
  for (int64_t o = 0; o < out; ++o) {
    if (shift[o] > kMaxShift) fail("a shift is out of range");
    l.shift.push_back(shift[o]);
    l.bias.push_back(checked_bias(rows + o * in, in, bias[o], shift[o]));
  }
  return l;
}

struct LayerTensors {
  at::Tensor weight, shift, bias;
};

LayerTensors layer_tensors(const Weights& w, const std::string& name, std::vector<int64_t> front, int64_t out, int64_t in,
                           std::vector<int64_t> bias_front) {
  front.push_back(out);
  bias_front.push_back(out);
  LayerTensors t;
  t.shift = w.get("index." + name + ".shift", at::kByte, front).contiguous();
  t.bias = w.get("index." + name + ".bias", at::kInt, bias_front).contiguous();
  front.push_back(in);
  t.weight = w.get("index." + name + ".weight", at::kChar, front).contiguous();
  return t;
}

IndexLayer pick(const LayerTensors& t, int64_t index, int64_t out, int64_t in) {
  return layer(part<int8_t>(t.weight, index, out * in), part<uint8_t>(t.shift, index, out), part<int32_t>(t.bias, index, out), out, in);
}

void read_shape(const Weights& w, IndexTables& t) {
  const at::Tensor shape = w.get("index.shape", at::kInt, {9}).contiguous();
  const int32_t* v = shape.const_data_ptr<int32_t>();
  const auto in_range = [&](int i, int32_t lo, int32_t hi) {
    if (v[i] < lo || v[i] > hi) fail("its shape is out of range");
    return static_cast<int64_t>(v[i]);
  };
  in_range(0, 1, 1);
  t.levels = in_range(1, 1, 64);
  t.groups = in_range(2, 1, 16);
  t.codes = in_range(3, 2, 65536);
  t.classes = in_range(4, 8, 256);
  t.members = in_range(5, 8, 256);
  t.embedding = in_range(6, 2, 256);
  t.context = in_range(7, 2, 512);
  t.decay = static_cast<int>(in_range(8, 1, 8));
  if (t.classes % 8 != 0 || t.members % 8 != 0 || t.embedding % 8 != 0 || t.context % 8 != 0 || t.classes * t.members < t.codes ||
      t.groups * t.embedding > 1024) {
    fail("its shape is out of range");
  }
}

void read_order(const int32_t* order, const IndexTables& t, IndexCodebook& book) {
  const int64_t places = t.classes * t.members;
  book.order.assign(order, order + places);
  book.position.resize(static_cast<size_t>(t.codes));
  std::vector<bool> seen(static_cast<size_t>(t.codes));
  int64_t count = 0;
  for (int64_t p = 0; p < places; ++p) {
    if (order[p] == -1) continue;
    if (order[p] < 0 || order[p] >= t.codes || seen[static_cast<size_t>(order[p])]) fail("its order of codes is no permutation");
    seen[static_cast<size_t>(order[p])] = true;
    book.position[static_cast<size_t>(order[p])] = static_cast<uint16_t>(p);
    ++count;
  }
  if (count != t.codes) fail("its order of codes is no permutation");
}

void read_embedding(const int8_t* rows, const int16_t* bias, int shift, const IndexTables& t, IndexCodebook& book) {
  if (shift > kUnitPlaces) fail("a shift is out of range");
  book.raise = kUnitPlaces - shift;
  book.shift.assign(static_cast<size_t>(t.members), shift);
  book.embedding.resize(static_cast<size_t>(t.classes * t.members * t.embedding));
  for (int64_t c = 0; c < t.classes; ++c) {
    interleave(rows + c * t.members * t.embedding, t.members, t.embedding, book.embedding.data() + c * t.members * t.embedding);
  }
  for (int64_t p = 0; p < t.classes * t.members; ++p) {
    book.bias.push_back(checked_bias(rows + p * t.embedding, t.embedding, int64_t{bias[p]} << shift, shift));
  }
}

// Sums of embeddings, one code of each level: no channel may leave the range of an activation.
void check_sums(const int8_t* rows, const IndexTables& t, const std::vector<IndexCodebook>& books) {
  for (int64_t g = 0; g < t.groups; ++g) {
    for (int64_t c = 0; c < t.embedding; ++c) {
      int64_t total = 0;
      for (int64_t l = 0; l < t.levels; ++l) {
        const int64_t book = l * t.groups + g, places = t.classes * t.members;
        int64_t most = 0;
        for (int64_t p = 0; p < places; ++p) most = std::max<int64_t>(most, std::abs(static_cast<int>(rows[(book * places + p) * t.embedding + c])));
        total += most << books[static_cast<size_t>(book)].raise;
      }
      if (total > kActivationLimit) fail("a sum of embeddings may not fit 15 bits");
    }
  }
}

std::shared_ptr<const IndexTables> load_tables(const Weights& w) {
  auto tables = std::make_shared<IndexTables>();
  IndexTables& t = *tables;
  read_shape(w, t);
  const int64_t l = t.levels, g = t.groups, h = t.embedding, n = t.context, gh = g * h, places = t.classes * t.members;
  const at::Tensor order = w.get("index.order", at::kInt, {l, g, places}).contiguous();
  const at::Tensor embedding = w.get("index.embedding", at::kChar, {l, g, places, h}).contiguous();
  const at::Tensor embedding_shift = w.get("index.embedding_shift", at::kByte, {l, g}).contiguous();
  const at::Tensor member_bias = w.get("index.member_bias", at::kShort, {l, g, places}).contiguous();
  const at::Tensor start = w.get("index.start", at::kShort, {2 * gh + n}).contiguous();

  t.observe = pick(layer_tensors(w, "observe", {}, n, gh, {}), 0, n, gh);
  t.predict = pick(layer_tensors(w, "predict", {}, gh, n + 2 * gh, {}), 0, gh, n + 2 * gh);
  const LayerTensors context = layer_tensors(w, "context", {}, n, 2 * gh + n, {l});
  for (int64_t i = 0; i < l; ++i) {  // the same weights with the bias of each number of levels
    t.context_layer = layer(context.weight.const_data_ptr<int8_t>(), context.shift.const_data_ptr<uint8_t>(), part<int32_t>(context.bias, i, n), n, 2 * gh + n);
    t.level_bias.insert(t.level_bias.end(), t.context_layer.bias.begin(), t.context_layer.bias.end());
  }
  const LayerTensors hidden = layer_tensors(w, "hidden", {l, g}, h, gh + n, {l, g}), classes = layer_tensors(w, "class", {l, g}, t.classes, h, {l, g});
  for (int64_t i = 0; i < l * g; ++i) {
    IndexCodebook book;
    read_order(part<int32_t>(order, i, places), t, book);
    read_embedding(part<int8_t>(embedding, i, places * h), part<int16_t>(member_bias, i, places), embedding_shift.const_data_ptr<uint8_t>()[i], t, book);
    book.hidden = pick(hidden, i, h, gh + n);
    book.classes = pick(classes, i, t.classes, h);
    t.books.push_back(std::move(book));
  }
  check_sums(embedding.const_data_ptr<int8_t>(), t, t.books);
  for (int64_t i = 0; i < 2 * gh + n; ++i) {
    const int v = start.const_data_ptr<int16_t>()[i];
    const bool average = i >= 2 * gh;
    if (v > kActivationLimit || v < (average ? 0 : -kActivationLimit)) fail("its first context is out of range");
    t.start.push_back(average ? v << kAveragePlaces : v);
  }
  for (const auto& [name, tensor] : w.tensors) {
    if (name.starts_with("index.")) t.stored_bytes += tensor.numel() * static_cast<int64_t>(tensor.element_size());
  }
  return tables;
}

}  // namespace

Result<IndexModel> IndexModel::load(const Weights& weights) {
  if (!present(weights)) return {ErrorCode::model_missing, "the weights file has no index model"};
  try {
    return IndexModel(load_tables(weights));
  } catch (const std::bad_alloc&) {  // says nothing about the file
    throw;
  } catch (const std::exception& e) {
    return {ErrorCode::corrupt, e.what()};
  }
}

bool IndexModel::present(const Weights& weights) { return weights.tensors.contains("index.shape"); }

}  // namespace tessera::models::audio
