// Shape of an overfitted image codec: the network that is trained for one picture and travels with it.
//
// Cool-chic (Ladune et al., ICCV 2023, arXiv 2212.05458; Leguay et al. 2023, arXiv 2307.12706) and C3 (Kim et al., CVPR 2024, arXiv
// 2312.02753): integer latents on grids of falling resolution; an autoregressive context network that gives each latent's
// distribution; learned separable upsampling; a small synthesis network for each pixel. What is different here: the context network
// computes in integers (context_network.h), and sees the grid decoded before as well, on both sides of the latent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tessera::models::inr {

inline constexpr int kMaxGrids = 16;
inline constexpr int kMaxLevel = 8;       // a grid has ceil(side / 2^level) latents along a side
inline constexpr int kMaxSpatial = 20;    // latents of the same grid that the context may hold
inline constexpr int kMaxCoarse = 8;      // of the parent grid
inline constexpr int kMaxWidth = 32;      // of the context network's hidden layers, a multiple of 8
inline constexpr int kMaxHidden = 96;     // of the synthesis, a multiple of 4
inline constexpr int kMaxResiduals = 3;   // 3x3 layers at the end of the synthesis
inline constexpr int kMaxInputs = kMaxGrids;  // of the synthesis: grids and a front end's features
inline constexpr int kMaxCells = 64;      // of a front end's lattice along a side
inline constexpr double kMaxMacs = 8000;  // multiply-adds a pixel: bounds a hostile stream's time

struct GridShape {
  int64_t height = 0, width = 0;
  int64_t count() const { return height * width; }
};

struct Grid {
  int level = 0;   // 0: full resolution
  int parent = 0;  // number of grids back in decoding order whose latents give context; 0: none. Of the same level or one coarser.
  int gain = 0;    // the dequantised latent is q 2^(gain / 4), -128..127
  bool operator==(const Grid&) const = default;
};

// What the synthesis sees beside the upsampled grids (front.h).
enum class Front : uint8_t { plain = 0, rbf = 1, metric = 2 };
inline constexpr const char* kFrontNames[] = {"plain", "rbf", "metric"};

struct Config {
  std::vector<Grid> grids;  // in decoding order, levels never rise; the last has level 0
  int spatial = 16, coarse = 8, width = 16;
  int hidden = 40, residuals = 2;
  Front front = Front::plain;
  int features = 0, rows = 0, columns = 0;  // of the front end: features of a pixel, cells of its lattice; plain: 0
  int outputs = 3;  // 1 grey, 3 colour: the picture's, not stored
  bool operator==(const Config&) const = default;

  int context() const { return spatial + coarse; }
  int inputs() const { return static_cast<int>(grids.size()) + features; }  // of the synthesis
  int64_t cells() const { return int64_t{rows} * columns; }
  int steps() const { return grids.empty() ? 0 : grids.front().level; }  // doublings of the upsampling
  // Multiply-adds a pixel of decoding: context network, upsampling, front end, synthesis.
  double macs() const;
};

// Offsets (rows, columns) of the context, nearest first. `spatial_offset`: latents decoded before. `coarse_offset`: around the latent's
// place in the parent; positive towards the side on which the latent lies.
struct Offset {
  int dy, dx;
};
Offset spatial_offset(int i);  // 0 <= i < kMaxSpatial; -3 <= dy <= 0, |dx| <= 3
Offset coarse_offset(int i);   // 0 <= i < kMaxCoarse; |dy|, |dx| <= 1

GridShape grid_shape(const Grid& grid, int64_t height, int64_t width);

// A sentence about what is wrong with the configuration, or nothing.
std::optional<std::string> problem(const Config& config);

// True when the grids are a pyramid of single grids, levels count - 1 .. 0, each the next one's parent: what the stream says in one bit.
bool is_pyramid(const std::vector<Grid>& grids);

// A pyramid of single grids, coarsest first: as many levels as the picture's longer side has use for, at most `levels`.
Config pyramid(int64_t height, int64_t width, int outputs, int levels = 7);
// The same for a colour picture, with two more grids of level kColourLevel for the colours, where the pyramid reaches it.
inline constexpr int kColourLevel = 2;
Config colour_pyramid(int64_t height, int64_t width);

// With a front end: two features, cells of about 32 x 32 pixels.
Config with_front(Config config, Front front, int64_t height, int64_t width);

}  // namespace tessera::models::inr
