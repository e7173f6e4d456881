#include "apps/ffmpeg/frei0r/round_trip.h"

namespace tessera::frei0r {

std::unique_ptr<RoundTrip> make_round_trip(const Coding& coding, Size size, std::string& message) {
  if (coding.model.starts_with("still")) return make_still_trip(coding, size, message);
  bool missing = false;
  auto trip = make_video_trip(coding, size, message, missing);
  // Without a video model, the pictures are coded one by one.
  if (!trip && missing && coding.model.empty()) trip = make_still_trip(coding, size, message);
  return trip;
}

}  // namespace tessera::frei0r
