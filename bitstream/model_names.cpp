#include "bitstream/model_names.h"

#include <algorithm>
#include <iterator>

namespace tessera::bitstream {
namespace {

// Append only. The position is the number; a name once released keeps its place for ever.
constexpr std::string_view kNames[] = {"", "still", "speech", "sound", "speech-live", "motion", "motion-lite", "overfit", "overfit-video", "bayes", "bayes-sound", "speech-hq"};

bool is_model_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::string_view model_name(uint8_t number) { return number < std::size(kNames) ? kNames[number] : ""; }

uint8_t model_number(std::string_view name) {
  for (uint8_t i = 1; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return i;
  }
  return 0;
}

bool is_model_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), is_model_character);
}

}  // namespace tessera::bitstream
