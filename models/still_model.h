// A released `still` model: the network with its frozen exact layers, and the coder's tables.
#pragma once

#include <memory>
#include <string>

#include "entropy/cdf_table.h"
#include "models/still.h"
#include "models/weights.h"

namespace tessera::models {

inline constexpr int kTablePrecision = 12;
// Latents whose scale is below this are not coded: a zero has a probability above 0.995 there.
inline constexpr double kSkipSigma = 0.165;

struct StillModel {
  Still network;
  entropy::CdfTable latent_table, hyper_table;  // the same rows; hyperlatents skip none
  std::string name;
  uint32_t revision = 0;
  uint64_t hash = 0;
  uint64_t file_bytes = 0;
  std::string training;  // JSON
};

// Makes the integer tables of the network's mixture.
std::vector<entropy::CdfTable::Row> make_rows(const StillConfig& config, const ResidualMix& mix);

// Writes everything that encoding, decoding and further training need.
// Float parameters as float16 (scales as float32), exact layers as integers.
uint64_t export_still(Still& network, const std::string& path, const std::string& name, uint32_t revision, const std::string& training);

// Throws std::runtime_error with a sentence when the file is damaged or a bound cannot be proved.
std::shared_ptr<StillModel> load_still(const std::string& path);

// Puts the file's values into the parameters of a network that trains on (exact layers from their integers).
void resume_from_export(Still& network, const Weights& weights);

}  // namespace tessera::models
