#include "tests/codec/other_weights.h"

#include "models/weights.h"

namespace tessera::test {

uint64_t copy_weights(const std::string& from, const std::string& to, uint32_t revision) {
  models::Weights weights = models::load_weights(from);
  weights.metadata["revision"] = std::to_string(revision);
  weights.metadata.erase("checksum");  // written anew
  return models::save_weights(to, weights.tensors, weights.metadata);
}

}  // namespace tessera::test
