#include "models/video/motion_model.h"

#include <cmath>
#include <set>
#include <stdexcept>

#include "models/config_json.h"
#include "models/still.h"
#include "models/still_model.h"

namespace tessera::models {
namespace {

// Parameters that live in the file as the integers of their layer.
std::set<std::string> frozen_names(Motion& network) {
  std::set<std::string> names;
  for (const auto* layer : network.prior().linears()) names.insert({layer->name() + ".weight", layer->name() + ".bias"});
  for (const auto* layer : network.prior().depthwises()) names.insert({layer->name() + ".weight", layer->name() + ".bias"});
  return names;
}

exact::Frozen frozen_of(const Weights& w, const std::string& name, at::IntArrayRef shape, int64_t out) {
  return {w.get(name + ".int8", at::kChar, shape), w.get(name + ".shift", at::kByte, {out}), w.get(name + ".int32", at::kInt, {out})};
}

void load_floats(Motion& network, const Weights& weights) {
  const std::set<std::string> skip = frozen_names(network);
  for (Param& p : network.params().list()) {
    if (skip.contains(p.name)) continue;
    if (p.kind == ParamKind::fine) (void)weights.get(p.name, at::kFloat, p.tensor.sizes());  // those are never stored in less
    p.tensor.set_data(weights.real(p.name, p.tensor.sizes()).to(p.tensor.device()));
  }
}

void put_rows(std::map<std::string, at::Tensor>& out, const std::string& name, const std::vector<entropy::CdfTable::Row>& rows) {
  std::vector<int32_t> lowest, sizes, frequencies;
  for (const auto& row : rows) {
    lowest.push_back(row.min_symbol);
    sizes.push_back(static_cast<int32_t>(row.freq.size()));
    frequencies.insert(frequencies.end(), row.freq.begin(), row.freq.end());
  }
  out[name + ".min"] = at::tensor(lowest, at::kInt);
  out[name + ".size"] = at::tensor(sizes, at::kInt);
  out[name + ".frequencies"] = at::tensor(frequencies, at::kInt);
}

entropy::CdfTable load_table(const Weights& w, const std::string& name, int precision, int64_t count, bool skip) {
  const at::Tensor lowest = w.get(name + ".min", at::kInt, {count}), sizes = w.get(name + ".size", at::kInt, {count});
  const int32_t* size = sizes.const_data_ptr<int32_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (size[i] < 2 || size[i] > entropy::kMaxSupport + 1) throw std::runtime_error("the weights file's probability rows have bad sizes");
    total += size[i];
  }
  const at::Tensor frequencies = w.get(name + ".frequencies", at::kInt, {total});
  const int32_t* f = frequencies.const_data_ptr<int32_t>();
  std::vector<entropy::CdfTable::Row> rows;
  for (int64_t i = 0; i < count; ++i) {
    entropy::CdfTable::Row row;
    row.min_symbol = lowest.const_data_ptr<int32_t>()[i];
    for (int32_t k = 0; k < size[i]; ++k) row.freq.push_back(static_cast<uint32_t>(f[k]));
    f += size[i];
    rows.push_back(std::move(row));
  }
  std::string error;
  const int skip_below = skip ? w.get("entropy.skip_below", at::kInt, {1}).item<int>() : 0;
  auto table = entropy::CdfTable::create(precision, std::move(rows), skip_below, &error);
  if (!table) throw std::runtime_error("the weights file's probability rows are invalid: " + error);
  return std::move(*table);
}

const std::string& meta(const Weights& w, const std::string& key) {
  const auto it = w.metadata.find(key);
  if (it == w.metadata.end()) throw std::runtime_error("the weights file says nothing about its " + key);
  return it->second;
}

uint32_t parse_revision(const std::string& text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error("the weights file has no valid revision");
  }
  return static_cast<uint32_t>(std::stoul(text));
}

}  // namespace

uint64_t export_motion(Motion& network, const std::string& path, const std::string& name, uint32_t revision, const std::string& training) {
  const MotionConfig& config = network.config();
  std::map<std::string, at::Tensor> out;
  const std::set<std::string> skip = frozen_names(network);
  for (const Param& p : network.params().list()) {
    if (!skip.contains(p.name)) out[p.name] = p.tensor.detach().cpu().to(p.kind == ParamKind::fine ? at::kFloat : at::kHalf);
  }
  const auto store = [&](const std::string& layer, const exact::Frozen& f) {
    out[layer + ".int8"] = f.weight;
    out[layer + ".shift"] = f.shift;
    out[layer + ".int32"] = f.bias;
  };
  for (const auto* layer : network.prior().linears()) store(layer->name(), layer->freeze());
  for (const auto* layer : network.prior().depthwises()) store(layer->name(), layer->freeze());
  for (const auto* table : network.prior().tables()) out[table->name() + ".table"] = table->freeze();
  const double laplace = 1.0 / (1.0 + std::exp(-static_cast<double>(network.blend().detach().cpu().item<float>())));
  put_rows(out, "entropy.rows", symbol_rows(config.scales, laplace));
  put_rows(out, "entropy.vectors", vector_rows());
  const int64_t skip_below = std::max<int64_t>(0, static_cast<int64_t>(std::ceil(config.scales.row_of(kSkipSigma))));
  out["entropy.skip_below"] = at::full({1}, std::min(skip_below, config.scales.rows), at::kInt);
  return save_weights(path, out, {{"model", name}, {"revision", std::to_string(revision)}, {"config", config.to_json()}, {"training", training}});
}

bool is_motion(const std::map<std::string, std::string>& metadata) {
  const auto it = metadata.find("config");
  if (it == metadata.end()) return false;
  return ConfigJson(it->second).text("architecture") == "motion";
}

std::shared_ptr<MotionModel> load_motion(const std::string& path) {
  const Weights w = load_weights(path);
  if (!is_motion(w.metadata)) throw std::runtime_error("the weights file holds no video model");
  const MotionConfig config = MotionConfig::from_json(meta(w, "config"));
  const int64_t rows = config.scales.rows;
  auto model = std::make_shared<MotionModel>(MotionModel{Motion(config, Motion::Uninitialised{}), load_table(w, "entropy.rows", kTablePrecision, rows, true),
                                                         load_table(w, "entropy.rows", kTablePrecision, rows, false),
                                                         load_table(w, "entropy.vectors", entropy::kMaxPrecision, kVectorRows, false), meta(w, "model"), parse_revision(meta(w, "revision")), w.hash, w.file_bytes,
                                                         meta(w, "training")});
  load_floats(model->network, w);
  TemporalPrior& prior = model->network.prior();
  for (auto* layer : prior.linears()) layer->load(frozen_of(w, layer->name(), {layer->out(), layer->in()}, layer->out()));
  for (auto* layer : prior.depthwises()) layer->load(frozen_of(w, layer->name(), {9, layer->channels()}, layer->channels()));
  for (auto* table : prior.tables()) table->load(w.get(table->name() + ".table", at::kShort, {kQualities, table->channels()}));
  return model;
}

void resume_from_export(Motion& network, const Weights& w) {
  load_floats(network, w);
  const auto restore = [&](const std::string& name, const exact::Frozen& f, bool depthwise) {
    const at::Tensor step = at::exp2(-f.shift.to(at::kFloat));
    for (Param& p : network.params().list()) {
      if (p.name == name + ".weight") p.tensor.set_data(f.weight.to(at::kFloat) * (depthwise ? step : step.unsqueeze(1)));
      if (p.name == name + ".bias") p.tensor.set_data(f.bias.to(at::kFloat) * step / exact::kUnit);
    }
  };
  for (auto* layer : network.prior().linears()) restore(layer->name(), frozen_of(w, layer->name(), {layer->out(), layer->in()}, layer->out()), false);
  for (auto* layer : network.prior().depthwises()) restore(layer->name(), frozen_of(w, layer->name(), {9, layer->channels()}, layer->channels()), true);
}

}  // namespace tessera::models
