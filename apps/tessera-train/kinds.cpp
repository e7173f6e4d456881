#include "apps/tessera-train/kinds.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <span>
#include <stdexcept>
#include <utility>

#include "apps/tessera-train/audio_pack.h"

namespace tessera::train {
namespace {

using namespace models::audio;

constexpr double kDecay = 1;  // on the squares of the weights

// Begin and length of the pieces, seconds. Other sound is scarcer: more pieces.
constexpr std::pair<int, int> kSpeechPieces[] = {{0, 10}, {1, 3}};
constexpr std::pair<int, int> kOtherPieces[] = {{0, 10}, {5, 10}, {10, 10}, {15, 10}, {2, 4}};

void add_pieces(const std::string& path, bool speech, std::span<const std::pair<int, int>> pieces, std::vector<KindSample>& out) {
  const AudioPack pack = read_audio_pack(path);
  if (pack.sample_rate != kKindRate || pack.channels != 1) throw std::runtime_error(path + ": has to be of one channel at " + std::to_string(kKindRate) + " Hz");
  const int64_t first = out.empty() ? 0 : out.back().clip + 1;
  for (int64_t i = 0; i < pack.clips(); ++i) {
    const at::Tensor clip = pack.samples.narrow(0, pack.begin[static_cast<size_t>(i)], pack.length[static_cast<size_t>(i)]).reshape(-1).to(at::kFloat).div(32768).contiguous();
    for (const auto& [begin, length] : pieces) {
      const int64_t from = begin * int64_t{kKindRate}, count = std::min(clip.size(0) - from, length * int64_t{kKindRate});
      if (count <= 0) continue;
      if (const auto features = kind_features({clip.const_data_ptr<float>() + from, static_cast<size_t>(count)})) out.push_back({*features, speech, first + i});
    }
  }
}

std::string row(const char* name, std::span<const double> values) {
  std::string text = std::string("    {") + "  // " + name + "\n     ";
  char number[32];
  for (size_t i = 0; i < values.size(); ++i) {
    std::snprintf(number, sizeof number, "%.5g,%s", values[i], i + 1 == values.size() ? "" : i % 8 == 7 ? "\n     " : " ");
    text += number;
  }
  return text + "},\n";
}

}  // namespace

KindTable fit_kinds(const std::vector<KindSample>& samples) {
  KindTable table = {};
  double counts[2] = {};
  for (const KindSample& s : samples) {
    ++counts[s.speech];
    for (size_t i = 0; i < kKindFeatures; ++i) table.mean[i] += s.features[i];
  }
  if (counts[0] == 0 || counts[1] == 0) throw std::runtime_error("samples of both kinds are needed");
  const auto n = static_cast<double>(samples.size());
  for (double& m : table.mean) m /= n;
  for (size_t i = 0; i < kKindFeatures; ++i) {
    double square = 0;
    for (const KindSample& s : samples) square += std::pow(s.features[i] - table.mean[i], 2);
    table.scale[i] = 1 / std::sqrt(std::max(square / n, 1e-12));
  }
  constexpr int64_t kColumns = 2 * kKindFeatures + 1;
  at::Tensor a = at::empty({static_cast<int64_t>(samples.size()), kColumns}, at::kDouble), y = at::empty({a.size(0)}, at::kDouble), weight = at::empty_like(y);
  for (size_t k = 0; k < samples.size(); ++k) {
    double* const line = a.data_ptr<double>() + static_cast<int64_t>(k) * kColumns;
    const auto terms = kind_terms(samples[k].features, table);
    std::copy(terms.begin(), terms.end(), line);
    line[kColumns - 1] = 1;
    y.data_ptr<double>()[k] = samples[k].speech;
    weight.data_ptr<double>()[k] = 0.5 * n / counts[samples[k].speech];
  }
  at::Tensor decay = at::full({kColumns}, kDecay, at::kDouble);
  decay[kColumns - 1] = 1e-6;
  at::Tensor b = at::zeros({kColumns}, at::kDouble);
  for (int round = 0; round < 100; ++round) {
    const at::Tensor p = at::sigmoid(a.mv(b));
    const at::Tensor gradient = a.t().mv(weight * (p - y)) + decay * b;
    const at::Tensor hessian = (a * (weight * p * (1 - p)).unsqueeze(1)).t().mm(a) + at::diag(decay);
    const at::Tensor step = at::linalg_solve(hessian, gradient);
    b = b - step;
    if (step.abs().max().item<double>() < 1e-9) break;
  }
  std::copy_n(b.contiguous().const_data_ptr<double>(), kColumns, table.weights.begin());
  return table;
}

KindErrors cross_validated(const std::vector<KindSample>& samples) {
  constexpr int64_t kFolds = 5;
  double wrong[2] = {}, counts[2] = {};
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    std::vector<KindSample> seen, held;
    for (const KindSample& s : samples) (s.clip % kFolds == fold ? held : seen).push_back(s);
    if (held.empty()) continue;
    const KindTable table = fit_kinds(seen);
    for (const KindSample& s : held) {
      ++counts[s.speech];
      wrong[s.speech] += (speech_log_odds(s.features, table) > 0) != s.speech;
    }
  }
  return {wrong[1] / std::max(1.0, counts[1]), wrong[0] / std::max(1.0, counts[0])};
}

std::vector<KindSample> kind_samples(const std::string& speech_pack, const std::string& other_pack) {
  std::vector<KindSample> samples;
  add_pieces(speech_pack, true, kSpeechPieces, samples);
  add_pieces(other_pack, false, kOtherPieces, samples);
  return samples;
}

void make_kinds(const std::string& speech_pack, const std::string& other_pack, const std::string& out) {
  const std::vector<KindSample> samples = kind_samples(speech_pack, other_pack);
  const KindErrors errors = cross_validated(samples);
  std::printf("%zu pieces; of clips not seen, %.1f %% of speech taken for other sound, %.1f %% of other sound for speech\n", samples.size(), 100 * errors.speech, 100 * errors.other);
  const KindTable table = fit_kinds(samples);
  std::ofstream file(out, std::ios::binary);
  file << "// Speech or other sound (sound_kind.h). Made by `tessera-train kinds`; not to be changed by hand.\n#pragma once\n\n#include \"models/audio/sound_kind.h\"\n\n"
          "namespace tessera::models::audio {\n\nconst KindTable kKindTable = {\n"
       << row("mean", table.mean) << row("scale", table.scale) << row("weights", table.weights) << "};\n\n}  // namespace tessera::models::audio\n";
  if (!file.flush()) throw std::runtime_error(out + ": cannot be written");
}

}  // namespace tessera::train
