#include "models/audio/codes.h"

#include <algorithm>
#include <stdexcept>

#include "models/clones.h"
#include "models/cpu_block.h"

namespace tessera::models::audio {
namespace {

// A lone level has nothing behind it that makes up for what it leaves: bits are worth less there.
constexpr double kLoneThrift = 0.25;

// The first of the largest values, in lanes that the compiler vectorises.
TESSERA_CLONES() int32_t largest(const float* values, int32_t count) {
  constexpr int32_t kWidth = 16;
  float best[kWidth];
  int32_t place[kWidth];
  for (int32_t j = 0; j < kWidth; ++j) best[j] = -3e38f, place[j] = 0;
  const int32_t whole = count / kWidth * kWidth;
  for (int32_t i = 0; i < whole; i += kWidth) {
    for (int32_t j = 0; j < kWidth; ++j) {
      const bool better = values[i + j] > best[j];
      best[j] = better ? values[i + j] : best[j];
      place[j] = better ? i + j : place[j];
    }
  }
  int32_t found = place[0];
  float value = best[0];
  for (int32_t j = 1; j < kWidth; ++j) {
    if (best[j] > value || (best[j] == value && place[j] < found)) found = place[j], value = best[j];
  }
  for (int32_t i = whole; i < count; ++i) {
    if (values[i] > value) found = i, value = values[i];
  }
  return found;
}

}  // namespace

void CodeSearch::begin(std::span<const float> latents) {
  const QuantizerConfig& q = model_->config.quantizer;
  if (latents.size() % static_cast<size_t>(q.dim) != 0) throw std::invalid_argument("audio: latents of another shape");
  frames_ = static_cast<int64_t>(latents.size()) / q.dim;
  chosen_.clear();
  choices_.clear();
  latents_.assign(latents.begin(), latents.end());
  residual_.resize(latents.size());
  const int64_t d = q.dim / q.groups;
  double energy = 0;
  for (const float v : latents) energy += double{v} * v;
  distance_.assign(1, energy);
  float* out = residual_.data();
  for (int64_t g = 0; g < q.groups; ++g) {
    for (int64_t t = 0; t < frames_; ++t, out += d) std::copy_n(latents.data() + t * q.dim + g * d, d, out);
  }
}

void CodeSearch::find_nearest(int64_t level) {
  const QuantizerConfig& q = model_->config.quantizer;
  const int64_t d = q.dim / q.groups;
  thread_local std::vector<float> scores;  // [n][K]; shared, so that many packets can wait with their search
  scores.resize(static_cast<size_t>(frames_ * q.codes));
  std::vector<uint16_t> chosen(static_cast<size_t>(frames_ * q.groups));
  for (int64_t g = 0; g < q.groups; ++g) {
    const float* codes = model_->codebooks.const_data_ptr<float>() + (level * q.groups + g) * q.codes * d;
    const float* half = model_->half_norms.const_data_ptr<float>() + (level * q.groups + g) * q.codes;
    float* residual = residual_.data() + g * frames_ * d;
    // The nearest code has the largest r.e - |e|^2 / 2.
    for (int64_t t = 0; t < frames_; ++t) {
      for (int64_t k = 0; k < q.codes; ++k) scores[static_cast<size_t>(t * q.codes + k)] = -half[k];
    }
    multiply_add(residual, codes, scores.data(), frames_, q.codes, d);
    for (int64_t t = 0; t < frames_; ++t) {
      const int32_t index = largest(scores.data() + t * q.codes, static_cast<int32_t>(q.codes));
      chosen[static_cast<size_t>(t * q.groups + g)] = static_cast<uint16_t>(index);
      for (int64_t i = 0; i < d; ++i) residual[t * d + i] -= codes[index * d + i];
    }
  }
  chosen_.push_back(std::move(chosen));
  double energy = 0;
  for (const float v : residual_) energy += double{v} * v;
  distance_.push_back(energy);
}

double CodeSearch::distance(int64_t levels) {
  if (levels > 0) level(levels - 1);
  return distance_[static_cast<size_t>(levels)];
}

std::span<const uint16_t> CodeSearch::level(int64_t number) {
  if (number < 0 || number >= model_->config.quantizer.levels) throw std::invalid_argument("audio: no such number of levels");
  while (static_cast<int64_t>(chosen_.size()) <= number) find_nearest(static_cast<int64_t>(chosen_.size()));
  return chosen_[static_cast<size_t>(number)];
}

std::vector<uint16_t> CodeSearch::indices(int64_t levels) {
  const int64_t g = model_->config.quantizer.groups;
  std::vector<uint16_t> out(static_cast<size_t>(frames_ * levels * g));
  for (int64_t l = 0; l < levels; ++l) {
    const std::span<const uint16_t> from = level(l);
    for (int64_t t = 0; t < frames_; ++t) std::copy_n(from.data() + t * g, g, out.data() + (t * levels + l) * g);
  }
  return out;
}

const IndexChoice& CodeSearch::choice(int64_t levels) {
  const auto known = choices_.find(levels);
  if (known != choices_.end()) return known->second;
  IndexChoice made;
  if (search_ != nullptr && levels <= model_->index->levels()) {
    IndexSearchOptions options = options_;
    if (levels == 1) options.thrift *= kLoneThrift;
    made = (*search_)(latents_, frames_, levels, options);
  } else {
    made.indices = indices(levels);
    made.left = latents_;
    const std::vector<float> covered = look_up(*model_, made.indices, levels);
    for (size_t i = 0; i < covered.size(); ++i) made.left[i] -= covered[i];
  }
  return choices_.emplace(levels, std::move(made)).first->second;
}

const std::vector<uint16_t>& CodeSearch::chosen(int64_t levels) { return choice(levels).indices; }

std::vector<uint16_t> CodeSearch::further(int64_t levels) {
  CodeSearch more(model_);
  more.begin(choice(levels).left);
  more.find_nearest(levels);
  return std::move(more.chosen_.front());
}

void add_codes(const SpeechModel& model, int64_t level, const uint16_t* index, float* z) {
  const QuantizerConfig& q = model.config.quantizer;
  const int64_t d = q.dim / q.groups;
  const float* codes = model.codebooks.const_data_ptr<float>() + level * q.groups * q.codes * d;
  for (int64_t g = 0; g < q.groups; ++g, codes += q.codes * d, z += d) {
    for (int64_t i = 0; i < d; ++i) z[i] += codes[index[g] * d + i];
  }
}

std::optional<IndexSearch> index_search(const SpeechModel& model) {
  if (!model.index) return std::nullopt;
  const QuantizerConfig& q = model.config.quantizer;
  const int64_t d = q.dim / q.groups;
  const size_t size = static_cast<size_t>(model.index->levels() * q.groups * q.codes * d);
  return IndexSearch(*model.index, {model.codebooks.const_data_ptr<float>(), size}, d);
}

std::vector<float> look_up(const SpeechModel& model, std::span<const uint16_t> indices, int64_t levels) {
  const QuantizerConfig& q = model.config.quantizer;
  const int64_t frames = static_cast<int64_t>(indices.size()) / (levels * q.groups);
  std::vector<float> latents(static_cast<size_t>(frames * q.dim), 0.f);
  for (int64_t t = 0; t < frames; ++t) {
    for (int64_t l = 0; l < levels; ++l) add_codes(model, l, indices.data() + (t * levels + l) * q.groups, latents.data() + t * q.dim);
  }
  return latents;
}

}  // namespace tessera::models::audio
