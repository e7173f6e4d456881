#include "models/inr/bayes/network.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "models/inr/bayes/synthesis.h"
#include "models/weights.h"

namespace tessera::models::inr::bayes {
namespace {

at::Tensor gain(const at::Tensor& logs, const at::Tensor& noise) {
  const at::Tensor variance = (logs.clamp(kLeastLog, kMostLog) * 2).exp();
  return (at::softplus(variance / noise - 1, kSharpness) * noise + 1e-20).sqrt();
}

// [.., n, ..] of the super-cells' axis to the cells'.
at::Tensor spread(const at::Tensor& x, int64_t axis, int64_t times, int64_t size) { return x.repeat_interleave(times, axis).narrow(axis, 0, size); }

// Orthonormal cosines: [n][n], basis by basis.
at::Tensor cosines(int64_t n) {
  at::Tensor m = at::empty({n, n});
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t i = 0; i < n; ++i) {
      m.data_ptr<float>()[k * n + i] = static_cast<float>(std::sqrt((k == 0 ? 1.0 : 2.0) / static_cast<double>(n)) * std::cos(M_PI * (static_cast<double>(i) + 0.5) * static_cast<double>(k) / static_cast<double>(n)));
    }
  }
  return m;
}

// Lapped ones over twice the length (modified discrete cosine transform, sine window): [n][2 n].
at::Tensor lapped_cosines(int64_t n) {
  at::Tensor m = at::empty({n, 2 * n});
  const double size = static_cast<double>(n);
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t i = 0; i < 2 * n; ++i) {
      const double at = static_cast<double>(i) + 0.5;
      m.data_ptr<float>()[k * 2 * n + i] =
          static_cast<float>(std::sqrt(2 / size) * std::sin(M_PI * at / (2 * size)) * std::cos(M_PI / size * (at + size / 2) * (static_cast<double>(k) + 0.5)));
    }
  }
  return m;
}

// One axis of the kernels: [n][window].
at::Tensor axis_basis(int64_t n, bool overlap, bool whole_margin) {
  if (!overlap) return cosines(n);
  if (whole_margin) return lapped_cosines(n);
  return at::constant_pad_nd(cosines(n), {n / 2, n - n / 2});
}

at::Tensor product(const at::Tensor& rows, const at::Tensor& columns) {  // [a][b], [c][d] -> [a c][b d]
  return at::kron(rows, columns);
}

at::Tensor place(int64_t size, int64_t octaves) {  // [2 octaves, size]
  const at::Tensor v = (at::arange(size, at::kDouble) + 0.5) / static_cast<double>(size);
  std::vector<at::Tensor> rows;
  for (int64_t k = 0; k < octaves; ++k) {
    const at::Tensor angle = v * (M_PI * static_cast<double>(int64_t{1} << k));
    rows.push_back(angle.sin());
    rows.push_back(angle.cos());
  }
  return at::stack(rows).to(at::kFloat);
}

// What scale `which` does to the logarithm of a coefficient's deviation.
double scale_shape(const Geometry& g, int which, int plane, int coefficient) {
  const double v = static_cast<double>(coefficient / g.cell_w) / g.cell_h, u = static_cast<double>(coefficient % g.cell_w) / g.cell_w;  // frequencies, 0..1
  switch (which % 4) {
    case 0: return 1;
    case 1: return (g.cell_h == 1 ? 3 : 1.5) * (u + v) - 1;
    case 2: return g.planes == 3 ? (plane == 0 ? -0.5 : 0.7) : std::cos(3 * M_PI * u);
    default: return g.cell_h > 1 ? 1.5 * (u - v) : std::cos(2 * M_PI * u);
  }
}

}  // namespace

Network Network::initial(const Geometry& g, uint64_t seed) {
  Network n;
  n.geometry = g;
  at::Generator random = at::make_generator<at::CPUGeneratorImpl>(seed);
  const int64_t rest = g.cell_area() - 1;
  n.base = at::full({g.planes, rest}, -4.0);
  n.super_base = at::full({g.planes, g.super_area()}, -2.0);
  const auto scales = [&](int count, double size) {
    at::Tensor m = at::zeros({count, g.planes, rest});
    for (int s = 0; s < count; ++s) {
      for (int p = 0; p < g.planes; ++p) {
        for (int i = 1; i <= rest; ++i) m[s][p][i - 1] = size * scale_shape(g, s, p, i);
      }
    }
    return m;
  };
  n.by_picture = scales(g.picture_scales, 0.4);
  n.by_super = scales(g.super_scales, 0.4);
  n.by_cell = scales(g.cell_scales, 0.5);
  n.lift = product(cosines(g.super_h), cosines(g.super_w)).expand({g.planes, g.super_area(), g.super_area()}).clone();
  n.kernel = product(axis_basis(g.cell_h, g.overlap_rows, g.whole_margin), axis_basis(g.cell_w, true, g.whole_margin))
                 .expand({g.planes, g.cell_area(), g.window_h() * g.window_w()}).clone();
  at::Tensor direct = at::eye(g.planes);
  if (g.planes == 3) {
    const double a = 1 / std::sqrt(3.0), b = 1 / std::sqrt(2.0), c = 1 / std::sqrt(6.0);
    direct = at::tensor({a, b, c, a, 0.0, -2 * c, a, -b, c}, at::kFloat).view({3, 3});
  }
  n.network = at::cat({direct.flatten(), at::full({g.planes}, g.planes == 3 ? 0.5 : 0.0), at::randn({g.hidden * g.features()}, random) * (1 / std::sqrt(g.features())),
                       at::randn({g.hidden}, random), at::randn({g.planes * g.hidden}, random) * 0.003});
  const int64_t head = g.planes * g.planes + g.planes, size = g.network_size();
  n.basis = at::cat({at::randn({g.weights, head}, random) * 0.02, at::randn({g.weights, size - head - g.planes * g.hidden}, random) * 0.02,
                     at::randn({g.weights, g.planes * g.hidden}, random) * 0.003}, 1);
  return n;
}

Network Network::of(const Prior& p) {
  const Geometry& g = p.geometry;
  const int64_t rest = g.cell_area() - 1;
  const auto tensor = [](const std::vector<float>& values, at::IntArrayRef shape) { return at::tensor(values).view(shape); };
  Network n;
  n.geometry = g;
  n.base = tensor(p.base, {g.planes, rest});
  n.super_base = tensor(p.super_base, {g.planes, g.super_area()});
  n.by_picture = tensor(p.by_picture, {g.picture_scales, g.planes, rest});
  n.by_super = tensor(p.by_super, {g.super_scales, g.planes, rest});
  n.by_cell = tensor(p.by_cell, {g.cell_scales, g.planes, rest});
  n.lift = tensor(p.lift, {g.planes, g.super_area(), g.super_area()});
  n.kernel = tensor(p.kernel, {g.planes, g.cell_area(), g.window_h() * g.window_w()});
  n.network = tensor(p.network, {g.network_size()});
  n.basis = tensor(p.basis, {g.weights, g.network_size()});
  return n;
}

at::Tensor Network::forward(const at::Tensor& latents, const Layout& l, const at::Tensor& noise) const {
  const Geometry& g = geometry;
  const int64_t batch = latents.size(0), planes = g.planes, area = g.cell_area(), rest = planes * (area - 1), sup = g.super_area();
  const at::Tensor picture = latents.narrow(1, 0, l.picture);
  const at::Tensor super = latents.narrow(1, l.picture, l.supers_y * l.supers_x * l.super).view({batch, l.supers_y, l.supers_x, l.super});
  const at::Tensor cell = latents.narrow(1, l.picture + l.supers_y * l.supers_x * l.super, l.cells_y * l.cells_x * l.cell).view({batch, l.cells_y, l.cells_x, l.cell});
  const at::Tensor d = noise.view({batch, 1, 1, 1});

  const at::Tensor of_picture = at::matmul(picture.narrow(1, 0, g.picture_scales), by_picture.view({g.picture_scales, rest})) + base.view({rest});
  const at::Tensor of_super = at::matmul(super.narrow(3, 0, g.super_scales), by_super.view({g.super_scales, rest})) + of_picture.view({batch, 1, 1, rest});
  const at::Tensor logs = spread(spread(of_super, 1, g.super_h, l.cells_y), 2, g.super_w, l.cells_x) +
                          at::matmul(cell.narrow(3, 0, g.cell_scales), by_cell.view({g.cell_scales, rest}));
  const at::Tensor others = cell.narrow(3, g.cell_scales, rest) * gain(logs, d);

  const at::Tensor own = (super.narrow(3, g.super_scales, planes * sup) * gain(super_base.view({planes * sup}), d)).view({-1, planes, sup}).transpose(0, 1);
  const at::Tensor low = at::bmm(own, lift).view({planes, batch, l.supers_y, l.supers_x, g.super_h, g.super_w}).permute({1, 2, 4, 3, 5, 0})
                             .reshape({batch, l.supers_y * g.super_h, l.supers_x * g.super_w, planes}).narrow(1, 0, l.cells_y).narrow(2, 0, l.cells_x);

  const at::Tensor all = at::cat({low.unsqueeze(4), others.view({batch, l.cells_y, l.cells_x, planes, area - 1})}, 4);
  const at::Tensor blocks = at::bmm(all.view({-1, planes, area}).transpose(0, 1), kernel);  // [planes, cells, window]
  const int64_t parts_h = g.overlap_rows ? 2 : 1;
  const at::Tensor parts = blocks.view({planes, batch, l.cells_y, l.cells_x, parts_h, g.cell_h, 2, g.cell_w});
  at::Tensor canvas;
  for (int64_t i = 0; i < parts_h; ++i) {
    for (int64_t j = 0; j < 2; ++j) {
      const at::Tensor part = at::constant_pad_nd(parts.select(4, i).select(5, j), {0, 0, 0, 0, j, 1 - j, i, parts_h - 1 - i});
      canvas = canvas.defined() ? canvas + part : part;
    }
  }
  const at::Tensor plane = canvas.permute({1, 0, 2, 4, 3, 5}).reshape({batch, planes, (l.cells_y + parts_h - 1) * g.cell_h, (l.cells_x + 1) * g.cell_w})
                               .narrow(2, l.top, l.height).narrow(3, l.left, l.width).reshape({batch, planes, l.height * l.width});

  const at::Tensor w = network + at::matmul(picture.narrow(1, g.picture_scales, g.weights), basis);
  int64_t begin = 0;
  const auto take = [&](int64_t rows, int64_t columns) {
    const at::Tensor part = w.narrow(1, begin, rows * columns).view({batch, rows, columns});
    begin += rows * columns;
    return part;
  };
  const at::Tensor direct = take(planes, planes), bias = take(planes, 1), first = take(g.hidden, g.features()), first_bias = take(g.hidden, 1), last = take(planes, g.hidden);
  const at::Tensor y = place(l.height, g.octaves).unsqueeze(2).expand({2 * g.octaves, l.height, l.width});
  const at::Tensor x = place(l.width, g.octaves).unsqueeze(1).expand({2 * g.octaves, l.height, l.width});
  const at::Tensor where = at::cat({y, x}).view({1, 4 * g.octaves, l.height * l.width}).to(latents.device());
  const at::Tensor features = at::cat({plane, where.expand({batch, 4 * g.octaves, l.height * l.width})}, 1);
  const at::Tensor hidden = at::sin(at::baddbmm(first_bias, first, features));
  return (at::baddbmm(bias, direct, plane) + at::bmm(last, hidden)).view({batch, planes, l.height, l.width});
}

std::array<at::Tensor, 2> Network::coefficients(const at::Tensor& samples, const Layout& l) const {
  const Geometry& g = geometry;
  const int64_t batch = samples.size(0), planes = g.planes, parts_h = g.overlap_rows ? 2 : 1;
  const at::Tensor direct = network.narrow(0, 0, planes * planes).view({planes, planes}), bias = network.narrow(0, planes * planes, planes).view({1, planes, 1});
  const at::Tensor plane = at::matmul(at::linalg_inv(direct), samples.reshape({batch, planes, -1}) - bias).view({batch, planes, l.height, l.width});
  const int64_t canvas_h = (l.cells_y + parts_h - 1) * g.cell_h, canvas_w = (l.cells_x + 1) * g.cell_w;
  // Beyond the picture its edge goes on: clamped indices.
  const auto source = [](int64_t size, int64_t before, int64_t inside) { return (at::arange(size) - before).clamp(0, inside - 1); };
  const at::Tensor canvas = plane.index_select(2, source(canvas_h, l.top, l.height)).index_select(3, source(canvas_w, l.left, l.width));
  const at::Tensor cells = canvas.unfold(2, g.window_h(), g.cell_h).unfold(3, g.window_w(), g.cell_w)  // [B, planes, cells_y, cells_x, h, w]
                               .permute({1, 0, 2, 3, 4, 5}).reshape({planes, batch * l.cells_y * l.cells_x, g.window_h() * g.window_w()});
  const at::Tensor all = at::bmm(cells, kernel.transpose(1, 2)).view({planes, batch, l.cells_y, l.cells_x, g.cell_area()}).permute({1, 2, 3, 0, 4});
  // The lowest ones of whole super-cells, the last row and column repeated.
  const at::Tensor low = all.select(4, 0).index_select(1, source(l.supers_y * g.super_h, 0, l.cells_y)).index_select(2, source(l.supers_x * g.super_w, 0, l.cells_x))
                             .view({batch, l.supers_y, g.super_h, l.supers_x, g.super_w, planes}).permute({5, 0, 1, 3, 2, 4}).reshape({planes, -1, g.super_area()});
  const at::Tensor own = at::bmm(low, lift.transpose(1, 2)).view({planes, batch, l.supers_y, l.supers_x, g.super_area()}).permute({1, 2, 3, 0, 4});
  return {all.contiguous(), own.contiguous()};
}

at::Tensor Network::guess(const at::Tensor& samples, const Layout& l, const at::Tensor& noise) const {
  const Geometry& g = geometry;
  const int64_t batch = samples.size(0), planes = g.planes, rest = planes * (g.cell_area() - 1);
  const auto [all, own] = coefficients(samples, l);
  const at::Tensor d = noise.view({batch, 1, 1, 1});
  const at::Tensor others = all.narrow(4, 1, g.cell_area() - 1).reshape({batch, l.cells_y, l.cells_x, rest});
  // Scales: the most likely ones for the logarithms of the coefficients, whose variance for a normal variable is kSpread and whose mean is kShift below the
  // deviation's; first the picture's, then what they leave to super-cells, then to cells.
  constexpr double kSpread = 1.23, kShift = 0.635;
  at::Tensor left = (others.square() + d * 0.3).log() * 0.5 + kShift - base.view({rest});
  const auto solve = [&](const at::Tensor& y, const at::Tensor& shapes, double count) {  // y [.., rest], means over `count` cells
    const at::Tensor m = shapes.reshape({shapes.size(0), rest});
    const at::Tensor normal = at::matmul(m, m.t()) + at::eye(m.size(0)) * (kSpread / count);
    return at::matmul(y, at::matmul(m.t(), at::linalg_inv(normal)));
  };
  const at::Tensor picture = solve(left.mean({1, 2}), by_picture, static_cast<double>(l.cells_y * l.cells_x));
  left = left - at::matmul(picture, by_picture.view({g.picture_scales, rest})).view({batch, 1, 1, rest});
  const at::Tensor mean = at::adaptive_avg_pool2d(
      left.index_select(1, at::arange(l.supers_y * g.super_h).clamp_max(l.cells_y - 1)).index_select(2, at::arange(l.supers_x * g.super_w).clamp_max(l.cells_x - 1)).permute({0, 3, 1, 2}),
      {l.supers_y, l.supers_x}).permute({0, 2, 3, 1});
  const at::Tensor super = solve(mean, by_super, static_cast<double>(g.super_area()));
  left = left - spread(spread(at::matmul(super, by_super.view({g.super_scales, rest})), 1, g.super_h, l.cells_y), 2, g.super_w, l.cells_x);
  const at::Tensor cell = solve(left, by_cell, 1);
  const at::Tensor logs = spread(spread(at::matmul(picture, by_picture.view({g.picture_scales, rest})).view({batch, 1, 1, rest}) +
                                            at::matmul(super, by_super.view({g.super_scales, rest})), 1, g.super_h, l.cells_y), 2, g.super_w, l.cells_x) +
                          at::matmul(cell, by_cell.view({g.cell_scales, rest})) + base.view({rest});
  // Coefficients: the posterior of a linear model.
  const auto means = [&](const at::Tensor& c, const at::Tensor& k) { return c * k / (k.square() + d); };
  const auto deviations = [&](const at::Tensor& k) { return at::log1p(k.square() / d) * -0.5; };
  const at::Tensor k = gain(logs, d), low = own.reshape({batch, l.supers_y, l.supers_x, planes * g.super_area()});
  const at::Tensor k_low = gain(super_base.view({planes * g.super_area()}), d).expand_as(low);
  constexpr double kSure = -1;  // log of the deviation of scales and weights
  const auto flat = [&](const at::Tensor& t) { return t.reshape({batch, -1}); };
  const at::Tensor mu = at::cat({picture, at::zeros({batch, g.weights}), flat(at::cat({super, means(low, k_low)}, 3)), flat(at::cat({cell, means(others, k)}, 3))}, 1);
  const at::Tensor sigma = at::cat({at::full_like(picture, kSure), at::full({batch, g.weights}, kSure),
                                    flat(at::cat({at::full_like(super, kSure), deviations(k_low)}, 3)), flat(at::cat({at::full_like(cell, kSure), deviations(k)}, 3))}, 1);
  return at::stack({mu, sigma});
}

uint64_t Network::save(const std::string& path, const std::string& name, uint32_t revision, const std::array<std::vector<uint16_t>, kAnchors>& shares,
                       const std::string& training) const {
  std::map<std::string, at::Tensor> out;
  const auto half = [&](const char* key, const at::Tensor& t) { out[key] = t.detach().to(at::kHalf).contiguous(); };
  half("scale.base", base);
  half("scale.super", super_base);
  half("scale.by_picture", by_picture);
  half("scale.by_super", by_super);
  half("scale.by_cell", by_cell);
  half("lift", lift);
  out["kernel"] = kernel.detach().to(at::kFloat).contiguous();
  store_as_int8(out, "kernel");
  out["network"] = network.detach().to(at::kFloat).contiguous();
  half("basis", basis);
  at::Tensor table = at::empty({kAnchors, geometry.classes()}, at::kShort);
  for (int64_t a = 0; a < kAnchors; ++a) {
    for (int64_t c = 0; c < geometry.classes(); ++c) table.data_ptr<int16_t>()[a * geometry.classes() + c] = static_cast<int16_t>(shares[static_cast<size_t>(a)].at(static_cast<size_t>(c)));
  }
  out["shares"] = table;
  return save_weights(path, out, {{"model", name}, {"revision", std::to_string(revision)}, {"config", geometry.to_json()}, {"training", training}});
}

}  // namespace tessera::models::inr::bayes
