// tessera-train bayes: the prior of the Bayesian codec (docs/bayes.md). Every training picture has a posterior of its own, as an encoder would fit it; they
// and what all share are trained together.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace tessera::train {

struct BayesOptions {
  std::string data;         // picture pack, or audio pack with `sound`
  std::string out;          // weights file
  std::string data_name = "unnamed";
  std::string name = "bayes";
  bool sound = false;
  uint32_t revision = 1;
  double minutes = 15;
  int64_t max_steps = 0;    // 0: by the clock
  int64_t crops = 768;      // pictures with a posterior
  int64_t batch = 12;
  int64_t size = 64;        // side of a crop; of sound: crops are 64 times as many samples long
  uint64_t seed = 1;
};

CLI::App* add_bayes_command(CLI::App& app, BayesOptions& options);

// Returns the program's exit code. Throws std::runtime_error.
int train_bayes(const BayesOptions& options);

}  // namespace tessera::train
