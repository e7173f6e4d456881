// Weights of networks of a few thousand parameters and the Bayesian codec's priors in a temporary folder, and streams that their encoders wrote: what the targets of the whole
// decoders run on. Streams of other weights, the golden ones among them, are led to these networks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "codec/tessera.h"
#include "tests/data/temporary_folder.h"

namespace tessera::fuzz {

class TinyModels {
 public:
  // Made at the first call: `still`, `speech`, `speech-live`, `sound`, `coded` (audio with an index model), `motion-lite`, `motion`, `bayes`, `bayes-sound`.
  static const TinyModels& get();

  const std::string& folder() const { return folder_.folder(); }

  // The stream with the installed hash of its model in the header, or, with a name that is not installed, with the first model of its medium.
  // Unchanged where the header cannot be read.
  Bytes adopted(std::span<const uint8_t> stream) const;

  // Valid streams of each medium.
  const std::vector<Bytes>& images() const { return images_; }
  const std::vector<Bytes>& sounds() const { return sounds_; }
  const std::vector<Bytes>& videos() const { return videos_; }

 private:
  TinyModels();

  test::TemporaryFolder folder_;
  std::vector<ModelInfo> models_;
  std::vector<Bytes> images_, sounds_, videos_;
};

// A mutator for inputs of `options` bytes and a stream: now and then one of `streams`, otherwise a change of what is there.
size_t mutate_or_replace(uint8_t* data, size_t size, size_t max_size, unsigned seed, size_t options, const std::vector<Bytes>& streams);

// Sets the instruction set that the decoders use: 0 the best, 1 scalar, 2 AVX2.
void choose_simd(uint8_t choice);

}  // namespace tessera::fuzz
