// Training of the index model: tessera-train index --model weights.safetensors --data pack.tsap --out weights.safetensors. On the CPU, a
// few minutes: the codebooks themselves are the first embeddings, so that little has to be learned.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace tessera::train {

struct IndexOptions {
  std::string model;      // weights file of an audio model
  std::string data;       // audio pack to train on
  std::string eval;       // audio pack to report on (never trained on); may be empty
  std::string out;        // weights file to write: the model's tensors and metadata, the index model's tensors
  double minutes = 5;     // of training, the indices' computation not counted
  int64_t packet = 32;    // frames coded together
  int64_t embedding = 0;  // channels; 0: what fits the size
  int64_t context = 64;   // channels
  int64_t copies = 2;     // of the data, all but the first with another level and speed
  uint64_t seed = 1;
};

// The subcommand "index" with its options.
CLI::App* add_index_command(CLI::App& app, IndexOptions& options);

// Returns 0. Throws std::runtime_error on bad input.
int train_index(const IndexOptions& options);

}  // namespace tessera::train
