#include "apps/ffmpeg/shim/shim.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace tessera::shim {
namespace {

// Through symbolic links: ~/.frei0r-1/lib may hold one.
std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&worker_function), &info) == 0 || info.dli_fname == nullptr) return ".";
  char* const real = realpath(info.dli_fname, nullptr);
  std::string path = real != nullptr ? real : info.dli_fname;
  std::free(real);
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

void* worker_function(const char* path, const char* name) {
  // Never closed: libtessera stays as well. A second dlopen() of the same file gives the same library.
  void* const worker = dlopen((own_folder() + "/" + path).c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  void* const function = worker != nullptr ? dlsym(worker, name) : nullptr;
  if (function == nullptr) std::fprintf(stderr, "tessera: the plugin cannot be loaded: %s\n", dlerror());
  return function;
}

}  // namespace tessera::shim
