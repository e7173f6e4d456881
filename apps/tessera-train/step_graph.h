// The trainers' name for models/step_graph.h.
#pragma once

#include "models/step_graph.h"

namespace tessera::train {
using models::StepGraph;
}
