#include "models/inr/bayes/codebook.h"

#include <algorithm>

namespace tessera::models::inr::bayes {
namespace {

constexpr uint32_t kCodebookKey[2] = {0x74657373, 0x62617965};  // apart from the shuffle's
constexpr uint32_t kShuffleKey = 0x73687566;
constexpr int kGroup = 8;  // latents that one call of the generator serves

// Two quantiles a word, low half first.
uint32_t half_of(const std::array<uint32_t, 4>& words, int i) { return words[static_cast<size_t>(i / 2)] >> (i % 2 * 16) & 0xffff; }

std::array<uint32_t, 4> group_words(uint32_t block, uint32_t index, uint32_t group) {
  return philox({index, group, block, 0}, {kCodebookKey[0], kCodebookKey[1]});
}

}  // namespace

std::array<uint32_t, 4> philox(const std::array<uint32_t, 4>& counter, const std::array<uint32_t, 2>& key) {
  uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{0xD2511F53} * a, q = uint64_t{0xCD9E8D57} * c;
    const auto next_a = static_cast<uint32_t>(q >> 32) ^ b ^ k0, next_c = static_cast<uint32_t>(p >> 32) ^ d ^ k1;
    b = static_cast<uint32_t>(q);
    d = static_cast<uint32_t>(p);
    a = next_a;
    c = next_c;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {a, b, c, d};
}

const std::vector<int16_t>& normal_quantiles() {
  static const std::vector<int16_t> table = [] {
    // The density at i / kUnit by a recurrence: exp(-(i + 1)^2 d / 2) = exp(-i^2 d / 2) exp(-i d) exp(-d / 2), d = kUnit^-2.
    constexpr double kHalf = 0.99999997019767806;  // exp(-d / 2)
    constexpr double kWhole = 0.999999940395357;    // exp(-d)
    constexpr int kReach = 6 * kUnit;
    std::vector<double> mass(kReach);  // from 0 to i + 1, without its unit
    double density = 1, ratio = kHalf, sum = 0;
    for (int i = 0; i < kReach; ++i) {
      const double next = density * ratio;
      sum += density + next;
      mass[static_cast<size_t>(i)] = sum;
      density = next;
      ratio *= kWhole;
    }
    std::vector<int16_t> values(kCandidates);
    constexpr uint32_t kHalfSize = kCandidates / 2;
    size_t i = 0;
    for (uint32_t k = 0; k < kHalfSize; ++k) {
      const double wanted = sum * (2 * static_cast<double>(k) + 1) / kCandidates;
      while (mass[i] < wanted) ++i;
      values[kHalfSize + k] = static_cast<int16_t>(i);
      values[kHalfSize - 1 - k] = static_cast<int16_t>(-static_cast<int>(i));
    }
    return values;
  }();
  return table;
}

void candidate(uint32_t block, uint32_t index, std::span<int16_t> values) {
  const std::vector<int16_t>& table = normal_quantiles();
  for (size_t begin = 0; begin < values.size(); begin += kGroup) {
    const auto words = group_words(block, index, static_cast<uint32_t>(begin / kGroup));
    for (size_t i = begin; i < std::min(values.size(), begin + kGroup); ++i) values[i] = table[half_of(words, static_cast<int>(i - begin))];
  }
}

void score_candidates(uint32_t block, std::span<const float> linear, std::span<const float> square, std::span<float> scores) {
  static const std::vector<float> table = [] {
    std::vector<float> values;
    for (const int16_t v : normal_quantiles()) values.push_back(static_cast<float>(v) / kUnit);
    return values;
  }();
  std::fill(scores.begin(), scores.end(), 0.f);
  for (size_t begin = 0; begin < linear.size(); begin += kGroup) {
    // Positions beyond the block have weights of zero.
    float a[kGroup] = {}, b[kGroup] = {};
    for (size_t i = begin; i < std::min(linear.size(), begin + kGroup); ++i) {
      a[i - begin] = linear[i];
      b[i - begin] = square[i];
    }
    for (size_t n = 0; n < scores.size(); ++n) {
      const auto words = group_words(block, static_cast<uint32_t>(n), static_cast<uint32_t>(begin / kGroup));
      float sum = 0;
      for (int i = 0; i < kGroup; ++i) {
        const float x = table[half_of(words, i)];
        sum += (a[i] + b[i] * x) * x;
      }
      scores[n] += sum;
    }
  }
}

void shuffle(std::vector<uint32_t>& order, const std::vector<bool>& early, uint8_t seed) {
  std::vector<uint32_t> sorted;
  sorted.reserve(order.size());
  for (const bool first : {true, false}) {
    const auto begin = static_cast<ptrdiff_t>(sorted.size());
    for (size_t i = 0; i < order.size(); ++i) {
      if (early[i] == first) sorted.push_back(order[i]);
    }
    // Fisher and Yates.
    const auto count = static_cast<uint32_t>(static_cast<ptrdiff_t>(sorted.size()) - begin);
    for (uint32_t i = count; i > 1; --i) {
      const uint32_t word = philox({i, first ? 1u : 0u, 0, 0}, {kShuffleKey, seed})[0];
      std::swap(sorted[static_cast<size_t>(begin + i - 1)], sorted[static_cast<size_t>(begin + static_cast<ptrdiff_t>(uint64_t{word} * i >> 32))]);
    }
  }
  order = std::move(sorted);
}

std::vector<uint32_t> partition(std::span<const uint32_t> shares, uint32_t blocks) {
  uint64_t total = 0;
  for (const uint32_t s : shares) total += s;
  std::vector<uint32_t> ends;
  uint64_t sum = 0;
  size_t at = 0;
  for (uint32_t b = 0; b < blocks; ++b) {
    // Up to the position at which the sum comes closest to its share, but leaving a position for each block that follows.
    const uint64_t wanted = total / blocks * (b + 1) + total % blocks * (b + 1) / blocks;
    const size_t last = shares.size() - (blocks - 1 - b);
    do {
      sum += shares[at++];
    } while (at < last && (b + 1 == blocks || sum + shares[at] / 2 < wanted));
    ends.push_back(static_cast<uint32_t>(at));
  }
  return ends;
}

}  // namespace tessera::models::inr::bayes
