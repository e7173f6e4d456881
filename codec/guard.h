// Where exceptions of the libraries below become Status values.
#pragma once

#include <functional>

#include "codec/tessera.h"

namespace tessera {

// Thrown inside the codec to leave with a Status.
struct Failure {
  Status status;
};

// Runs `work`; translates whatever it throws. `device` decides how a failure of libtorch is classed.
Status guarded(Device device, const std::function<Status()>& work);

}  // namespace tessera
