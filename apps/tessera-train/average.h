// The mean of several weights of one training (model soups, Wortsman et al. 2022).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::train {

// Writes the weighted mean of video models of one configuration; exact layers are averaged in the values of their integers and frozen anew. Name and training record are those of the
// first. Throws std::runtime_error with the file's name and the cause.
void average_weights(const std::vector<std::string>& in, std::vector<double> weights, const std::string& out, int64_t revision);

}  // namespace tessera::train
