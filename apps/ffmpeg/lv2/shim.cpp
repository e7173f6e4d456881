// The side of the LV2 plugins that the host sees. The worker's descriptors are the same; of them only instantiate() is called before there
// is an instance, so it alone has to load.
#include <iterator>

#include "apps/ffmpeg/lv2/lv2.h"
#include "apps/ffmpeg/lv2/ports.h"
#include "apps/ffmpeg/shim/shim.h"

namespace {

using tessera::lv2::kKinds;

LV2_Descriptor descriptors[std::size(kKinds)];

LV2_Handle instantiate(const LV2_Descriptor* self, double rate, const char* bundle, const LV2_Feature* const* features) {
  const auto index = static_cast<uint32_t>(self - descriptors);
  auto* const worker =
      reinterpret_cast<decltype(lv2_descriptor)*>(tessera::shim::worker_function(TESSERA_WORKER, "lv2_descriptor"));
  if (worker == nullptr) return nullptr;
  const LV2_Descriptor* const real = worker(index);
  descriptors[index].connect_port = real->connect_port;
  descriptors[index].activate = real->activate;
  descriptors[index].run = real->run;
  descriptors[index].deactivate = real->deactivate;
  descriptors[index].cleanup = real->cleanup;
  return real->instantiate(real, rate, bundle, features);
}

}  // namespace

const LV2_Descriptor* lv2_descriptor(uint32_t index) {
  if (index >= std::size(kKinds)) return nullptr;
  descriptors[index].URI = kKinds[index].uri;
  descriptors[index].instantiate = instantiate;
  return &descriptors[index];
}
