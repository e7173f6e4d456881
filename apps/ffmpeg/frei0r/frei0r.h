// What a frei0r 1.x plugin has to export, and the types that go with it: the host's and the plugin's view of the ABI
// (https://frei0r.dyne.org), written down anew so that building needs no package.
#pragma once

#include <cstdint>

extern "C" {

inline constexpr int FREI0R_MAJOR_VERSION = 1;
enum { F0R_PLUGIN_TYPE_FILTER = 0, F0R_PLUGIN_TYPE_SOURCE = 1 };
enum { F0R_COLOR_MODEL_BGRA8888 = 0, F0R_COLOR_MODEL_RGBA8888 = 1 };
enum { F0R_PARAM_BOOL = 0, F0R_PARAM_DOUBLE = 1, F0R_PARAM_STRING = 4 };

struct f0r_plugin_info_t {
  const char* name;
  const char* author;
  int plugin_type;
  int color_model;
  int frei0r_version;
  int major_version;
  int minor_version;
  int num_params;
  const char* explanation;
};

struct f0r_param_info_t {
  const char* name;
  int type;
  const char* explanation;
};

using f0r_instance_t = void*;
using f0r_param_t = void*;  // bool, double: double*; string: char**

#define F0R_EXPORT __attribute__((visibility("default")))
F0R_EXPORT int f0r_init();
F0R_EXPORT void f0r_deinit();
F0R_EXPORT void f0r_get_plugin_info(f0r_plugin_info_t* info);
F0R_EXPORT void f0r_get_param_info(f0r_param_info_t* info, int index);
// Width and height in pixels; pictures are handed over without a stride. Null: the host gives up.
F0R_EXPORT f0r_instance_t f0r_construct(unsigned width, unsigned height);
F0R_EXPORT void f0r_destruct(f0r_instance_t instance);
F0R_EXPORT void f0r_set_param_value(f0r_instance_t instance, f0r_param_t value, int index);
F0R_EXPORT void f0r_get_param_value(f0r_instance_t instance, f0r_param_t value, int index);
F0R_EXPORT void f0r_update(f0r_instance_t instance, double time, const uint32_t* in, uint32_t* out);
}
