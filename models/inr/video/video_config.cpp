#include "models/inr/video/video_config.h"

#include <algorithm>

namespace tessera::models::inr {

int VideoConfig::affine_channels() const {
  int sum = 0;
  for (const Stage& s : stages) sum += s.channels;
  return sum;
}

double VideoConfig::macs() const {
  double sum = 0, area = 0.25;  // luma samples are four for each position behind the last stage
  for (size_t i = stages.size(); i-- > 0; area /= 4) {
    const double in = channels_before(i), out = stages[i].channels;
    if (i + 1 == stages.size()) sum += area * 6 * 9 * out;
    sum += area / 4 * 4 * out * in * stages[i].kernel * stages[i].kernel;
    if (separable) sum += area * (9 * out + out * out);
    if (skip) sum += area / 4 * in * out + area * 4 * out;
    if (affine) sum += area * out;
  }
  return sum;
}

std::vector<PartInfo> parts_of(const VideoConfig& c) {
  std::vector<PartInfo> out;
  if (c.affine) {
    out.push_back({PartKind::time_first, 0, int64_t{2} * c.frequencies * c.time_width});
    out.push_back({PartKind::time_second, 0, int64_t{2} * c.affine_channels() * c.time_width});
  }
  int64_t biases = c.affine ? c.time_width : 0;
  for (size_t i = 0; i < c.stages.size(); ++i) {
    const Stage& s = c.stages[i];
    const int64_t in = c.channels_before(i), n = s.channels;
    const int stage = static_cast<int>(i);
    out.push_back({PartKind::convolution, stage, 4 * n * in * s.kernel * s.kernel});
    if (c.skip) out.push_back({PartKind::skip, stage, n * in});
    if (c.separable) {
      out.push_back({PartKind::depthwise, stage, n * 9});
      out.push_back({PartKind::pointwise, stage, n * n});
    }
    biases += 4 * n + (c.separable ? 2 * n : 0);
  }
  out.push_back({PartKind::head, 0, int64_t{6} * 9 * (c.stages.empty() ? 0 : c.stages.back().channels)});
  out.push_back({PartKind::biases, 0, biases + 6});
  return out;
}

int64_t parameter_count(const VideoConfig& config) {
  int64_t sum = 0;
  for (const PartInfo& p : parts_of(config)) sum += p.count;
  return sum;
}

std::optional<std::string> problem(const VideoConfig& c) {
  if (c.stages.empty() || c.stages.size() > kMaxStages) return "a network with " + std::to_string(c.stages.size()) + " stages";
  if (c.embedding < 1 || c.embedding > kMaxEmbedding) return "an embedding of " + std::to_string(c.embedding) + " channels, which is not possible";
  if (c.frames < 1 || c.frames > kMaxGroup) return "a group of " + std::to_string(c.frames) + " frames, which is not possible";
  for (size_t i = 0; i < c.stages.size(); ++i) {
    const Stage& s = c.stages[i];
    const int most = std::min<int>(kMaxChannels, kMaxLastChannels << std::min<size_t>(c.stages.size() - 1 - i, 8));
    if (s.channels < 4 || s.channels > most || s.channels % 4 != 0) return "a stage of " + std::to_string(s.channels) + " channels, which is not possible";
    if (s.kernel != 1 && s.kernel != 3 && s.kernel != 5) return "a kernel of " + std::to_string(s.kernel) + " samples, which is not possible";
  }
  if (c.affine) {
    if (c.frequencies < 1 || c.frequencies > kMaxFrequencies) return "a time code of " + std::to_string(c.frequencies) + " frequencies, which is not possible";
    if (c.time_width < 1 || c.time_width > kMaxTimeWidth) return "a time network " + std::to_string(c.time_width) + " wide, which is not possible";
  }
  if (parameter_count(c) > kMaxVideoParameters) return "the network has more parameters than the format allows";
  if (c.macs() > kMaxVideoMacs) return "the network needs more work a sample than the format allows";
  return {};
}

std::vector<GridShape> stage_shapes(const VideoConfig& c, int64_t height, int64_t width) {
  std::vector<GridShape> out(c.stages.size() + 1);
  out.back() = {(height + 1) / 2, (width + 1) / 2};
  for (size_t i = c.stages.size(); i-- > 0;) out[i] = {(out[i + 1].height + 1) / 2, (out[i + 1].width + 1) / 2};
  return out;
}

}  // namespace tessera::models::inr
