// The parameters of the filter `tessera`, in the order in which hosts count them.
#pragma once

namespace tessera::frei0r {

enum Parameter { kQuality, kStream, kFigures, kModel, kParameters };

}  // namespace tessera::frei0r
