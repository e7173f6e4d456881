// The table by which encoders tell speech from other sound (models/audio/sound_kind.h): a logistic regression by Newton's method, both kinds of the same weight.
#pragma once

#include <string>
#include <vector>

#include "models/audio/sound_kind.h"

namespace tessera::train {

struct KindSample {
  models::audio::KindFeatures features;
  bool speech = false;
  int64_t clip = 0;  // pieces of one clip are tested together
};

// Needs samples of both kinds; throws std::runtime_error otherwise.
models::audio::KindTable fit_kinds(const std::vector<KindSample>& samples);

struct KindErrors {
  double speech = 0, other = 0;  // shares of each kind that are taken for the other
};
// Of samples that a fit on the others has not seen: every fifth clip in turn.
KindErrors cross_validated(const std::vector<KindSample>& samples);

// Pieces of the clips of two audio packs (one channel, kKindRate).
std::vector<KindSample> kind_samples(const std::string& speech_pack, const std::string& other_pack);

// Writes the table as models/audio/sound_kind_table.h and prints the errors.
void make_kinds(const std::string& speech_pack, const std::string& other_pack, const std::string& out);

}  // namespace tessera::train
