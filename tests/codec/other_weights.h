// Weights files that differ from the installed one. Apart from the tests, since it sees libtorch.
#pragma once

#include <cstdint>
#include <string>

namespace tessera::test {

// Copies the weights with another revision number, which changes their hash. Returns the hash.
uint64_t copy_weights(const std::string& from, const std::string& to, uint32_t revision);

}  // namespace tessera::test
