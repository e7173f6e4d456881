// The numbers of a prior's geometry by name, and what they may be: for checks and for weights files.
#pragma once

#include "models/inr/bayes/prior.h"

namespace tessera::models::inr::bayes {

// Every field but the two flags and the weight.
struct GeometryField {
  const char* name;
  int Geometry::* value;
  int least, most;
};
inline constexpr GeometryField kGeometryFields[] = {
    {"planes", &Geometry::planes, 1, 3},
    {"cell_h", &Geometry::cell_h, 1, 64},
    {"cell_w", &Geometry::cell_w, 2, 1024},
    {"super_h", &Geometry::super_h, 1, 16},
    {"super_w", &Geometry::super_w, 1, 16},
    {"picture_scales", &Geometry::picture_scales, 1, 16},
    {"super_scales", &Geometry::super_scales, 1, 16},
    {"cell_scales", &Geometry::cell_scales, 1, 16},
    {"weights", &Geometry::weights, 1, 256},
    {"hidden", &Geometry::hidden, 1, 64},
    {"octaves", &Geometry::octaves, 1, 8},
};

}  // namespace tessera::models::inr::bayes
