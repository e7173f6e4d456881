// Stands in for libFuzzer in ordinary builds: runs a target over a kept corpus, and some mutations of each input.
//
//   replay_TARGET [--mutations N] FOLDER...
//
// .tsr files get zero bytes as options in front of them; other names are whole inputs. --mutations: of each input, instead of the target's own
// number; a way to fuzz where there is no libFuzzer, blind to coverage.
// The empty input is always there: mutators that know how make a valid one of it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

using Bytes = std::vector<uint8_t>;

unsigned mutations = TESSERA_REPLAY_MUTATIONS;
size_t executions = 0;
constexpr size_t kRoom = 1 << 16;  // that a mutation may add

std::mt19937 bytes_of_mutation(1);

Bytes read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  Bytes bytes;
  if (path.extension() == ".tsr") bytes.assign(TESSERA_REPLAY_OPTIONS, 0);
  bytes.insert(bytes.end(), std::istreambuf_iterator<char>(in), {});
  return bytes;
}

void run(const Bytes& input) {
  // A copy of exactly this size, for AddressSanitizer and valgrind.
  const Bytes exact(input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++executions;
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  auto& random = bytes_of_mutation;
  switch (random() % 4) {
    case 0:
      if (size < max_size) data[size++] = static_cast<uint8_t>(random());
      break;
    case 1:
      if (size > 1) --size;
      break;
    case 2:
      if (size > 0) data[random() % size] = static_cast<uint8_t>(random());
      break;
    default:
      if (size > 0) data[random() % size] ^= static_cast<uint8_t>(1u << random() % 8);
  }
  return size;
}

namespace {

constexpr unsigned kChain = 16;  // mutations upon each other before the input is taken anew

void run_all(const Bytes& input, const char* name) {
  std::fprintf(stderr, "%s\n", name);  // the last one named is the one that failed
  run(input);
  Bytes bytes = input;
  for (unsigned seed = 0; seed < mutations; ++seed) {
    if (seed % kChain == 0) bytes = input;
    const size_t size = bytes.size();
    bytes.resize(size + kRoom);
    bytes.resize(LLVMFuzzerCustomMutator(bytes.data(), size, bytes.size(), seed));
    run(bytes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int first = 1;
  if (argc > 2 && std::strcmp(argv[1], "--mutations") == 0) {
    mutations = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
    first = 3;
  }
  run_all({}, "(empty)");
  size_t inputs = 0;
  for (int i = first; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file() || entry.path().extension() == ".cpp" || entry.path().extension() == ".txt") continue;
      run_all(read(entry.path()), entry.path().filename().c_str());
      ++inputs;
    }
  }
  std::printf("%zu inputs, %zu executions\n", inputs, executions);
}
