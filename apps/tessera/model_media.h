// What a model is for.
#pragma once

#include <string>

#include "apps/tessera/media_kind.h"
#include "bitstream/status.h"

namespace tessera::cli {

// A model that is installed, but codes another medium than `type`, deserves another sentence than one that is not there: `model_missing` becomes
// invalid_argument then. `model`: as the user named it, or empty.
Status explained(const Status& status, MediaType type, const std::string& model, const std::string& weights_dir);

}  // namespace tessera::cli
