// What the filter says about itself before anything is loaded.
#include "apps/ffmpeg/frei0r/filter_parameters.h"
#include "apps/ffmpeg/frei0r/frei0r.h"

namespace {

constexpr f0r_param_info_t kInfo[tessera::frei0r::kParameters] = {
    {"quality", F0R_PARAM_DOUBLE, "0 (smallest stream) to 1 (best picture); 0.5"},
    {"stream", F0R_PARAM_STRING, "file that receives the stream; still images: a name with %d, one file a picture"},
    {"figures", F0R_PARAM_BOOL, "show bits and PSNR of each picture"},
    {"model", F0R_PARAM_STRING, "model that codes: still, motion-lite, motion; by default a video model where one is installed"},
};

}  // namespace

void f0r_get_plugin_info(f0r_plugin_info_t* info) {
  *info = {"tessera", "Tessera", F0R_PLUGIN_TYPE_FILTER, F0R_COLOR_MODEL_RGBA8888, FREI0R_MAJOR_VERSION, 0, 1,
           tessera::frei0r::kParameters, "What the learned codec Tessera makes of a picture"};
}

void f0r_get_param_info(f0r_param_info_t* info, int index) {
  if (index >= 0 && index < tessera::frei0r::kParameters) *info = kInfo[index];
}
