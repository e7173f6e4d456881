#include "codec/overfit_schedule.h"

#include <cstdlib>
#include <sstream>
#include <string>

namespace tessera {

Result<OverfitSchedule> overfit_schedule(const std::string& text) {
  OverfitSchedule s;
  const struct {
    const char* name;
    double* value;
    double most;
  } fields[] = {{"latents", &s.latents, 100}, {"weights", &s.weights, 100}, {"hard_share", &s.hard_share, 0.9}, {"hard_rate", &s.hard_rate, 100},
                {"hard_weights", &s.hard_weights, 100}, {"warm", &s.warm, 100}, {"cold", &s.cold, 100}, {"wide", &s.wide, 100}};
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');) {
    const size_t equals = item.find('=');
    const std::string name = item.substr(0, equals), value = equals == std::string::npos ? "" : item.substr(equals + 1);
    bool known = false;
    for (const auto& f : fields) {
      if (name != f.name) continue;
      known = true;
      char* end = nullptr;
      *f.value = std::strtod(value.c_str(), &end);
      if (value.empty() || *end != 0 || !(*f.value > 0 && *f.value <= f.most)) return Status{ErrorCode::invalid_argument, "\"" + item + "\": " + name + " is above 0 and at most " + std::to_string(f.most)};
    }
    if (!known) return Status{ErrorCode::invalid_argument, "\"" + name + "\" is nothing of a schedule of training"};
  }
  return s;
}

}  // namespace tessera
