// A released form of a model's weights. Audio: matrices and codes as int8 with a scale for each row, without what only serves training. Video: the tensors as they are, or the pixel path's
// matrices as int8. Pictures: as they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::train {

// `configuration`: JSON whose fields replace those of the model's, for what weights do not depend on, such as a video model's "vector_coding".
// `data_name`, where it is not empty, replaces what the training record says of the data, `revision` above 0 the model's revision, `name` its name. `int8`: of a video model, matrices as int8 whose names begin so, e.g. "analysis.". Throws std::runtime_error with the file's
// name and the cause.
void compact_weights(const std::string& in, const std::string& out, const std::string& data_name, int64_t revision = 0, const std::string& name = "",
                     const std::string& configuration = "", const std::vector<std::string>& int8 = {});

}  // namespace tessera::train
