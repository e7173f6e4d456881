// frei0r filter `tessera`: shows what the codec makes of a picture. docs/ffmpeg.md has the commands.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "apps/ffmpeg/frei0r/filter_parameters.h"
#include "apps/ffmpeg/frei0r/frei0r.h"
#include "apps/ffmpeg/frei0r/round_trip.h"
#include "apps/ffmpeg/frei0r/text.h"

namespace tessera::frei0r {
namespace {

constexpr int kBestQuality = 63;

double psnr(const uint8_t* a, const uint8_t* b, Size size) {
  uint64_t sum = 0;
  for (size_t i = 0; i < size.bytes(); ++i) {
    const int d = i % 4 == 3 ? 0 : a[i] - b[i];
    sum += static_cast<uint64_t>(d * d);
  }
  return sum == 0 ? INFINITY : 10 * std::log10(255.0 * 255.0 * 3 * static_cast<double>(size.pixels()) / static_cast<double>(sum));
}

class Filter {
 public:
  explicit Filter(Size size) : size_(size) {}
  Size size() const { return size_; }

  // Loads the weights now, while the host can still be told that there are none.
  bool load() {
    std::string message;
    trip_ = make_round_trip(coding(), size_, message);
    if (!trip_) reporter_.say(message);
    return trip_ != nullptr;
  }

  void update(const uint8_t* in, uint8_t* out) {
    std::string message;
    size_t bytes = 0;
    if (code(in, out, bytes, message)) {
      reporter_.clear();
      if (figures_) draw_text(figures(in, out, bytes), size_, out);
      return;
    }
    // The host cannot be told to stop: the picture as it was, with the reason on it.
    reporter_.say(message);
    std::memcpy(out, in, size_.bytes());
    draw_text("tessera: " + message, size_, out);
  }

  void set(int parameter, const void* value) {
    const Coding before = coding();
    switch (parameter) {
      case kQuality: quality_ = *static_cast<const double*>(value); break;
      case kStream: stream_ = text_of(value); break;
      case kFigures: figures_ = *static_cast<const double*>(value) >= 0.5; break;
      case kModel: model_ = text_of(value); break;
      default: return;
    }
    const Coding after = coding();
    // Another quality or model ends the stream; a host that sets everything again changes nothing.
    if (before.quality != after.quality || before.stream != after.stream || before.model != after.model) trip_.reset();
  }

  void get(int parameter, void* value) const {
    switch (parameter) {
      case kQuality: *static_cast<double*>(value) = quality_; break;
      case kStream: *static_cast<const char**>(value) = stream_.c_str(); break;
      case kFigures: *static_cast<double*>(value) = figures_ ? 1 : 0; break;
      case kModel: *static_cast<const char**>(value) = model_.c_str(); break;
      default: break;
    }
  }

 private:
  Coding coding() const { return {.quality = static_cast<int>(std::lround(quality_ * kBestQuality)), .model = model_, .stream = stream_}; }

  bool code(const uint8_t* in, uint8_t* out, size_t& bytes, std::string& message) {
    if (!(quality_ >= 0 && quality_ <= 1)) {
      char text[80];
      std::snprintf(text, sizeof text, "the quality lies between 0 and 1, not at %g", quality_);
      message = text;
      return false;
    }
    if (!trip_) trip_ = make_round_trip(coding(), size_, message);
    return trip_ != nullptr && trip_->code(in, out, bytes, message);
  }

  std::string figures(const uint8_t* in, const uint8_t* out, size_t bytes) const {
    char text[80];
    const double bits = 8 * static_cast<double>(bytes);
    std::snprintf(text, sizeof text, "%.0f bits  %.3f bpp  %.2f dB ", bits, bits / static_cast<double>(size_.pixels()), psnr(in, out, size_));
    return text;
  }

  Size size_;
  double quality_ = 0.5;
  std::string stream_, model_;
  bool figures_ = false;
  std::unique_ptr<RoundTrip> trip_;
  Reporter reporter_;
};

}  // namespace
}  // namespace tessera::frei0r

using tessera::frei0r::Filter;
using tessera::frei0r::guarded;
using tessera::frei0r::Size;

f0r_instance_t f0r_construct(unsigned width, unsigned height) {
  if (!tessera::frei0r::check_size(width, height)) return nullptr;
  Filter* made = nullptr;
  guarded([&] {
    auto filter = std::make_unique<Filter>(Size{width, height});
    if (filter->load()) made = filter.release();
  });
  return made;
}

void f0r_destruct(f0r_instance_t instance) { delete static_cast<Filter*>(instance); }

void f0r_set_param_value(f0r_instance_t instance, f0r_param_t value, int index) {
  guarded([&] { static_cast<Filter*>(instance)->set(index, value); });
}

void f0r_get_param_value(f0r_instance_t instance, f0r_param_t value, int index) { static_cast<Filter*>(instance)->get(index, value); }

void f0r_update(f0r_instance_t instance, double, const uint32_t* in, uint32_t* out) {
  auto* const filter = static_cast<Filter*>(instance);
  const bool good = guarded([&] { filter->update(reinterpret_cast<const uint8_t*>(in), reinterpret_cast<uint8_t*>(out)); });
  if (!good) std::memcpy(out, in, filter->size().bytes());
}
