#include "apps/tessera-train/clips.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "apps/tessera-train/patterns.h"
#include "apps/tessera-train/video_pack.h"
#include "data/pack.h"

namespace tessera::train {
namespace {

// Column vectors over the batch against the axes that follow.
at::Tensor spread(const at::Tensor& x, int64_t dims) {
  std::vector<int64_t> shape = {x.size(0)};
  shape.insert(shape.end(), static_cast<size_t>(dims), 1);
  return x.reshape(shape);
}

at::Tensor draw(const at::Tensor& cumulative, int64_t batch) {
  return at::searchsorted(cumulative, at::rand({batch}, cumulative.options())).clamp_max(cumulative.size(0) - 1);
}

// Pictures are read through six samples along each axis: two would blur whatever moves by parts of a sample, and teach that moving texture is soft.
constexpr int64_t kReadTaps = 6, kTapsBefore = 2;
constexpr double kMostMagnified = 2.2;

// Lagrange's weights of the samples -2 .. 3 at t, 0 <= t < 1.
std::vector<at::Tensor> lagrange6(const at::Tensor& t) {
  std::vector<at::Tensor> weights;
  for (int64_t k = -kTapsBefore; k < kReadTaps - kTapsBefore; ++k) {
    at::Tensor w = at::ones_like(t);
    for (int64_t j = -kTapsBefore; j < kReadTaps - kTapsBefore; ++j) {
      if (j != k) w = w * ((t - static_cast<double>(j)) / static_cast<double>(k - j));
    }
    weights.push_back(w);
  }
  return weights;
}

at::Tensor shares(const std::vector<double>& weights, at::Device device) {
  const at::Tensor w = at::tensor(weights, at::kDouble);
  return (w.cumsum(0) / w.sum()).to(at::kFloat).to(device);
}

}  // namespace

VideoClips::VideoClips(const std::string& path, at::Device device) {
  const VideoPackIndex index = read_video_index(path);
  const auto size = static_cast<int64_t>(index.data_end - index.data_begin);
  const at::Tensor bytes = at::empty({size}, at::kByte);
  std::ifstream in(path, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(index.data_begin));
  if (!in.read(reinterpret_cast<char*>(bytes.data_ptr<uint8_t>()), size)) throw std::runtime_error(path + ": cannot be read");
  std::vector<int64_t> width, height, count, offset;
  std::vector<double> weight;
  for (const PackedClip& c : index.clips) {
    host_.push_back({c.width, c.height, c.frames, static_cast<int64_t>(c.offset - index.data_begin)});
    width.push_back(host_.back().width);
    height.push_back(host_.back().height);
    count.push_back(host_.back().frames);
    offset.push_back(host_.back().offset);
    weight.push_back(static_cast<double>(c.frame_bytes() * c.frames));
    frames_ += host_.back().frames;
  }
  bytes_ = bytes.to(device);
  width_ = at::tensor(width).to(device);
  height_ = at::tensor(height).to(device);
  count_ = at::tensor(count).to(device);
  offset_ = at::tensor(offset).to(device);
  cumulative_ = shares(weight, device);
}

models::Planes VideoClips::sample(int64_t batch, int64_t frames, int64_t crop, int64_t skip) const {
  const at::TensorOptions real = cumulative_.options(), whole = width_.options();
  const at::Tensor clip = draw(cumulative_, batch);
  const at::Tensor w = width_.index_select(0, clip), h = height_.index_select(0, clip), n = count_.index_select(0, clip);
  const at::Tensor r = at::rand({batch, 7}, real) * 0.999999;
  const auto random = [&](int64_t k) { return r.select(1, k); };
  const auto below = [&](int64_t k, const at::Tensor& limit) { return at::floor(random(k) * limit.to(at::kFloat)).to(at::kLong); };

  // Which frames: position on a line that is folded into 0..n-1.
  const at::Tensor fast = at::floor(random(0) * 2 * static_cast<double>(skip)) - static_cast<double>(skip) + 1;
  const at::Tensor speed = at::clamp_min(fast, 1).to(at::kLong);
  const at::Tensor reach = speed * (frames - 1);
  const at::Tensor begin = below(1, (n - reach).clamp_min(1));
  at::Tensor time = begin.unsqueeze(1) + speed.unsqueeze(1) * at::arange(frames, whole);
  const at::Tensor period = (2 * n - 2).clamp_min(1).unsqueeze(1);
  time = at::remainder(time, period);
  time = at::minimum(time, period - time).clamp_min(0);
  time = at::minimum(time, n.unsqueeze(1) - 1);  // of a single frame the period is 1
  time = at::where((random(2) < 0.5).unsqueeze(1), time, time.flip({1}));  // [batch,frames]

  // Where: even offsets, so that chroma stays in step.
  const at::Tensor x0 = below(3, (w - crop).clamp_min(0).div(2, "floor") + 1) * 2, y0 = below(4, (h - crop).clamp_min(0).div(2, "floor") + 1) * 2;
  const at::Tensor base = offset_.index_select(0, clip).unsqueeze(1) + time * (w * h * 3).div(2, "floor").unsqueeze(1);  // [batch,frames]
  const at::Tensor mirror = spread(random(5) < 0.5, 2), turn = spread(random(6) < 0.5, 2);

  const auto plane = [&](const at::Tensor& start, int64_t divide) {
    const int64_t side = crop / divide;
    const at::Tensor row = at::arange(side, whole).reshape({1, side, 1}), column = at::arange(side, whole).reshape({1, 1, side});
    const at::Tensor along = at::where(mirror, side - 1 - column, column);
    at::Tensor x = at::where(turn, row, along), y = at::where(turn, along, row);
    const at::Tensor pw = w.div(divide, "floor"), ph = h.div(divide, "floor");
    x = at::minimum(x + spread(x0.div(divide, "floor"), 2), spread(pw - 1, 2));
    y = at::minimum(y + spread(y0.div(divide, "floor"), 2), spread(ph - 1, 2));
    const at::Tensor within = (y * spread(pw, 2) + x).unsqueeze(1);                 // [batch,1,side,side]
    const at::Tensor address = start.reshape({batch, frames, 1, 1}) + within;
    return bytes_.index_select(0, address.reshape({-1})).reshape({batch, frames, 1, side, side}).to(at::kFloat) * (1.0 / 255);
  };
  const at::Tensor luma = (w * h).unsqueeze(1), chroma = luma.div(4, "floor");
  return {plane(base, 1), at::cat({plane(base + luma, 2), plane(base + luma + chroma, 2)}, 2)};
}

models::Planes VideoClips::frame(int64_t clip, int64_t index) const {
  const Clip& c = host_[static_cast<size_t>(clip)];
  const int64_t luma = c.width * c.height, begin = c.offset + index * luma * 3 / 2;
  const auto part = [&](int64_t from, int64_t planes, int64_t h, int64_t w) {
    return bytes_.narrow(0, begin + from, planes * h * w).reshape({1, planes, h, w}).to(at::kFloat) * (1.0 / 255);
  };
  return {part(0, 1, c.height, c.width), part(luma, 2, c.height / 2, c.width / 2)};
}

MovingPictures::MovingPictures(const std::string& path, at::Device device, double patterns) {
  Result<media::Pack> opened = media::Pack::open(path);
  if (!opened.ok()) throw std::runtime_error(opened.status().message());
  const media::Pack& pack = *opened;
  count_ = static_cast<int64_t>(pack.size());
  if (count_ == 0) throw std::runtime_error(path + ": holds no pictures");
  // A pattern is as large as one of the pack's pictures, so that its share of the draws is its share of the number.
  const auto side = static_cast<int64_t>(std::sqrt(static_cast<double>(pack.pixels()) / static_cast<double>(count_)));
  const auto made = make_patterns(static_cast<int64_t>(std::ceil(patterns / (1 - patterns) * static_cast<double>(count_))), side, 1);
  int64_t total = static_cast<int64_t>(pack.pixels());
  for (const PatternPicture& p : made) total += p.width * p.height;
  const at::Tensor pixels = at::empty({total, 3}, at::kByte);
  std::vector<int64_t> offset, width, height;
  std::vector<double> area;
  int64_t at = 0;
  const auto add = [&](const uint8_t* rgb, int64_t w, int64_t h) {
    std::memcpy(pixels.data_ptr<uint8_t>() + 3 * at, rgb, static_cast<size_t>(3 * w * h));
    offset.push_back(at);
    width.push_back(w);
    height.push_back(h);
    area.push_back(static_cast<double>(w * h));
    at += w * h;
  };
  for (int64_t i = 0; i < count_; ++i) {
    const media::PackedPicture& p = pack[static_cast<size_t>(i)];
    add(p.rgb, p.width, p.height);
  }
  for (const PatternPicture& p : made) add(p.rgb.data(), p.width, p.height);
  pixels_ = pixels.to(device);
  offset_ = at::tensor(offset).to(device);
  width_ = at::tensor(width).to(device);
  height_ = at::tensor(height).to(device);
  cumulative_ = shares(area, device);
}

MovingPictures::Layer MovingPictures::layer(int64_t batch, int64_t frames, int64_t crop, double speed) const {
  const at::TensorOptions real = cumulative_.options();
  const at::Tensor picture = draw(cumulative_, batch);
  const at::Tensor w = width_.index_select(0, picture), h = height_.index_select(0, picture);
  const at::Tensor r = at::rand({batch, 10}, real);
  const auto random = [&](int64_t k) { return r.select(1, k); };
  const auto about = [&](int64_t k) { return random(k) * 2 - 1; };  // -1..1
  const double last = static_cast<double>(std::max<int64_t>(frames - 1, 1));

  // Samples of the picture for one of the crop: half of the draws are magnified, as film in high definition is, up to kMostMagnified times.
  const at::Tensor scale = at::exp((random(9) - 0.5).clamp_min(0) * (-2 * std::log(kMostMagnified)));

  // One third stand still, one third move in whole samples, the others anyhow. Speeds are mostly low: a cube.
  const at::Tensor kind = at::floor(random(0) * 3);
  const at::Tensor moves = (kind > 0).to(at::kFloat);
  const double one = frames > 1 ? 1.0 : 0.0;
  const at::Tensor turn = (kind > 1).to(at::kFloat) * about(1).pow(3) * (0.02 * one);              // radians a frame
  const at::Tensor zoom = (kind > 1).to(at::kFloat) * about(2).pow(3) * (0.02 * one);              // logarithm a frame
  const auto axis = [&](int64_t place, int64_t pace, const at::Tensor& side) {
    // Begin and end stay within the picture where it is large enough.
    const at::Tensor room = (side.to(at::kFloat) - scale * static_cast<double>(crop)).clamp_min(0);
    const at::Tensor begin = at::floor(random(place) * room);
    at::Tensor v = about(pace).pow(3) * speed * moves * one * scale;
    v = at::maximum(at::minimum(v, (room - begin) / last), begin / -last);
    return std::pair(begin, at::where(kind < 2, at::round(v / scale) * scale, v));
  };
  const auto [x0, vx] = axis(3, 4, w);
  const auto [y0, vy] = axis(5, 6, h);

  const at::Tensor time = at::arange(frames, real).reshape({1, frames, 1, 1});
  const at::Tensor angle = spread(turn, 3) * time, size = spread(scale, 3), growth = at::exp(spread(zoom, 3) * time) * size;
  const double middle = static_cast<double>(crop - 1) / 2;
  const at::Tensor row = (at::arange(crop, real) - middle).reshape({1, 1, crop, 1}), column = (at::arange(crop, real) - middle).reshape({1, 1, 1, crop});
  const at::Tensor c = at::cos(angle) * growth, s = at::sin(angle) * growth;
  const at::Tensor x = c * column - s * row + middle * size + spread(x0, 3) + spread(vx, 3) * time;  // [batch,frames,crop,crop]
  const at::Tensor y = s * column + c * row + middle * size + spread(y0, 3) + spread(vy, 3) * time;
  const at::Tensor xf = at::floor(x), yf = at::floor(y);
  const std::vector<at::Tensor> across = lagrange6((x - xf).unsqueeze(-1)), down = lagrange6((y - yf).unsqueeze(-1));
  const at::Tensor sw = spread(w, 3), sh = spread(h, 3), base = spread(offset_.index_select(0, picture), 3);
  const at::Tensor x_whole = xf.to(at::kLong), y_whole = yf.to(at::kLong);
  at::Tensor rgb;
  for (int64_t dy = 0; dy < kReadTaps; ++dy) {
    const at::Tensor line = base + at::minimum((y_whole + (dy - kTapsBefore)).clamp_min(0), sh - 1) * sw;
    at::Tensor sum;
    for (int64_t dx = 0; dx < kReadTaps; ++dx) {
      const at::Tensor address = line + at::minimum((x_whole + (dx - kTapsBefore)).clamp_min(0), sw - 1);
      const at::Tensor read = pixels_.index_select(0, address.reshape({-1})).reshape({batch, frames, crop, crop, 3}) * across[static_cast<size_t>(dx)];
      sum = dx == 0 ? read : sum.add_(read);
    }
    sum.mul_(down[static_cast<size_t>(dy)]);
    rgb = dy == 0 ? sum : rgb.add_(sum);
  }
  rgb = (rgb * (1.0 / 255)).clamp(0, 1);
  return {rgb.reshape({batch * frames, crop, crop, 3}).permute({0, 3, 1, 2})};
}

models::Planes MovingPictures::sample(int64_t batch, int64_t frames, int64_t crop) const {
  const at::NoGradGuard no_grad;
  const at::TensorOptions real = cumulative_.options();
  at::Tensor rgb = layer(batch, frames, crop, 16).rgb;
  const at::Tensor time = at::arange(frames, real).reshape({1, frames, 1, 1});
  if (frames > 1) {
    // An ellipse out of another picture; in every third sample it has no size.
    const at::Tensor r = at::rand({batch, 9}, real);
    const auto random = [&](int64_t k) { return spread(r.select(1, k), 3); };
    const double size = static_cast<double>(crop);
    const at::Tensor cx = random(0) * size + (random(1) * 2 - 1).pow(3) * 12 * time, cy = random(2) * size + (random(3) * 2 - 1).pow(3) * 12 * time;
    const at::Tensor rx = (random(4) * 0.25 + 0.05) * size, ry = (random(5) * 0.25 + 0.05) * size;
    const at::Tensor dx = (at::arange(crop, real).reshape({1, 1, 1, crop}) - cx) / rx, dy = (at::arange(crop, real).reshape({1, 1, crop, 1}) - cy) / ry;
    const at::Tensor there = (random(6) > 1.0 / 3).to(at::kFloat);
    const at::Tensor mask = at::sigmoid((1 - (dx.square() + dy.square()).sqrt()) * rx * 2) * there;  // an edge of about two samples
    const at::Tensor alpha = mask.reshape({batch * frames, 1, crop, crop});
    rgb = rgb + (layer(batch, frames, crop, 8).rgb - rgb) * alpha;
    // A quarter of the samples fades.
    const at::Tensor fades = (random(7) < 0.25).to(at::kFloat);
    const at::Tensor gain = 1 + fades * (random(8) * 2 - 1) * 0.6 * (time / static_cast<double>(frames));
    rgb = rgb * gain.reshape({batch * frames, 1, 1, 1});
  }
  // Half of the samples have noise, of up to 2 steps of 8 bits.
  const at::Tensor level = (at::rand({batch, 1, 1, 1, 1}, real) - 0.5).clamp_min(0) * (4.0 / 255);
  const at::Tensor noise = level.expand({batch, frames, 1, 1, 1}).reshape({batch * frames, 1, 1, 1});
  const models::Planes p = to_video(rgb + at::randn_like(rgb) * noise);
  return {p.y.reshape({batch, frames, 1, crop, crop}), p.uv.reshape({batch, frames, 2, crop / 2, crop / 2})};
}

at::Tensor in_8_bits(const at::Tensor& x) { return at::round(x.clamp(0, 1) * 255) * (1.0 / 255); }

models::Planes to_video(const at::Tensor& rgb) {
  constexpr double kr = 0.2126, kb = 0.0722;  // ITU-R BT.709
  const at::Tensor c = rgb.clamp(0, 1);
  const at::Tensor red = c.select(1, 0), green = c.select(1, 1), blue = c.select(1, 2);
  const at::Tensor y = red * kr + green * (1 - kr - kb) + blue * kb;
  const at::Tensor chroma = at::stack({(blue - y) * (0.5 / (1 - kb)), (red - y) * (0.5 / (1 - kr))}, 1);
  const at::Tensor luma8 = at::round(y * 219 + 16), chroma8 = at::round(at::avg_pool2d(chroma, 2) * 224 + 128);
  return {luma8.unsqueeze(1) * (1.0 / 255), chroma8 * (1.0 / 255)};
}

}  // namespace tessera::train
