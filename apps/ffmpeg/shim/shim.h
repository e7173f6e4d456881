// A plugin is two libraries: the one that hosts see, which depends on nothing, and the worker behind it, which is linked to libtessera. The
// first loads the second when the first instance is made. Hosts that only look at all plugins then load no libtorch; and the worker is
// loaded so that its own libraries win over the host's: FFmpeg brings a libblas.so.3, whose sgemm_() libtorch would call instead of its own,
// and pictures take twenty times as long.
#pragma once

namespace tessera::shim {

// The worker's function, from <folder of this plugin>/<path>; null, and one sentence on standard error, where that cannot be.
void* worker_function(const char* path, const char* name);

}  // namespace tessera::shim
