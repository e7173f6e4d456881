// Released models: what is exported and loaded computes the integers of the training, and a file that does
// not fit is refused.
#include "models/still_model.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/models/temporary_file.h"
#include "tests/models/tensors.h"
#include "tests/models/tiny_still.h"

namespace tessera::models {
namespace {

using exact::Mode;
using test::random_integers;
using test::same;
using test::TemporaryFile;
using test::Threads;

at::Tensor quality_of(int quality) {
  return at::full({1, 1, 1, 1}, quality / static_cast<double>(kQualities - 1), at::kFloat);
}

class StillFile : public testing::Test {
 protected:
  StillFile() : network(test::tiny_config()) {
    test::randomise(network, 200);
    hash = export_still(network, file.path(), "still", 3, R"({"steps":7})");
  }
  TemporaryFile file;
  Still network;
  uint64_t hash = 0;
};

TEST_F(StillFile, CarriesItsDescription) {
  const auto model = load_still(file.path());
  EXPECT_EQ(model->name, "still");
  EXPECT_EQ(model->revision, 3u);
  EXPECT_EQ(model->hash, hash);
  EXPECT_EQ(model->file_bytes, file.read().size());
  EXPECT_EQ(model->training, R"({"steps":7})");
  EXPECT_EQ(model->network.config().to_json(), network.config().to_json());
  EXPECT_EQ(model->latent_table.rows(), network.config().scale_rows);
  EXPECT_EQ(model->hyper_table.rows(), network.config().scale_rows);
}

TEST_F(StillFile, LoadedHyperSynthesisEqualsTheTrainedOne) {
  const at::NoGradGuard no_grad;
  const auto model = load_still(file.path());
  for (const int64_t max : {3, 20, Still::kHyperMax}) {
    const at::Tensor z =
        random_integers({1, 3, 5, network.config().hyperlatents}, max, static_cast<uint64_t>(max));
    for (const int quality : {0, 1, 17, 31, 32, 50, 62, 63}) {
      const auto trained = network.hyper_synthesis(z, quality_of(quality), Mode::quantised);
      const auto loaded = model->network.hyper_synthesis(z, quality);
      ASSERT_TRUE(same(loaded.feature, trained.feature)) << quality;
      ASSERT_TRUE(same(loaded.index, trained.index)) << quality;
    }
  }
}

TEST_F(StillFile, LoadedHyperRowsEqualTheTrainedOnes) {
  const at::NoGradGuard no_grad;
  const auto model = load_still(file.path());
  for (int quality = 0; quality < kQualities; ++quality) {
    const at::Tensor trained = network.hyper_index(quality_of(quality), Mode::quantised).reshape({-1});
    const std::vector<uint8_t> rows = model->network.hyper_rows(quality);
    ASSERT_EQ(static_cast<int64_t>(rows.size()), trained.numel());
    for (size_t i = 0; i < rows.size(); ++i)
      ASSERT_EQ(rows[i], trained[static_cast<int64_t>(i)].item<float>()) << quality;
  }
}

TEST_F(StillFile, LoadedHyperSynthesisDependsNeitherOnThreadsNorOnTheBatch) {
  const at::NoGradGuard no_grad;
  const auto model = load_still(file.path());
  const at::Tensor z = random_integers({3, 4, 3, network.config().hyperlatents}, Still::kHyperMax, 5);
  at::Tensor one, two;
  {
    const Threads threads(1);
    one = model->network.hyper_synthesis(z, 40).index;
  }
  {
    const Threads threads(2);
    two = model->network.hyper_synthesis(z, 40).index;
  }
  EXPECT_TRUE(same(one, two));
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(same(model->network.hyper_synthesis(z.narrow(0, i, 1), 40).index, one.narrow(0, i, 1)));
}

// Masters are stored with 16 bits, scales with 32.
TEST_F(StillFile, FloatParametersAreTheMastersRounded) {
  const auto model = load_still(file.path());
  int compared = 0;
  for (const Param& p : network.params().list()) {
    if (p.name.starts_with("hyper_synthesis") && !p.name.ends_with(".lo") && !p.name.ends_with(".hi"))
      continue;
    const at::Tensor expected = p.kind == ParamKind::fine ? p.tensor : p.tensor.to(at::kHalf).to(at::kFloat);
    EXPECT_TRUE(same(model->network.params().find(p.name)->tensor, expected)) << p.name;
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

// A model that trains on starts with the integers that it was released with.
TEST_F(StillFile, TrainingResumesFromTheReleasedIntegers) {
  const at::NoGradGuard no_grad;
  Still resumed(test::tiny_config());
  resume_from_export(resumed, load_weights(file.path()));
  const at::Tensor z = random_integers({1, 2, 2, network.config().hyperlatents}, Still::kHyperMax, 6);
  for (const int quality : {0, 30, 63}) {
    const auto a = network.hyper_synthesis(z, quality_of(quality), Mode::quantised);
    const auto b = resumed.hyper_synthesis(z, quality_of(quality), Mode::quantised);
    EXPECT_TRUE(same(a.feature, b.feature));
    EXPECT_TRUE(same(a.index, b.index));
  }
  const TemporaryFile again;
  EXPECT_EQ(export_still(resumed, again.path(), "still", 3, R"({"steps":7})"), hash);
}

TEST_F(StillFile, EveryKindOfDamageIsRefused) {
  const Weights good = load_weights(file.path());
  const auto refused = [&](const char* what, const std::function<void(Weights&)>& spoil) {
    Weights w = good;
    spoil(w);
    const TemporaryFile damaged;
    save_weights(damaged.path(), w.tensors, w.metadata);
    try {
      load_still(damaged.path());
      ADD_FAILURE() << what << " is taken";
    } catch (const std::runtime_error& e) {
      EXPECT_GT(std::string(e.what()).size(), 10u) << what;
    }
  };
  const auto change = [](Weights& w, const std::string& name, double value) {
    at::Tensor t = w.tensors.at(name).clone();
    t.reshape({-1})[0] = value;
    w.tensors[name] = t;
  };
  // Tensors that are missing, one at a time.
  for (const auto& [name, tensor] : good.tensors)
    refused(name.c_str(), [&, n = name](Weights& w) { w.tensors.erase(n); });
  for (const char* key : {"model", "revision", "config", "training"})
    refused(key, [&](Weights& w) { w.metadata.erase(key); });
  for (const char* text : {"", "-1", "1.5", "one", "99999999999", " 1"})
    refused("revision", [&](Weights& w) { w.metadata["revision"] = text; });
  for (const char* text : {"", "[]", R"({"latents":24})", R"({"hyper_channels":"x"})"})
    refused("config", [&](Weights& w) { w.metadata["config"] = text; });
  refused("larger configuration", [](Weights& w) {
    auto config = nlohmann::json::parse(w.metadata["config"]);
    config["dec_patch_blocks"] = 3;
    w.metadata["config"] = config.dump();
  });
  const double inf = std::numeric_limits<double>::infinity();
  refused("infinite weight", [&](Weights& w) { change(w, "synthesis.unembed.weight", inf); });
  refused("weight that is no number", [&](Weights& w) { change(w, "analysis.gain.lo", std::nan("")); });
  refused("bias beyond the bound", [&](Weights& w) { change(w, "hyper_synthesis.up1.int32", 1 << 24); });
  refused("depthwise bias beyond the bound",
          [&](Weights& w) { change(w, "hyper_synthesis.block2.dw.int32", -(1 << 24)); });
  refused("shift", [&](Weights& w) { change(w, "hyper_synthesis.up2.shift", 15); });
  refused("row of the wrong sum", [&](Weights& w) { change(w, "entropy.rows.frequencies", 4000); });
  refused("negative frequency", [&](Weights& w) { change(w, "entropy.rows.frequencies", -1); });
  refused("row without symbols", [&](Weights& w) { change(w, "entropy.rows.size", 0); });
  refused("row of negative size", [&](Weights& w) { change(w, "entropy.rows.size", -5); });
  refused("row of huge size",
          [&](Weights& w) { change(w, "entropy.rows.size", std::numeric_limits<int32_t>::max()); });
  refused("row with one symbol too many", [&](Weights& w) {
    change(w, "entropy.rows.size", w.tensors["entropy.rows.size"][0].item<int>() + 1);
  });
  refused("types",
          [](Weights& w) { w.tensors["entropy.rows.min"] = w.tensors["entropy.rows.min"].to(at::kLong); });
}

// A small file that claims the largest configuration must not make the reader allocate it.
TEST_F(StillFile, AHugeConfigurationIsRefusedCheaply) {
  Weights w = load_weights(file.path());
  auto config = nlohmann::json::parse(w.metadata["config"]);
  for (const char* key :
       {"patch_channels", "trunk_channels", "latents", "hyper_channels", "context_channels", "attention"})
    config[key] = 4096;
  for (const char* key :
       {"enc_patch_blocks", "enc_trunk_blocks", "dec_trunk_blocks", "dec_patch_blocks", "context_blocks"})
    config[key] = 64;
  w.metadata["config"] = config.dump();
  const TemporaryFile damaged;
  save_weights(damaged.path(), w.tensors, w.metadata);
  EXPECT_THROW(load_still(damaged.path()), std::runtime_error);
}

}  // namespace
}  // namespace tessera::models
