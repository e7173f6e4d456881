// LV2 plugins: what the codec of sound makes of a sound. docs/ffmpeg.md has the commands.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iterator>
#include <string>
#include <vector>

#include "apps/ffmpeg/lv2/lv2.h"
#include "apps/ffmpeg/lv2/ports.h"
#include "apps/ffmpeg/lv2/round_trip.h"

namespace tessera::lv2 {
namespace {

constexpr double kLowestRate = 8000, kHighestRate = 384000;  // Hz, of a host

class Plugin {
 public:
  Plugin(const Kind& kind, double rate) : kind_(kind), rate_(rate), ports_(kFirstInput + 2 * kind.channels) {}

  // With the model's usual bit rate, until the port is known: weights that are missing are told now.
  bool load() {
    std::string message;
    trip_ = RoundTrip::make(kind_.model, kind_.channels, rate_, 0, message);
    if (!trip_) say(message);
    return trip_ != nullptr;
  }

  void connect(uint32_t port, void* data) {
    if (port < ports_.size()) ports_[port] = static_cast<float*>(data);
  }

  // A new stream.
  void activate() { fresh_ = true; }

  // Nothing is thrown through the host, which is C: silence instead.
  void run_guarded(uint32_t frames) {
    try {
      run(frames);
    } catch (const std::exception& e) {
      say(e.what());
      for (size_t port = kFirstInput + kind_.channels; port < ports_.size(); ++port) {
        if (ports_[port] != nullptr) std::fill_n(ports_[port], frames, 0.0f);
      }
    }
  }

 private:
  void run(uint32_t frames) {
    const double kilobits = ports_[kKilobits] != nullptr ? *ports_[kKilobits] : 0;
    if (fresh_ || kilobits != kilobits_) restart(kilobits);
    if (ports_[kLatency] != nullptr) *ports_[kLatency] = trip_ ? static_cast<float>(trip_->latency()) : 0;

    const uint32_t channels = kind_.channels;
    in_.resize(size_t{frames} * channels);
    out_.assign(in_.size(), 0.0f);
    for (uint32_t c = 0; c < channels; ++c) {
      const float* const from = ports_[kFirstInput + c];
      for (uint32_t i = 0; i < frames; ++i) in_[size_t{i} * channels + c] = from != nullptr ? from[i] : 0;
    }
    std::string message;
    if (trip_ && !trip_->process(in_.data(), out_.data(), frames, message) && !message.empty()) say(message);
    for (uint32_t c = 0; c < channels; ++c) {
      float* const to = ports_[kFirstInput + channels + c];
      for (uint32_t i = 0; to != nullptr && i < frames; ++i) to[i] = out_[size_t{i} * channels + c];
    }
  }

  // A bit rate that the model cannot reach gives a sentence and silence.
  void restart(double kilobits) {
    std::string message;
    fresh_ = false;
    kilobits_ = kilobits;
    trip_ = RoundTrip::make(kind_.model, kind_.channels, rate_, 1000 * kilobits, message);
    if (!trip_) say(message);
  }

  static void say(const std::string& message) { std::fprintf(stderr, "tessera: %s\n", message.c_str()); }

  const Kind& kind_;
  double rate_;
  double kilobits_ = 0;
  bool fresh_ = true;
  std::vector<float*> ports_;
  std::vector<float> in_, out_;
  std::unique_ptr<RoundTrip> trip_;
};

Plugin* plugin(LV2_Handle instance) { return static_cast<Plugin*>(instance); }

template <size_t kIndex>
LV2_Handle instantiate(const LV2_Descriptor*, double rate, const char*, const LV2_Feature* const*) {
  if (!(rate >= kLowestRate && rate <= kHighestRate)) {
    std::fprintf(stderr, "tessera: the sample rate lies between %.0f and %.0f Hz, not at %.0f\n", kLowestRate, kHighestRate, rate);
    return nullptr;
  }
  try {
    auto made = std::make_unique<Plugin>(kKinds[kIndex], rate);
    return made->load() ? made.release() : nullptr;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tessera: %s\n", e.what());
    return nullptr;
  }
}

template <size_t kIndex>
constexpr LV2_Descriptor kDescriptor = {kKinds[kIndex].uri,
                                        instantiate<kIndex>,
                                        [](LV2_Handle h, uint32_t port, void* data) { plugin(h)->connect(port, data); },
                                        [](LV2_Handle h) { plugin(h)->activate(); },
                                        [](LV2_Handle h, uint32_t frames) { plugin(h)->run_guarded(frames); },
                                        [](LV2_Handle) {},
                                        [](LV2_Handle h) { delete plugin(h); },
                                        [](const char*) -> const void* { return nullptr; }};
constexpr std::array kDescriptors = {&kDescriptor<0>, &kDescriptor<1>};
static_assert(kDescriptors.size() == std::size(kKinds));

}  // namespace
}  // namespace tessera::lv2

const LV2_Descriptor* lv2_descriptor(uint32_t index) {
  return index < tessera::lv2::kDescriptors.size() ? tessera::lv2::kDescriptors[index] : nullptr;
}
