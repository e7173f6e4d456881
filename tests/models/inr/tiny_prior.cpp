#include "tests/models/inr/tiny_prior.h"

#include "models/inr/bayes/network.h"

namespace tessera::models::inr::bayes::test {

Geometry tiny_geometry(bool sound) {
  Geometry g;
  g.weights = 4;
  g.hidden = 4;
  g.octaves = 1;
  if (!sound) return g;
  g.planes = 1;
  g.cell_h = 1;
  g.cell_w = 32;
  g.super_h = 1;
  g.super_w = 4;
  g.overlap_rows = false;
  g.whole_margin = true;
  g.weight = 30;
  return g;
}

uint16_t tiny_share(const Geometry& g, int c) {
  const int first = g.picture_latents() + g.super_latents() + g.cell_scales;
  if (c < first) return 2000;
  const int i = (c - first) % (g.cell_area() - 1) + 1, v = i / g.cell_w, u = i % g.cell_w;
  return static_cast<uint16_t>(1 + 2000 / (1 + (u + v) * (u + v)));
}

std::shared_ptr<const Prior> tiny_prior(const std::string& path, bool sound) {
  const Network network = Network::initial(tiny_geometry(sound), 3);
  std::array<std::vector<uint16_t>, kAnchors> shares;
  for (auto& row : shares) {
    for (int c = 0; c < network.geometry.classes(); ++c) row.push_back(tiny_share(network.geometry, c));
  }
  network.save(path, sound ? "bayes-sound" : "bayes", 1, shares, "{}");
  return load_prior(path);
}

}  // namespace tessera::models::inr::bayes::test
