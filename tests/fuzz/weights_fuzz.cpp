// The weights container, and the models that are built from it: a file is read or refused with a sentence. Input: a weights file.
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include "models/audio/speech_model.h"
#include "models/still_model.h"
#include "models/video/motion_model.h"
#include "models/weights.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/tiny_models.h"

namespace tessera {
namespace {

using nlohmann::ordered_json;

// One file for all inputs: the loader takes a path.
const std::string& path() {
  static const std::string made = fuzz::TinyModels::get().folder() + "/input";
  return made;
}

void write(std::span<const uint8_t> bytes) {
  const int file = ::open(path().c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  TESSERA_REQUIRE(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::close(file);
}

template <class Load>
void attempt(Load load) {
  try {
    (void)load(path());
  } catch (const std::bad_alloc&) {
    const bool bounded_by_the_file = false;  // memory is asked for by its size alone
    TESSERA_REQUIRE(bounded_by_the_file);
  } catch (const std::exception& e) {
    TESSERA_REQUIRE(*e.what() != '\0');
  }
}

void run(std::span<const uint8_t> bytes) {
  write(bytes);
  attempt([](const std::string& p) { return models::read_weights_metadata(p); });
  std::string model;
  attempt([&](const std::string& p) {
    const models::Weights weights = models::load_weights(p);
    uint64_t held = 0;
    for (const auto& [name, tensor] : weights.tensors) held += tensor.nbytes();
    TESSERA_REQUIRE(held <= weights.file_bytes);
    model = weights.metadata.contains("model") ? weights.metadata.at("model") : "";
    return held;
  });
  if (model == "still") attempt(models::load_still);
  if (model.starts_with("motion")) attempt(models::load_motion);
  if (model.starts_with("s") || model == "coded") attempt(models::audio::load_speech);
}

std::vector<std::vector<uint8_t>> shipped_in(const std::string& folder) {
  std::vector<std::vector<uint8_t>> files;
  for (const char* name : {"speech", "coded", "still", "motion-lite"}) {
    std::ifstream in(folder + "/" + name + ".safetensors", std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return files;
}

// The checksum that models/weights.h describes.
std::string checksum_of(const ordered_json& header, std::span<const uint8_t> data) {
  std::string text;
  for (const auto& [key, value] : header.items()) {
    if (key != "__metadata__") {
      text += key + ":" + value.dump() + "\n";
    } else {
      for (const auto& [k, v] : value.items()) {
        if (k != "checksum") text += k + "=" + (v.is_string() ? v.get<std::string>() : "") + "\n";
      }
    }
  }
  XXH64_state_t* state = XXH64_createState();
  XXH64_reset(state, 0);
  XXH64_update(state, data.data(), data.size());
  XXH64_update(state, text.data(), text.size());
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(XXH64_digest(state)));
  XXH64_freeState(state);
  return hex;
}

// Changes the header's text or the tensors, and sets the length and the checksum right.
size_t mutate_file(uint8_t* data, size_t size, size_t max_size, std::mt19937& random) {
  fuzz::Input input(data, size);
  const uint64_t length = input.u32() | uint64_t{input.u32()} << 32;
  if (length > input.rest().size()) return LLVMFuzzerMutate(data, size, max_size);
  std::vector<uint8_t> text(input.rest().begin(), input.rest().begin() + static_cast<ptrdiff_t>(length));
  std::vector<uint8_t> tensors(input.rest().begin() + static_cast<ptrdiff_t>(length), input.rest().end());
  std::vector<uint8_t>& part = random() % 4 == 0 ? tensors : text;
  const size_t before = part.size();
  part.resize(before + 32);
  part.resize(LLVMFuzzerMutate(part.data(), before, part.size()));
  if (ordered_json header = ordered_json::parse(text.begin(), text.end(), nullptr, false); header.is_object() && header.contains("__metadata__")) {
    if (header["__metadata__"].is_object()) {
      try {
        header["__metadata__"]["checksum"] = checksum_of(header, tensors);
        const std::string repaired = header.dump();
        text.assign(repaired.begin(), repaired.end());
      } catch (const ordered_json::exception&) {
        // Text that is no UTF-8 cannot be written again: it stays as it is.
      }
    }
  }
  std::vector<uint8_t> file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<uint8_t>(uint64_t{text.size()} >> (8 * i)));
  file.insert(file.end(), text.begin(), text.end());
  file.insert(file.end(), tensors.begin(), tensors.end());
  const size_t kept = std::min(file.size(), max_size);
  std::copy_n(file.begin(), kept, data);
  return kept;
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  static const auto files = tessera::shipped_in(tessera::fuzz::TinyModels::get().folder());
  std::mt19937 random(seed);
  if (size < 16 || random() % 64 == 0) {
    const auto& file = files[random() % files.size()];
    if (file.size() <= max_size) {
      std::copy(file.begin(), file.end(), data);
      return file.size();
    }
  }
  if (random() % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  return tessera::mutate_file(data, size, max_size, random);
}
