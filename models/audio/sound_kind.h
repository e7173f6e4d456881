// Speech, or other sound? By measures that are classics of the question: how much of the loudness changes at the rate of syllables (E. Scheirer and M. Slaney,
// "Construction and evaluation of a robust multifeature speech/music discriminator", ICASSP 1997), pauses, flux, steadiness of the pitch. Encoders choose a model
// by it; no decoder knows of it, so nothing here has to be exact.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace tessera::models::audio {

inline constexpr uint32_t kKindRate = 16000;  // Hz
inline constexpr int kKindFeatures = 16;
using KindFeatures = std::array<double, kKindFeatures>;

// Of one channel at kKindRate, any scale; ten seconds are enough. Nothing where it is shorter than half a second, silent or not finite.
std::optional<KindFeatures> kind_features(std::span<const float> samples);

// Logarithm of the odds of speech: a logistic regression on the standardised features, clamped to +-3, and their squares (sound_kind_table.h, made by
// `tessera-train kinds`).
struct KindTable {
  KindFeatures mean, scale;                   // scale: 1 / standard deviation
  std::array<double, 2 * kKindFeatures + 1> weights;  // features, squares, constant
};
extern const KindTable kKindTable;
// What the weights but the last belong to: the standardised features and their squares.
std::array<double, 2 * kKindFeatures> kind_terms(const KindFeatures& features, const KindTable& table);
double speech_log_odds(const KindFeatures& features, const KindTable& table = kKindTable);

}  // namespace tessera::models::audio
