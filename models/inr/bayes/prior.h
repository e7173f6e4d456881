// The learned prior of the Bayesian codec (docs/bayes.md): what all pictures (or sounds) share, and where one picture's latents are.
//
// A picture is a function of its latents, all of which are standard normal variables a priori. Three levels: of the whole picture, of super-cells, of cells.
//   picture   scales [picture_scales], weights [weights]
//   super     scales [super_scales], the lowest coefficients [planes][super_h super_w]
//   cell      scales [cell_scales], the other coefficients [planes][cell_h cell_w - 1]
// From latents to samples (synthesis.h):
//   1. A coefficient's standard deviation is the exponential of a linear function of the scales of its cell, its super-cell and the picture.
//   2. The coefficient is its latent times the gain that follows from that deviation and the distortion that the quality asks for.
//   3. The lowest coefficients of a super-cell's cells are a linear map of its own ones; the planes are sums of overlapping kernels, one for each coefficient.
//   4. A small network with sines takes the planes and the place to the samples; its weights are a base plus a linear map of the picture's latents.
//
// Sound is a picture of one row and one plane. No libtorch in this header.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tessera::models::inr::bayes {

struct Geometry {
  int planes = 3;
  int cell_h = 8, cell_w = 8;      // samples
  int super_h = 4, super_w = 4;    // cells
  bool overlap_rows = true;        // kernels reach half a cell (or with `whole_margin` a cell) beyond their own upwards and downwards
  bool whole_margin = false;       // the planes begin where two kernels overlap: a cell more in each direction that overlaps
  int picture_scales = 4, super_scales = 4, cell_scales = 4;
  int weights = 32;
  int hidden = 16;
  int octaves = 3;                 // of the place, in both directions
  double weight = 1;               // factor of the mean squared error's weight at a quality
  bool operator==(const Geometry&) const = default;

  int cell_area() const { return cell_h * cell_w; }
  int super_area() const { return super_h * super_w; }
  int window_h() const { return overlap_rows ? 2 * cell_h : cell_h; }
  int window_w() const { return 2 * cell_w; }
  int picture_latents() const { return picture_scales + weights; }
  int super_latents() const { return super_scales + planes * super_area(); }
  int cell_latents() const { return cell_scales + planes * (cell_area() - 1); }
  int classes() const { return picture_latents() + super_latents() + cell_latents(); }
  int features() const { return planes + 4 * octaves; }
  double macs() const;  // multiply-adds a sample position, of decoding
  int network_size() const { return planes * planes + planes + hidden * features() + hidden + planes * hidden; }

  std::string to_json() const;
  // Throws std::runtime_error.
  static Geometry from_json(const std::string& text);
};

// A sentence about what is wrong, or nothing.
std::optional<std::string> problem(const Geometry& geometry);

// The latents of one picture: those of the picture, then super-cells in raster order, then cells in raster order.
struct Layout {
  Layout(const Geometry& geometry, int64_t height, int64_t width);

  int64_t height, width;      // samples
  int64_t cells_y, cells_x, supers_y, supers_x;
  int64_t top, left;          // where the picture begins on the canvas of the kernels
  int64_t picture, super, cell;  // latents of each
  int64_t total() const { return picture + supers_y * supers_x * super + cells_y * cells_x * cell; }
  int class_of(int64_t latent) const;
};

// Expected cost of the classes' latents at some qualities, as the training measured it, in 1/1024 bit; 0: not coded, the latent is 0. Integers: what a block
// holds follows from them.
inline constexpr int kAnchors = 8;  // qualities 0, 9, ... 63
inline int anchor_of(int quality) { return (quality + 4) / 9; }

struct Prior {
  Geometry geometry;
  std::string name;
  uint32_t revision = 0;
  uint64_t hash = 0, file_bytes = 0;
  std::string training;  // JSON
  // Row-major.
  std::vector<float> base;        // [planes][cell_area - 1], log of the standard deviation
  std::vector<float> super_base;  // [planes][super_area]
  std::vector<float> by_picture, by_super, by_cell;  // [scales][planes][cell_area - 1]
  std::vector<float> lift;        // [planes][super_area][super_area]
  std::vector<float> kernel;      // [planes][cell_area][window_h window_w]
  std::vector<float> network;     // [network_size]
  std::vector<float> basis;       // [weights][network_size]
  std::array<std::vector<uint16_t>, kAnchors> shares;  // [classes]

  // What one latent is expected to cost, 0: not coded. Grey pictures leave the second and third plane out.
  uint32_t share(int quality, int c, bool grey) const;
};

// Scales and the network's weights: what other latents' meaning depends on. They are coded first.
bool is_scale_or_weight(const Geometry& geometry, int c);
// Which plane a class belongs to, or -1.
int plane_of(const Geometry& geometry, int c);

// The weight of the mean squared error (bits a pixel, samples in 0..1) at a quality; the distortion of a coefficient that goes with it.
double noise_of(const Geometry& geometry, double weight);

// Throws std::runtime_error with a sentence when the file is damaged.
std::shared_ptr<const Prior> load_prior(const std::string& path);
// Whether the metadata of a weights file say that it is such a prior.
bool is_prior(const std::string& config);

}  // namespace tessera::models::inr::bayes
