// Index models that must be refused when they are loaded, since their arithmetic could overflow or their tables lead astray.
#include <gtest/gtest.h>

#include <functional>

#include "models/audio/index_model.h"
#include "tests/models/random_index.h"

namespace tessera::models {
namespace {

using audio::IndexModel;
using test::IndexSizes;
using test::random_index_weights;

const IndexSizes kSizes{4, 2, 60, 8, 8, 16, 16};

void expect_refused(const char* what, const std::function<void(Weights&)>& damage, const std::string& reason = "") {
  Weights w = random_index_weights(kSizes, 1);
  damage(w);
  const auto model = IndexModel::load(w);
  ASSERT_FALSE(model.ok()) << what;
  EXPECT_EQ(model.status().code(), ErrorCode::corrupt) << what;
  EXPECT_NE(model.status().message().find(reason), std::string::npos) << model.status().message();
}

TEST(IndexLoad, WhatIsWholeIsLoaded) {
  const auto model = IndexModel::load(random_index_weights(kSizes, 1));
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_GT(model->stored_bytes(), 4 * 2 * 64 * 16);
}

TEST(IndexLoad, NoIndexModel) {
  EXPECT_FALSE(IndexModel::present({}));
  EXPECT_EQ(IndexModel::load({}).status().code(), ErrorCode::model_missing);
}

TEST(IndexLoad, EveryTensorIsNeeded) {
  const Weights whole = random_index_weights(kSizes, 1);
  for (const auto& [name, tensor] : whole.tensors) {
    if (name == "index.shape") continue;
    expect_refused(name.c_str(), [&](Weights& w) { w.tensors.erase(name); }, name);
    expect_refused(name.c_str(), [&](Weights& w) { w.tensors[name] = w.tensors[name].to(at::kFloat); }, name);
    expect_refused(name.c_str(), [&](Weights& w) { w.tensors[name] = w.tensors[name].narrow(0, 1, w.tensors[name].size(0) - 1); }, name);
  }
}

TEST(IndexLoad, ShapesOutOfRange) {
  for (int64_t i = 0; i < 9; ++i) {
    for (const int32_t v : {-1, 0, 1 << 30}) {
      expect_refused("shape", [&](Weights& w) { w.tensors["index.shape"][i] = v; });
    }
  }
  expect_refused("later format", [](Weights& w) { w.tensors["index.shape"][0] = 2; });
  expect_refused("classes that no vector holds", [](Weights& w) { w.tensors["index.shape"][4] = 9; });
  expect_refused("fewer places than codes", [](Weights& w) { w.tensors["index.shape"][3] = 65; });
}

TEST(IndexLoad, OrderIsAPermutation) {
  expect_refused("twice", [](Weights& w) { w.tensors["index.order"][1][1].fill_(3); }, "permutation");
  expect_refused("too few", [](Weights& w) { w.tensors["index.order"][0][0].fill_(-1); }, "permutation");
  expect_refused("beyond", [](Weights& w) { w.tensors["index.order"][0][0][5] = 60; }, "permutation");
  expect_refused("below", [](Weights& w) { w.tensors["index.order"][0][0][5] = -2; }, "permutation");
}

TEST(IndexLoad, SumsAreBounded) {
  for (const char* const name : {"observe", "context", "predict", "hidden", "class"}) {
    const std::string prefix = std::string("index.") + name;
    expect_refused(name, [&](Weights& w) { w.tensors[prefix + ".bias"].view({-1})[3] = 1 << 30; }, "30 bits");
    expect_refused(name, [&](Weights& w) { w.tensors[prefix + ".bias"].view({-1})[3] = INT32_MIN; }, "30 bits");
    expect_refused(name, [&](Weights& w) { w.tensors[prefix + ".shift"].view({-1})[3] = 21; }, "shift");
  }
  expect_refused("embeddings", [](Weights& w) {
    w.tensors["index.embedding"].fill_(-128);
    w.tensors["index.embedding_shift"].fill_(0);
  }, "embeddings");
  expect_refused("unit of embeddings", [](Weights& w) { w.tensors["index.embedding_shift"][2][1] = 9; }, "shift");
  expect_refused("start", [](Weights& w) { w.tensors["index.start"][4] = 16384; }, "context");
  expect_refused("start of the average", [](Weights& w) { w.tensors["index.start"][2 * 32 + 3] = -1; }, "context");
}

// The widest layers that a file may ask for, with the largest weights: the sums leave the bound.
TEST(IndexLoad, WidestRowsAreRefused) {
  IndexSizes s{1, 4, 8, 8, 8, 256, 512};
  Weights w = random_index_weights(s, 2, 1);
  EXPECT_TRUE(IndexModel::load(w).ok());
  w.tensors["index.predict.weight"].fill_(-127);
  EXPECT_FALSE(IndexModel::load(w).ok());
}

}  // namespace
}  // namespace tessera::models
