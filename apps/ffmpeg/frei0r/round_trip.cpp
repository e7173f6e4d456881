#include "apps/ffmpeg/frei0r/round_trip.h"

namespace tessera::frei0r {

std::unique_ptr<RoundTrip> make_round_trip(const Coding& coding, Size size, std::string& message) {
  return make_still_trip(coding, size, message);
}

}  // namespace tessera::frei0r
