#include "models/still_model.h"

#include <cmath>
#include <set>
#include <stdexcept>

namespace tessera::models {
namespace {

// Parameters that live in the file as the integers of their layer.
std::set<std::string> frozen_names(Still& network) {
  std::set<std::string> names;
  for (const auto* layer : network.exact_linears()) names.insert({layer->name() + ".weight", layer->name() + ".bias"});
  for (const auto* layer : network.exact_depthwises()) names.insert({layer->name() + ".weight", layer->name() + ".bias"});
  return names;
}

exact::Frozen frozen_of(const Weights& w, const std::string& name, at::IntArrayRef shape, int64_t out) {
  return {w.get(name + ".int8", at::kChar, shape), w.get(name + ".shift", at::kByte, {out}), w.get(name + ".int32", at::kInt, {out})};
}

void load_floats(Still& network, const Weights& weights) {
  const std::set<std::string> skip = frozen_names(network);
  for (Param& p : network.params().list()) {
    if (skip.contains(p.name)) continue;
    // Before configurations named their densities there was no Laplace density; what the tables are is in the file.
    if (p.name == "entropy.laplace" && weights.metadata.contains("config") && weights.metadata.at("config").find("\"densities\"") == std::string::npos) {
      p.tensor.set_data(at::full_like(p.tensor, -4.0));
      continue;
    }
    const at::ScalarType type = p.kind == ParamKind::fine ? at::kFloat : at::kHalf;
    const at::Tensor value = weights.get(p.name, type, p.tensor.sizes()).to(at::kFloat);
    // A sum is finite only when everything is; testing each value would cost more than loading it.
    if (!std::isfinite(value.sum().item<float>())) throw std::runtime_error("the weights file's tensor " + p.name + " is not finite");
    p.tensor.set_data(value.to(p.tensor.device()));
  }
}

}  // namespace

std::vector<entropy::CdfTable::Row> make_rows(const StillConfig& config, const ResidualMix& mix) {
  std::vector<entropy::CdfTable::Row> rows;
  for (int64_t i = 0; i < config.scale_rows; ++i) {
    const double sigma = config.scale_min * std::exp(config.scale_step * static_cast<double>(i));
    // Heavy tails reach further: an escape costs much, a rare symbol in the row next to nothing.
    int reach = static_cast<int>(std::min(250.0, std::ceil(4.5 * sigma) + 1));
    while (reach < 250 && residual_cdf(-reach - 0.5, sigma, mix) > 2e-4) ++reach;
    std::vector<double> pmf;
    for (int s = -reach; s <= reach; ++s) {
      // By symmetry from the lower tail, where the difference loses no digits.
      const double a = -std::abs(s);
      pmf.push_back(residual_cdf(a + 0.5, sigma, mix) - residual_cdf(a - 0.5, sigma, mix));
    }
    const double tail = 2 * residual_cdf(-reach - 0.5, sigma, mix);
    rows.push_back(entropy::quantise_pmf(kTablePrecision, -reach, pmf, tail));
  }
  return rows;
}

uint64_t export_still(Still& network, const std::string& path, const std::string& name, uint32_t revision, const std::string& training) {
  const StillConfig& config = network.config();
  std::map<std::string, at::Tensor> out;
  const std::set<std::string> skip = frozen_names(network);
  for (const Param& p : network.params().list()) {
    if (skip.contains(p.name)) continue;
    out[p.name] = p.tensor.detach().cpu().to(p.kind == ParamKind::fine ? at::kFloat : at::kHalf);
  }
  const auto store = [&](const std::string& layer, const exact::Frozen& f) {
    out[layer + ".int8"] = f.weight;
    out[layer + ".shift"] = f.shift;
    out[layer + ".int32"] = f.bias;
  };
  for (const auto* layer : network.exact_linears()) store(layer->name(), layer->freeze());
  for (const auto* layer : network.exact_depthwises()) store(layer->name(), layer->freeze());
  for (const auto* table : network.quality_tables()) out[table->name() + ".table"] = table->freeze();

  const auto rows = make_rows(config, network.residual_mix());
  at::Tensor lowest = at::empty({config.scale_rows}, at::kInt), sizes = at::empty({config.scale_rows}, at::kInt);
  std::vector<int32_t> frequencies;
  for (size_t i = 0; i < rows.size(); ++i) {
    lowest.data_ptr<int32_t>()[i] = rows[i].min_symbol;
    sizes.data_ptr<int32_t>()[i] = static_cast<int32_t>(rows[i].freq.size());
    frequencies.insert(frequencies.end(), rows[i].freq.begin(), rows[i].freq.end());
  }
  out["entropy.rows.min"] = lowest;
  out["entropy.rows.size"] = sizes;
  out["entropy.rows.frequencies"] = at::from_blob(frequencies.data(), {static_cast<int64_t>(frequencies.size())}, at::kInt).clone();
  const int64_t skip_below = static_cast<int64_t>(std::ceil(std::log(kSkipSigma / config.scale_min) / config.scale_step));
  out["entropy.skip_below"] = at::full({1}, std::max<int64_t>(0, skip_below), at::kInt);
  return save_weights(path, out, {{"model", name}, {"revision", std::to_string(revision)}, {"config", config.to_json()}, {"training", training}});
}

namespace {

entropy::CdfTable load_table(const Weights& w, const StillConfig& config, bool skip) {
  const int64_t n = config.scale_rows;
  const at::Tensor lowest = w.get("entropy.rows.min", at::kInt, {n}), sizes = w.get("entropy.rows.size", at::kInt, {n});
  const int32_t* size = sizes.const_data_ptr<int32_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (size[i] < 2 || size[i] > entropy::kMaxSupport + 1) throw std::runtime_error("the weights file's probability rows have bad sizes");
    total += size[i];
  }
  const at::Tensor f = w.get("entropy.rows.frequencies", at::kInt, {total});
  const int32_t* at = f.const_data_ptr<int32_t>();
  std::vector<entropy::CdfTable::Row> rows;
  for (int64_t i = 0; i < n; ++i) {
    entropy::CdfTable::Row row;
    row.min_symbol = lowest.const_data_ptr<int32_t>()[i];
    for (int32_t k = 0; k < size[i]; ++k) row.freq.push_back(static_cast<uint32_t>(at[k]));
    at += size[i];
    rows.push_back(std::move(row));
  }
  std::string error;
  const int skip_below = skip ? w.get("entropy.skip_below", at::kInt, {1}).item<int>() : 0;
  auto table = entropy::CdfTable::create(kTablePrecision, std::move(rows), skip_below, &error);
  if (!table) throw std::runtime_error("the weights file's probability rows are invalid: " + error);
  return std::move(*table);
}

uint32_t parse_revision(const std::string& text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error("the weights file has no valid revision");
  }
  return static_cast<uint32_t>(std::stoul(text));
}

const std::string& meta(const Weights& w, const std::string& key) {
  const auto it = w.metadata.find(key);
  if (it == w.metadata.end()) throw std::runtime_error("the weights file says nothing about its " + key);
  return it->second;
}

}  // namespace

std::shared_ptr<StillModel> load_still(const std::string& path) {
  const Weights w = load_weights(path);
  const StillConfig config = StillConfig::from_json(meta(w, "config"));
  auto model = std::make_shared<StillModel>(StillModel{Still(config, Still::Uninitialised{}), load_table(w, config, true), load_table(w, config, false),
                                                       meta(w, "model"), parse_revision(meta(w, "revision")), w.hash, w.file_bytes,
                                                       meta(w, "training")});
  load_floats(model->network, w);
  for (auto* layer : model->network.exact_linears()) layer->load(frozen_of(w, layer->name(), {layer->out(), layer->in()}, layer->out()));
  for (auto* layer : model->network.exact_depthwises()) {
    layer->load(frozen_of(w, layer->name(), {9, layer->channels()}, layer->channels()));
  }
  for (auto* table : model->network.quality_tables()) table->load(w.get(table->name() + ".table", at::kShort, {kQualities, table->channels()}));
  return model;
}

void resume_from_export(Still& network, const Weights& w) {
  load_floats(network, w);
  const auto restore = [&](const std::string& name, const exact::Frozen& f, bool depthwise) {
    const at::Tensor step = at::exp2(-f.shift.to(at::kFloat));
    for (Param& p : network.params().list()) {
      if (p.name == name + ".weight") p.tensor.set_data(f.weight.to(at::kFloat) * (depthwise ? step : step.unsqueeze(1)));
      if (p.name == name + ".bias") p.tensor.set_data(f.bias.to(at::kFloat) * step / exact::kUnit);
    }
  };
  for (auto* layer : network.exact_linears()) restore(layer->name(), frozen_of(w, layer->name(), {layer->out(), layer->in()}, layer->out()), false);
  for (auto* layer : network.exact_depthwises()) restore(layer->name(), frozen_of(w, layer->name(), {9, layer->channels()}, layer->channels()), true);
}

}  // namespace tessera::models
