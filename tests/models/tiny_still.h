// A `still` network of a few thousand parameters for tests.
#pragma once

#include "models/still.h"

namespace tessera::models::test {

StillConfig tiny_config();

// Random everywhere, also where a fresh network starts at zero, with the exact layers' parameters rounded as
// a trainer does it.
void randomise(Still& network, uint64_t seed);

}  // namespace tessera::models::test
