#include "codec/catalogue.h"

#include <ATen/Parallel.h>
#include <dirent.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <tuple>

#include "codec/bayes_payload.h"
#include "codec/guard.h"
#include "models/config_json.h"
#include "models/device.h"
#include "models/weights.h"

#ifdef TESSERA_WITH_CUDA
#include "models/cuda/register.h"
#endif

namespace tessera {
namespace {

namespace fs = std::filesystem;

std::string hex(uint64_t v) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(v));
  return text;
}

// Weights files of the folder, the exact name first. The iterator of std::filesystem would end the program where there is no memory.
std::vector<std::string> candidates(const std::string& folder, const std::string& name) {
  struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  constexpr std::string_view kExtension = ".safetensors";
  std::vector<std::string> out;
  errno = 0;
  const std::unique_ptr<DIR, Close> directory(::opendir(folder.c_str()));
  if (!directory && errno == ENOMEM) throw std::bad_alloc();
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view file = entry->d_name;
    if (!file.ends_with(kExtension) || file.size() == kExtension.size()) continue;
    const std::string stem(file.substr(0, file.size() - kExtension.size()));
    if (name.empty() || stem == name || stem.starts_with(name + "-")) out.push_back((fs::path(folder) / file).string());
  }
  std::sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) { return std::pair(a.size(), a) < std::pair(b.size(), b); });
  return out;
}

// The file whose code this is: the shared library, or the program that was linked with the static one (perhaps under a relative name).
fs::path this_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&weights_folder), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  return fs::canonical(info.dli_fname, error);
}

fs::path this_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

// <prefix>/share/tessera/weights for <prefix>/bin/FILE, <prefix>/lib/FILE or <prefix>/lib/<architecture>/FILE; empty when it is not there.
std::string installed_beside(const fs::path& file) {
  if (!file.is_absolute()) return {};
  std::error_code error;
  fs::path prefix = file.parent_path();
  for (int up = 0; up < 2; ++up) {
    prefix = prefix.parent_path();
    const fs::path weights = prefix / "share/tessera/weights";
    if (fs::is_directory(weights, error)) return weights.string();
  }
  return {};
}

// The run and those that it continues, added up.
std::string one_line(const std::string& training) {
  const models::ConfigJson j(training);
  if (!j.is_object()) return training;
  double minutes = 0;
  int64_t steps = 0;
  for (std::string run;; run += "continues.") {
    minutes += j.real(run + "device_minutes").value_or(0.0);
    steps += j.whole(run + "steps").value_or(0);
    if (!j.contains(run + "continues")) break;
  }
  char text[64];
  std::snprintf(text, sizeof text, ", %lld steps, %.1f GPU minutes", static_cast<long long>(steps), minutes);
  return j.text("data").value_or("unknown data") + text;
}

}  // namespace

std::string weights_folder(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  if (const char* env = std::getenv("TESSERA_WEIGHTS"); env != nullptr && *env != '\0') return env;
  for (const fs::path& file : {this_library(), this_program()}) {
    if (std::string found = installed_beside(file); !found.empty()) return found;
  }
  return TESSERA_SOURCE_WEIGHTS;
}

namespace {

// The first file of the folder with that name and hash, by way of the cache. `load` makes a model of a path.
template <class Model, class Load>
std::shared_ptr<Model> find(const std::string& folder, const std::string& name, std::optional<uint64_t> hash, Device device, Load load, bool half = false) {
  static std::mutex mutex;
  static std::map<std::tuple<std::string, Device, bool>, std::shared_ptr<Model>> loaded;
  const std::lock_guard lock(mutex);
  at::set_num_threads(1);  // loading would otherwise start threads that spin afterwards
  std::string found, problem;
  for (const std::string& path : candidates(folder, name)) {
    std::shared_ptr<Model>& model = loaded[{path, device, half}];
    try {
      if (!model) model = load(path);
      if (model->name == name && (!hash || *hash == model->hash)) return model;
      if (model->name == name) found += (found.empty() ? "" : ", ") + hex(model->hash);
    } catch (const c10::Error&) {
      throw;
    } catch (const std::bad_alloc&) {  // says nothing about the file
      throw;
    } catch (const std::exception& e) {
      problem = e.what();
    }
  }
  if (!problem.empty()) throw Failure{{ErrorCode::model_missing, problem}};
  if (!found.empty()) {
    throw Failure{{ErrorCode::model_missing, "the stream needs model " + name + " with hash " + hex(*hash) + "; installed: " + found}};
  }
  throw Failure{{ErrorCode::model_missing, "model \"" + name + "\" is not installed in " + folder}};
}

}  // namespace

namespace {

// As find(), the network moved to the device.
template <class Model, class Load>
std::shared_ptr<Model> find_on(Device device, const std::string& folder, const std::string& name, std::optional<uint64_t> hash, Load load, bool half = false) {
  if (device == Device::cuda) {
    std::string why;
    if (!cuda_available(&why)) throw Failure{{ErrorCode::device, "CUDA is not available: " + why}};
  }
  return find<Model>(folder, name, hash, device, [&](const std::string& path) {
    auto model = load(path);
    if (device == Device::cuda) model->network.to(at::Device(at::kCUDA, 0));
    return model;
  }, half);
}

}  // namespace

std::shared_ptr<models::StillModel> find_model(const std::string& folder, const std::string& name, std::optional<uint64_t> hash, Device device) {
  return find_on<models::StillModel>(device, folder, name, hash, models::load_still);
}

std::shared_ptr<const models::MotionModel> find_video_model(const std::string& folder, const std::string& name, std::optional<uint64_t> hash, Device device,
                                                            PixelPrecision precision, uint64_t pixels) {
  constexpr uint64_t kFloat32Most = 1280 * 720;
  const bool half = device == Device::cuda && (precision == PixelPrecision::float16 || (precision == PixelPrecision::automatic && pixels > kFloat32Most));
  return find_on<models::MotionModel>(device, folder, name, hash, [half](const std::string& path) {
    auto model = models::load_motion(path);
    // Over 300 frames float16 carries a small network's pictures farther from a CPU's than a large one's (docs/results/exactness.md), and gains it little.
    constexpr double kHalfFrom = 50e3;  // multiply-adds a sample
    if (half && model->network.decode_macs() > kHalfFrom) model->network.use_half();
    return model;
  }, half);
}

std::shared_ptr<const models::audio::SpeechModel> find_audio_model(const std::string& folder, const std::string& name, std::optional<uint64_t> hash) {
  return find<models::audio::SpeechModel>(folder, name, hash, Device::cpu, models::audio::load_speech);
}

std::shared_ptr<const models::inr::bayes::Prior> find_prior(const std::string& folder, const std::string& name, std::optional<uint64_t> hash) {
  return find<const models::inr::bayes::Prior>(folder, name, hash, Device::cpu, models::inr::bayes::load_prior);
}

Result<std::vector<ModelInfo>> list_models(const std::string& weights_dir) {
  std::vector<ModelInfo> out;
  const Status status = guarded(Device::cpu, [&]() -> Status {
    const std::string folder = weights_folder(weights_dir);
    for (const std::string& path : candidates(folder, "")) {
      const models::Weights w = models::load_weights(path);
      ModelInfo info;
      info.file = path;
      info.file_bytes = w.file_bytes;
      info.hash = w.hash;
      const auto entry = [&](const char* key) {
        const auto it = w.metadata.find(key);
        return it == w.metadata.end() ? std::string() : it->second;
      };
      info.name = entry("model");
      info.revision = static_cast<uint32_t>(std::strtoul(entry("revision").c_str(), nullptr, 10));
      info.training = one_line(entry("training"));
      if (models::inr::bayes::is_prior(entry("config"))) {
        const auto geometry = models::inr::bayes::Geometry::from_json(entry("config"));
        info.media = geometry.planes == 1 ? "audio" : "image";
        for (const auto& [key, tensor] : w.tensors) info.parameters += static_cast<uint64_t>(tensor.numel());
        (geometry.planes == 1 ? info.decode_mmac_per_second : info.decode_kmac_per_pixel) = geometry.macs() * (geometry.planes == 1 ? kBayesRate / 1e6 : 1e-3);
      } else if (models::audio::is_speech(w.metadata)) {
        const models::audio::Speech network(models::audio::SpeechConfig::from_json(entry("config")));
        info.media = "audio";
        info.parameters = static_cast<uint64_t>(network.params().count());
        info.encode_mmac_per_second = network.encode_macs() / 1e6;
        info.decode_mmac_per_second = network.decode_macs() / 1e6;
      } else if (models::is_motion(w.metadata)) {
        const models::Motion network(models::MotionConfig::from_json(entry("config")), models::Motion::Uninitialised{});
        info.media = "video";
        info.parameters = static_cast<uint64_t>(network.params().count());
        info.encode_kmac_per_pixel = network.encode_macs() / 1000;
        info.decode_kmac_per_pixel = network.decode_macs() / 1000;
      } else {
        const models::Still network(models::StillConfig::from_json(entry("config")), models::Still::Uninitialised{});
        info.media = "image";
        info.parameters = static_cast<uint64_t>(network.params().count());
        info.encode_kmac_per_pixel = network.encode_macs() / 1000;
        info.decode_kmac_per_pixel = network.decode_macs() / 1000;
      }
      out.push_back(info);
    }
    return {};
  });
  if (!status.ok()) return Status(ErrorCode::model_missing, status.message());
  return out;
}

bool cuda_available(std::string* why) {
  if (!models::load_cuda(why)) return false;
#ifdef TESSERA_WITH_CUDA
  static std::once_flag once;
  std::call_once(once, models::cuda::register_kernels);
#endif
  return true;
}

}  // namespace tessera
