// What an LV2 plugin has to export, and the type that goes with it (https://lv2plug.in/ns/lv2core), written down anew so that building
// needs no package.
#pragma once

#include <cstdint>

extern "C" {

using LV2_Handle = void*;

struct LV2_Feature {
  const char* URI;
  void* data;
};

struct LV2_Descriptor {
  const char* URI;
  // Null: the host gives up.
  LV2_Handle (*instantiate)(const LV2_Descriptor* descriptor, double sample_rate, const char* bundle_path, const LV2_Feature* const* features);
  void (*connect_port)(LV2_Handle instance, uint32_t port, void* data);
  void (*activate)(LV2_Handle instance);
  void (*run)(LV2_Handle instance, uint32_t samples);
  void (*deactivate)(LV2_Handle instance);
  void (*cleanup)(LV2_Handle instance);
  const void* (*extension_data)(const char* uri);
};

// The plugin number `index` of the library; null: there are no more.
__attribute__((visibility("default"))) const LV2_Descriptor* lv2_descriptor(uint32_t index);
}
