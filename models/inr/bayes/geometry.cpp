#include "models/inr/bayes/geometry_fields.h"

namespace tessera::models::inr::bayes {
namespace {

constexpr int kMostArea = 1024;  // samples of a cell, cells of a super-cell

}  // namespace

double Geometry::macs() const {
  const double area = cell_area(), rest = planes * (area - 1);
  const double cells = rest * (super_scales + cell_scales) + planes * area * window_h() * window_w() + planes * super_area();
  return cells / area + planes * planes + hidden * (features() + planes);
}

std::optional<std::string> problem(const Geometry& g) {
  for (const GeometryField& f : kGeometryFields) {
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
