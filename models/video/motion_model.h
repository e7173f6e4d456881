// A released video model: the network with its frozen exact layers, and the coder's tables.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "entropy/cdf_table.h"
#include "models/video/motion.h"
#include "models/weights.h"

namespace tessera::models {

struct MotionModel {
  Motion network;
  entropy::CdfTable latent_table, hyper_table;  // the same rows; hyperlatents skip none
  entropy::CdfTable vector_table;
  std::string name;
  uint32_t revision = 0;
  uint64_t hash = 0;
  uint64_t file_bytes = 0;
  std::string training;  // JSON
};

// Writes everything that encoding, decoding and further training need: float parameters as float16 (scales as float32), exact
// layers as integers, the probability rows. Files may also have the pixel path's matrices as int8 (Weights::real). Returns the file's hash. Throws std::runtime_error when it cannot be written.
uint64_t export_motion(Motion& network, const std::string& path, const std::string& name, uint32_t revision, const std::string& training);

// Whether a weights file with this metadata holds a video model.
bool is_motion(const std::map<std::string, std::string>& metadata);

// Throws std::runtime_error with a sentence when the file is damaged, holds another kind of model, or a bound cannot be proved.
std::shared_ptr<MotionModel> load_motion(const std::string& path);

// Puts the file's values into the parameters of a network that trains on (exact layers from their integers).
void resume_from_export(Motion& network, const Weights& weights);

}  // namespace tessera::models
