// What the source says about itself before anything is loaded.
#include "apps/ffmpeg/frei0r/frei0r.h"

void f0r_get_plugin_info(f0r_plugin_info_t* info) {
  *info = {"tessera_src", "Tessera", F0R_PLUGIN_TYPE_SOURCE, F0R_COLOR_MODEL_RGBA8888, FREI0R_MAJOR_VERSION, 0, 1, 1,
           "Plays a picture or a video of the learned codec Tessera"};
}

void f0r_get_param_info(f0r_param_info_t* info, int index) {
  if (index == 0) *info = {"file", F0R_PARAM_STRING, "the .tsr file; the host's size has to be the picture's"};
}
