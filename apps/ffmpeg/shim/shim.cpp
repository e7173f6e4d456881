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

// Whether the process uses libc's malloc. With another one (jemalloc, a sanitizer), a library that binds to its own dependencies first would free
// by libc what the host's malloc made, and libc ends the process.
bool malloc_of_libc() {
  void* const libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (libc == nullptr) return false;
  const bool same = dlsym(RTLD_DEFAULT, "malloc") == dlsym(libc, "malloc");
  dlclose(libc);
  return same;
}

}  // namespace

void* worker_function(const char* path, const char* name) {
  // Never closed: libtessera stays as well. A second dlopen() of the same file gives the same library.
  void* const worker = dlopen((own_folder() + "/" + path).c_str(), RTLD_NOW | RTLD_LOCAL | (malloc_of_libc() ? RTLD_DEEPBIND : 0));
  void* const function = worker != nullptr ? dlsym(worker, name) : nullptr;
  if (function == nullptr) std::fprintf(stderr, "tessera: the plugin cannot be loaded: %s\n", dlerror());
  return function;
}

}  // namespace tessera::shim
