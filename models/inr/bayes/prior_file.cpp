// Weights files of priors (libtorch reads them).
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "models/config_json.h"
#include "models/inr/bayes/geometry_fields.h"
#include "models/weights.h"

namespace tessera::models::inr::bayes {
namespace {

constexpr const char* kKind = "bayes";

}  // namespace

std::string Geometry::to_json() const {
  nlohmann::json j;
  j["kind"] = kKind;
  for (const GeometryField& f : kGeometryFields) j[f.name] = this->*f.value;
  j["overlap_rows"] = overlap_rows;
  j["whole_margin"] = whole_margin;
  j["weight"] = weight;
  return j.dump();
}

bool is_prior(const std::string& config) {
  return ConfigJson(config).text("kind") == kKind;
}

Geometry Geometry::from_json(const std::string& text) {
  const ConfigJson j(text);
  if (j.text("kind") != kKind) throw std::runtime_error("the weights file holds no prior of implicit representations");
  Geometry g;
  const auto bad = [](const char* name) { throw std::runtime_error(std::string("the prior's configuration lacks a valid ") + name); };
  for (const GeometryField& f : kGeometryFields) {
    const auto v = j.whole(f.name);
    if (!v || *v < f.least || *v > f.most) bad(f.name);
    g.*f.value = static_cast<int>(*v);
  }
  for (const auto& [name, flag] : {std::pair("overlap_rows", &g.overlap_rows), {"whole_margin", &g.whole_margin}}) {
    const auto v = j.truth(name);
    if (!v) bad(name);
    *flag = *v;
  }
  const auto weight = j.real("weight");
  if (!weight) bad("weight");
  g.weight = *weight;
  if (const auto wrong = problem(g)) throw std::runtime_error(*wrong);
  return g;
}

std::shared_ptr<const Prior> load_prior(const std::string& path) {
  const Weights w = load_weights(path);
  const auto entry = [&](const char* key) {
    const auto it = w.metadata.find(key);
    return it == w.metadata.end() ? std::string() : it->second;
  };
  auto prior = std::make_shared<Prior>();
  Prior& p = *prior;
  p.geometry = Geometry::from_json(entry("config"));
  const Geometry& g = p.geometry;
  p.name = entry("model");
  const std::string revision = entry("revision");
  if (revision.empty() || revision.size() > 9 || revision.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error("the weights file has no valid revision");
  }
  p.revision = static_cast<uint32_t>(std::stoul(revision));
  p.training = entry("training");
  p.hash = w.hash;
  p.file_bytes = w.file_bytes;
  const int64_t rest = g.cell_area() - 1;
  const auto values = [&](const char* name, at::IntArrayRef shape) {
    const at::Tensor t = w.real(name, shape).contiguous();
    return std::vector<float>(t.const_data_ptr<float>(), t.const_data_ptr<float>() + t.numel());
  };
  p.base = values("scale.base", {g.planes, rest});
  p.super_base = values("scale.super", {g.planes, g.super_area()});
  p.by_picture = values("scale.by_picture", {g.picture_scales, g.planes, rest});
  p.by_super = values("scale.by_super", {g.super_scales, g.planes, rest});
  p.by_cell = values("scale.by_cell", {g.cell_scales, g.planes, rest});
  p.lift = values("lift", {g.planes, g.super_area(), g.super_area()});
  p.kernel = values("kernel", {g.planes, g.cell_area(), g.window_h() * g.window_w()});
  p.network = values("network", {g.network_size()});
  p.basis = values("basis", {g.weights, g.network_size()});
  const at::Tensor table = w.get("shares", at::kShort, {kAnchors, g.classes()});
  for (size_t a = 0; a < kAnchors; ++a) {
    bool some = false;
    for (int64_t c = 0; c < g.classes(); ++c) {
      const int16_t v = table.const_data_ptr<int16_t>()[static_cast<int64_t>(a) * g.classes() + c];
      if (v < 0) throw std::runtime_error("the prior's shares are negative");
      p.shares[a].push_back(static_cast<uint16_t>(v));
      // A class of the first plane that every picture has: there is always something to code.
      some |= v > 0 && c < g.picture_latents();
    }
    if (!some) throw std::runtime_error("the prior codes nothing at some quality");
  }
  return prior;
}

}  // namespace tessera::models::inr::bayes
