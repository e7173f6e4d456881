#include "models/inr/network.h"

#include <cmath>
#include <map>
#include <string>

#include "models/inr/parameter_coding.h"
#include "models/inr/symbol_coder.h"

namespace tessera::models::inr {

int64_t part_size(const Config& c, PartName part) {
  const auto grids = static_cast<int64_t>(c.grids.size());
  switch (part) {
    case kContextFirst: return int64_t{c.context()} * c.width;
    case kContextSecond: return int64_t{c.width} * c.width;
    case kContextLast: return int64_t{c.width + c.context()} * 2;
    case kContextBias: return 2 * c.width + 2 + grids;
    case kUpsampling: return int64_t{c.steps()} * 4;
    case kSynthesisFirst: return int64_t{c.hidden} * c.inputs();
    case kSynthesisLast: return int64_t{c.outputs} * c.hidden;
    case kSynthesisDirect: return int64_t{c.outputs} * c.inputs();
    case kSynthesisKernel: return int64_t{c.residuals} * c.outputs * c.outputs * 9;
    case kSynthesisBias: return c.hidden + c.outputs + int64_t{c.residuals} * c.outputs;
    case kFrontPlaces: return c.front == Front::rbf ? 2 * c.cells() : c.features * grids;
    case kFrontShapes: return c.front == Front::rbf ? 3 * c.cells() : 0;
    case kFrontValues: return c.features * c.cells();
    case kParts: break;
  }
  return 0;
}

int64_t parameter_count(const Config& config) {
  int64_t sum = 0;
  for (int p = 0; p < kParts; ++p) sum += part_size(config, static_cast<PartName>(p));
  return sum;
}

std::vector<float> Network::values_of(PartName part) const {
  const Part& p = parts[part];
  std::vector<float> out;
  out.reserve(p.values.size());
  for (const int32_t v : p.values) out.push_back(static_cast<float>(v) * p.unit());
  if (part == kUpsampling) {
    for (size_t i = 0; i < out.size(); ++i) out[i] += kCubic[i % 4];
  }
  return out;
}

PartCost part_cost(std::span<const int32_t> values) {
  std::map<int32_t, int> histogram;
  for (const int32_t v : values) ++histogram[v];
  PartCost best{0, 0};
  for (int scale = 0; scale < kScales; ++scale) {
    double bits = 0;
    for (const auto& [value, count] : histogram) {
      SymbolCounter one;
      one.put(value, scale, 0);
      bits += one.bits() * count;
    }
    if (scale == 0 || bits < best.bits) best = {bits, scale};
  }
  return best;
}

std::vector<std::byte> code_parameters(const Network& network, const PartScales& scales) {
  std::vector<const std::vector<int32_t>*> parts;
  for (const Part& p : network.parts) parts.push_back(&p.values);
  return code_parts(parts, scales);
}

Status decode_parameters(std::span<const std::byte> bytes, const PartScales& scales, Network& network) {
  std::vector<std::vector<int32_t>*> parts;
  for (size_t p = 0; p < kParts; ++p) {
    network.parts[p].values.resize(static_cast<size_t>(part_size(network.config, static_cast<PartName>(p))));
    parts.push_back(&network.parts[p].values);
  }
  return decode_parts(bytes, scales, parts);
}

}  // namespace tessera::models::inr
