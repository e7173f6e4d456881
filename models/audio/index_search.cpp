#include "models/audio/index_search.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/audio/index_walk.h"
#include "models/cpu_block.h"

namespace tessera::models::audio {

using namespace detail;

namespace {

// Bits of a frequency.
const std::vector<float>& bit_table() {
  static const std::vector<float> table = [] {
    std::vector<float> t((size_t{1} << kProbabilityBits) + 1, static_cast<float>(kProbabilityBits));
    for (size_t f = 1; f < t.size(); ++f) t[f] = static_cast<float>(kProbabilityBits) - std::log2(static_cast<float>(f));
    return t;
  }();
  return table;
}

// Sixteen floats that need not be aligned; the compiler makes of them what each processor has.
typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
constexpr int64_t kLanes = 16;

// scores[m] = rest . code m - |code m|^2 / 2, of one class. codes [d][members]. Sixteen members at a time: their sums stay in registers.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3"))) void score_members(
    const float* rest, const float* codes, const float* half_norms, float* scores, int64_t d, int64_t members) {
  int64_t first = 0;
  for (; first + kLanes <= members; first += kLanes) {
    Lanes even = {}, odd = {};
    int64_t j = 0;
    for (; j + 1 < d; j += 2) {
      const float* const at = codes + j * members + first;
      even += rest[j] * *reinterpret_cast<const Lanes*>(at);
      odd += rest[j + 1] * *reinterpret_cast<const Lanes*>(at + members);
    }
    if (j < d) even += rest[j] * *reinterpret_cast<const Lanes*>(codes + j * members + first);
    *reinterpret_cast<Lanes*>(scores + first) = even + odd - *reinterpret_cast<const Lanes*>(half_norms + first);
  }
  for (; first < members; ++first) {
    float sum = 0;
    for (int64_t j = 0; j < d; ++j) sum += rest[j] * codes[j * members + first];
    scores[first] = sum - half_norms[first];
  }
}

// One way to code a frame as far as it has been coded. Paths are made over from level to level, their memory stays.
struct Path {
  std::vector<int16_t> predicted, frame;  // the walk's left_ and frame_
  std::vector<float> left;                // [groups][d]
  std::vector<uint16_t> chosen;
  double bits = 0, distance = 0;          // squared, of all groups
};

// A path with one symbol more.
struct Step {
  size_t path = 0;
  int64_t which = 0, member = 0;
  double bits = 0, distance = 0, cost = 0;
};

constexpr float kNowhere = 1e30f;

}  // namespace

class Beam : private Walk {
 public:
  Beam(const IndexSearch& search, int64_t levels, const IndexSearchOptions& options)
      : Walk(*search.tables_, best_index_kernels(), levels), search_(search), options_(options), looked_(std::min<int64_t>(options.classes, t_.classes)) {}

  void run(std::span<const float> latents, int64_t frames, IndexChoice& out) {
    std::vector<int32_t> state = t_.start;
    const int64_t size = t_.groups * search_.d_;
    for (int64_t f = 0; f < frames; ++f) {
      predict(state);
      if (paths_.empty()) paths_.resize(1);
      Path& first = paths_.front();
      count_ = 1;
      first.predicted = left_;
      first.frame.assign(frame_.size(), 0);
      first.left.assign(latents.begin() + f * size, latents.begin() + (f + 1) * size);
      first.chosen.clear();
      first.bits = first.distance = 0;
      for (const float v : first.left) first.distance += double{v} * v;
      for (int64_t i = 0; i < levels_ * t_.groups; ++i) extend(i);
      const Path& best = paths_.front();
      frame_ = best.frame;
      observe(state);
      out.indices.insert(out.indices.end(), best.chosen.begin(), best.chosen.end());
      out.left.insert(out.left.end(), best.left.begin(), best.left.end());
    }
  }

 private:
  // The best paths with symbol i of the frame, best first.
  void extend(int64_t i) {
    const IndexCodebook& book = t_.books[static_cast<size_t>(i)];
    const IndexSearch::Book& codes = search_.books_[static_cast<size_t>(i)];
    const int64_t group = i % t_.groups, d = search_.d_, n = static_cast<int64_t>(count_);
    price_ = options_.thrift * codes.price;
    steps_.clear();
    // |r - e|^2 = |r|^2 - 2 (r.e - |e|^2 / 2): the score in brackets is to be large. Those of the classes' means first, for all paths together.
    rest_.resize(static_cast<size_t>(n * d));
    near_.resize(static_cast<size_t>(n * t_.classes));
    for (int64_t p = 0; p < n; ++p) {
      std::copy_n(paths_[static_cast<size_t>(p)].left.data() + group * d, d, rest_.data() + p * d);
      for (int64_t c = 0; c < t_.classes; ++c) near_[static_cast<size_t>(p * t_.classes + c)] = -codes.half_means[static_cast<size_t>(c)];
    }
    multiply_add(rest_.data(), codes.means.data(), near_.data(), n, t_.classes, d);
    for (int64_t p = 0; p < n; ++p) look(book, codes, p, rest_.data() + p * d, near_.data() + p * t_.classes);

    if (next_.size() < steps_.size()) next_.resize(steps_.size());
    for (size_t k = 0; k < steps_.size(); ++k) {
      const Step& s = steps_[k];
      Path& path = next_[k];
      path = paths_[s.path];
      left_ = path.predicted;
      frame_ = path.frame;
      take(book, group, s.which, s.member);
      path.predicted = left_;
      path.frame = frame_;
      const int64_t place = s.which * t_.members + s.member;
      float* const left = path.left.data() + group * d;
      const float* const code = codes.codes.data() + s.which * t_.members * d + s.member;
      for (int64_t j = 0; j < d; ++j) left[j] -= code[j * t_.members];
      path.chosen.push_back(static_cast<uint16_t>(book.order[static_cast<size_t>(place)]));
      path.bits = s.bits;
      path.distance = s.distance;
    }
    std::swap(paths_, next_);
    count_ = steps_.size();
  }

  // Offers the ways on from path p, whose rest is `rest`; `near`: scores of the classes' means.
  void look(const IndexCodebook& book, const IndexSearch::Book& codes, int64_t p, const float* rest, const float* near) {
    const Path& path = paths_[static_cast<size_t>(p)];
    left_ = path.predicted;
    classes(book);
    ranked_.clear();
    for (int64_t c = 0; c < t_.classes; ++c) {
      const float bits = bit_table()[frequency_[static_cast<size_t>(c)]];
      ranked_.push_back({price_ * bits - 2 * double{near[c]}, bits, c});
    }
    std::partial_sort(ranked_.begin(), ranked_.begin() + looked_, ranked_.end(), [](const Ranked& a, const Ranked& b) { return a.cost < b.cost; });
    scores_.resize(static_cast<size_t>(t_.members));
    for (int64_t c = 0; c < looked_; ++c) {
      const Ranked& r = ranked_[static_cast<size_t>(c)];
      const int64_t first = r.which * t_.members;
      score_members(rest, codes.codes.data() + first * search_.d_, codes.half_norms.data() + first, scores_.data(), search_.d_, t_.members);
      // No member of the class is worth its bits?
      const float best = *std::max_element(scores_.begin(), scores_.end());
      if (full() && path.distance - 2 * double{best} + price_ * (path.bits + double{r.bits}) >= steps_.back().cost) continue;
      members(book, r.which);
      const double without = path.distance + price_ * (path.bits + double{r.bits});
      for (int64_t m = 0; m < t_.members; ++m) {
        // Too far even if its own bits were none; places without a code are.
        if (const float score = scores_[static_cast<size_t>(m)]; score < -kNowhere / 2 || (full() && without - 2 * double{score} >= steps_.back().cost)) continue;
        Step s{static_cast<size_t>(p), r.which, m, path.bits + double{r.bits} + double{bit_table()[frequency_[static_cast<size_t>(m)]]},
               path.distance - 2 * double{scores_[static_cast<size_t>(m)]}, 0};
        s.cost = s.distance + price_ * s.bits;
        offer(s);
      }
    }
  }

  bool full() const { return steps_.size() == static_cast<size_t>(options_.paths); }

  // Keeps the cheapest, in order.
  void offer(const Step& s) {
    if (full() && s.cost >= steps_.back().cost) return;
    if (full()) steps_.pop_back();
    steps_.insert(std::upper_bound(steps_.begin(), steps_.end(), s, [](const Step& a, const Step& b) { return a.cost < b.cost; }), s);
  }

  struct Ranked {
    double cost;
    float bits;
    int64_t which;
  };

  const IndexSearch& search_;
  const IndexSearchOptions& options_;
  const int64_t looked_;
  double price_ = 0;  // of a bit
  std::vector<Path> paths_, next_;
  size_t count_ = 0;  // of the paths in use
  std::vector<float> rest_, near_, scores_;
  std::vector<Ranked> ranked_;
  std::vector<Step> steps_;
};

IndexSearch::IndexSearch(const IndexModel& model, std::span<const float> codes, int64_t d) : tables_(model.tables_), d_(d) {
  const IndexTables& t = *tables_;
  if (d < 1 || static_cast<int64_t>(codes.size()) != t.levels * t.groups * t.codes * d) throw std::invalid_argument("index search: codebooks of another shape");
  for (int64_t i = 0; i < t.levels * t.groups; ++i) {
    Book& b = books_.emplace_back();
    b.codes.assign(static_cast<size_t>(t.classes * t.members * d), 0.f);
    b.half_norms.assign(static_cast<size_t>(t.classes * t.members), kNowhere);
    b.means.assign(static_cast<size_t>(t.classes * d), 0.f);
    b.half_means.assign(static_cast<size_t>(t.classes), kNowhere);
    for (int64_t c = 0; c < t.classes; ++c) {
      float norms = 0, count = 0;
      for (int64_t m = 0; m < t.members; ++m) {
        const int64_t place = c * t.members + m;
        const int32_t code = t.books[static_cast<size_t>(i)].order[static_cast<size_t>(place)];
        if (code < 0) continue;
        const float* const from = codes.data() + (i * t.codes + code) * d;
        float norm = 0;
        for (int64_t j = 0; j < d; ++j) {
          b.codes[static_cast<size_t>((c * d + j) * t.members + m)] = from[j];
          norm += from[j] * from[j];
          b.means[static_cast<size_t>(c * d + j)] += from[j];
        }
        b.half_norms[static_cast<size_t>(place)] = norm / 2;
        norms += norm;
        count += 1;
      }
      b.price += double{norms} / static_cast<double>(t.codes);
      if (count == 0) continue;
      for (int64_t j = 0; j < d; ++j) b.means[static_cast<size_t>(c * d + j)] /= count;
      b.half_means[static_cast<size_t>(c)] = norms / count / 2;
    }
    b.price /= std::max(1.0, std::log2(static_cast<double>(t.codes)));
  }
}

IndexChoice IndexSearch::operator()(std::span<const float> latents, int64_t frames, int64_t levels, const IndexSearchOptions& options) const {
  if (levels < 1 || levels > tables_->levels || options.paths < 1 || options.classes < 1 || !(options.thrift >= 0)) {
    throw std::invalid_argument("index search: no such number of levels, paths or classes");
  }
  if (frames < 0 || static_cast<int64_t>(latents.size()) != frames * tables_->groups * d_) throw std::invalid_argument("index search: latents of another shape");
  IndexChoice out;
  Beam(*this, levels, options).run(latents, frames, out);
  return out;
}

}  // namespace tessera::models::audio
