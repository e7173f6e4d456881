// The side of a frei0r plugin that the host sees; filter_info.cpp or source_info.cpp goes with it.
#include "apps/ffmpeg/frei0r/frei0r.h"
#include "apps/ffmpeg/shim/shim.h"

namespace {

template <class Function>
bool load(Function*& function, const char* name) {
  if (function == nullptr) function = reinterpret_cast<Function*>(tessera::shim::worker_function(TESSERA_WORKER, name));
  return function != nullptr;
}

decltype(f0r_construct)* construct = nullptr;
decltype(f0r_destruct)* destruct = nullptr;
decltype(f0r_set_param_value)* set_param_value = nullptr;
decltype(f0r_get_param_value)* get_param_value = nullptr;
decltype(f0r_update)* update = nullptr;

}  // namespace

int f0r_init() { return 1; }
void f0r_deinit() {}

// Hosts make instances one after the other. Who has one has all the functions.
f0r_instance_t f0r_construct(unsigned width, unsigned height) {
  const bool loaded = load(destruct, "f0r_destruct") && load(set_param_value, "f0r_set_param_value") &&
                      load(get_param_value, "f0r_get_param_value") && load(update, "f0r_update") && load(construct, "f0r_construct");
  return loaded ? construct(width, height) : nullptr;
}

void f0r_destruct(f0r_instance_t instance) {
  if (instance != nullptr) destruct(instance);
}

void f0r_set_param_value(f0r_instance_t instance, f0r_param_t value, int index) { set_param_value(instance, value, index); }

void f0r_get_param_value(f0r_instance_t instance, f0r_param_t value, int index) { get_param_value(instance, value, index); }

void f0r_update(f0r_instance_t instance, double time, const uint32_t* in, uint32_t* out) { update(instance, time, in, out); }
