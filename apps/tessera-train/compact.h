// A released form of an audio model's weights: matrices and codes as int8 with a scale for each row, without what only serves training.
#pragma once

#include <string>

namespace tessera::train {

// `data_name`, where it is not empty, replaces what the training record says of the data. Throws std::runtime_error with the file's
// name and the cause.
void compact_weights(const std::string& in, const std::string& out, const std::string& data_name);

}  // namespace tessera::train
