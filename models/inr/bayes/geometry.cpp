#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "models/inr/bayes/prior.h"

namespace tessera::models::inr::bayes {
namespace {

// Every field but the two flags and the weight.
struct Field {
  const char* name;
  int Geometry::* value;
  int least, most;
};
constexpr Field kFields[] = {
    {"planes", &Geometry::planes, 1, 3},
    {"cell_h", &Geometry::cell_h, 1, 64},
    {"cell_w", &Geometry::cell_w, 2, 1024},
    {"super_h", &Geometry::super_h, 1, 16},
    {"super_w", &Geometry::super_w, 1, 16},
    {"picture_scales", &Geometry::picture_scales, 1, 16},
    {"super_scales", &Geometry::super_scales, 1, 16},
    {"cell_scales", &Geometry::cell_scales, 1, 16},
    {"weights", &Geometry::weights, 1, 256},
    {"hidden", &Geometry::hidden, 1, 64},
    {"octaves", &Geometry::octaves, 1, 8},
};

constexpr int kMostArea = 1024;  // samples of a cell, cells of a super-cell
constexpr const char* kKind = "bayes";

}  // namespace

std::string Geometry::to_json() const {
  nlohmann::json j;
  j["kind"] = kKind;
  for (const Field& f : kFields) j[f.name] = this->*f.value;
  j["overlap_rows"] = overlap_rows;
  j["whole_margin"] = whole_margin;
  j["weight"] = weight;
  return j.dump();
}

bool is_prior(const std::string& config) {
  const nlohmann::json j = nlohmann::json::parse(config, nullptr, false);
  return j.is_object() && j.contains("kind") && j["kind"] == kKind;
}

Geometry Geometry::from_json(const std::string& text) {
  const nlohmann::json j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object() || !is_prior(text)) throw std::runtime_error("the weights file holds no prior of implicit representations");
  Geometry g;
  const auto bad = [](const char* name) { throw std::runtime_error(std::string("the prior's configuration lacks a valid ") + name); };
  for (const Field& f : kFields) {
    if (!j.contains(f.name) || !j[f.name].is_number_integer()) bad(f.name);
    const int64_t v = j[f.name].get<int64_t>();
    if (v < f.least || v > f.most) bad(f.name);
    g.*f.value = static_cast<int>(v);
  }
  for (const auto& [name, flag] : {std::pair("overlap_rows", &g.overlap_rows), {"whole_margin", &g.whole_margin}}) {
    if (!j.contains(name) || !j[name].is_boolean()) bad(name);
    *flag = j[name].get<bool>();
  }
  if (!j.contains("weight") || !j["weight"].is_number()) bad("weight");
  g.weight = j["weight"].get<double>();
  if (const auto wrong = problem(g)) throw std::runtime_error(*wrong);
  return g;
}

double Geometry::macs() const {
  const double area = cell_area(), rest = planes * (area - 1);
  const double cells = rest * (super_scales + cell_scales) + planes * area * window_h() * window_w() + planes * super_area();
  return cells / area + planes * planes + hidden * (features() + planes);
}

std::optional<std::string> problem(const Geometry& g) {
  for (const Field& f : kFields) {
    if (g.*f.value < f.least || g.*f.value > f.most) return std::string("the prior's ") + f.name + " is out of range";
  }
  if (g.planes == 2) return "a prior has 1 or 3 planes";
  if (g.cell_area() > kMostArea || g.super_area() > kMostArea / 4) return "the prior's cells are too large";
  if (!(g.weight > 1e-6 && g.weight < 1e6)) return "the prior's weight is out of range";
  return {};
}

Layout::Layout(const Geometry& g, int64_t h, int64_t w) : height(h), width(w) {
  const int64_t more = g.whole_margin ? 1 : 0;
  cells_y = (h + g.cell_h - 1) / g.cell_h + (g.overlap_rows ? more : 0);
  cells_x = (w + g.cell_w - 1) / g.cell_w + more;
  supers_y = (cells_y + g.super_h - 1) / g.super_h;
  supers_x = (cells_x + g.super_w - 1) / g.super_w;
  top = !g.overlap_rows ? 0 : g.whole_margin ? g.cell_h : g.cell_h / 2;
  left = g.whole_margin ? g.cell_w : g.cell_w / 2;
  picture = g.picture_latents();
  super = g.super_latents();
  cell = g.cell_latents();
}

int Layout::class_of(int64_t latent) const {
  if (latent < picture) return static_cast<int>(latent);
  const int64_t behind = latent - picture, supers = supers_y * supers_x * super;
  if (behind < supers) return static_cast<int>(picture + behind % super);
  return static_cast<int>(picture + super + (behind - supers) % cell);
}

bool is_scale_or_weight(const Geometry& g, int c) {
  const int super = c - g.picture_latents(), cell = super - g.super_latents();
  return super < 0 || (cell < 0 ? super < g.super_scales : cell < g.cell_scales);
}

int plane_of(const Geometry& g, int c) {
  if (is_scale_or_weight(g, c)) return -1;
  const int super = c - g.picture_latents(), cell = super - g.super_latents();
  return cell < 0 ? (super - g.super_scales) / g.super_area() : (cell - g.cell_scales) / (g.cell_area() - 1);
}

uint32_t Prior::share(int quality, int c, bool grey) const {
  if (grey && plane_of(geometry, c) > 0) return 0;
  return shares[static_cast<size_t>(anchor_of(quality))][static_cast<size_t>(c)];
}

// A coefficient of variance s^2 costs log2(s^2 / D) / 2 bits at the distortion D. The loss, bits a sample position + weight * mean over the planes
// of the squared error, is least where D = planes / (2 ln 2 weight).
double noise_of(const Geometry& g, double weight) { return g.planes / (2 * 0.69314718055994531 * weight); }

}  // namespace tessera::models::inr::bayes
