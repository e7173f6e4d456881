#include "data/opencv_bridge.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "data/opencv_module.h"

namespace tessera::media {
namespace {

constexpr const char* kModule = "libtessera_opencv.so";

struct Loaded {
  const OpencvModule* module = nullptr;
  std::string problem;
};

Loaded load() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  Loaded result;
  if (error) {
    result.problem = "the program's folder is unknown";
    return result;
  }
  // By its whole path: a search would also find a foreign library of that name.
  fs::path path = program.parent_path() / kModule;
  if (!fs::exists(path, error)) path = program.parent_path().parent_path() / "lib/tessera" / kModule;
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    result.problem = ::dlerror();
    return result;
  }
  using Entry = decltype(&tessera_opencv_module);
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, "tessera_opencv_module"));
  const OpencvModule* module = entry == nullptr ? nullptr : entry();
  if (module == nullptr || module->version != kOpencvModuleVersion || module->picture_bytes != sizeof(Picture)) {
    result.problem = path.string() + " belongs to another build";
    return result;
  }
  result.module = module;
  return result;
}

// Loaded once and kept: OpenCV's libraries cannot be unloaded safely.
const Loaded& loaded() {
  static const Loaded result = load();
  return result;
}

Status missing(const char* format) {
  return {ErrorCode::unsupported, std::string(format) + " needs a part of the program that cannot be loaded: " +
                                      loaded().problem};
}

}  // namespace

Result<Picture> opencv_decode(std::span<const uint8_t> file, PictureFormat format) {
  if (loaded().module == nullptr) return missing(format_name(format));
  return loaded().module->decode(file, format_name(format));
}

Result<Bytes> opencv_encode(const Picture& picture, PictureFormat format) {
  if (loaded().module == nullptr) return missing(format_name(format));
  const char* extension = format == PictureFormat::webp ? ".webp" : format == PictureFormat::tiff ? ".tiff" : ".bmp";
  return loaded().module->encode(picture, format_name(format), extension);
}

Result<Picture> opencv_half_size(const Picture& picture) {
  if (loaded().module == nullptr) return missing("resizing");
  return loaded().module->half_size(picture);
}

}  // namespace tessera::media
