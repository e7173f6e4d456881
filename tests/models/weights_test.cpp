// Weights files: what goes in comes out.
#include "models/weights.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/models/temporary_file.h"
#include "tests/models/tensors.h"
#include "tests/models/weights_file.h"

namespace tessera::models {
namespace {

using test::same;
using test::TemporaryFile;

std::map<std::string, at::Tensor> every_type() {
  std::map<std::string, at::Tensor> tensors;
  for (const at::ScalarType type :
       {at::kFloat, at::kHalf, at::kChar, at::kByte, at::kShort, at::kInt, at::kLong}) {
    tensors[std::string("values.") + at::toString(type)] = at::arange(0, 30, type).reshape({2, 3, 5});
  }
  tensors["scalar"] = at::full({}, -7, at::kInt);
  tensors["none"] = at::empty({0, 4}, at::kFloat);
  tensors["one"] = at::full({1}, 0.5, at::kHalf);
  tensors["name with \"quotes\", \\ and \u00e9"] = at::full({1, 1, 1, 1, 1, 1, 1, 1}, -128, at::kChar);
  tensors["extremes"] = at::tensor(std::vector<float>{-0.f, 1e-45f, 3.4e38f, -3.4e38f});
  return tensors;
}

TEST(Weights, RoundTrip) {
  const TemporaryFile file;
  const auto tensors = every_type();
  const std::map<std::string, std::string> metadata = {
      {"model", "still"}, {"revision", "3"}, {"config", R"({"a":1})"}, {"training", "line\nline \u00e9"}};
  const uint64_t hash = save_weights(file.path(), tensors, metadata);
  const Weights w = load_weights(file.path());
  EXPECT_EQ(w.hash, hash);
  EXPECT_EQ(w.file_bytes, file.read().size());
  ASSERT_EQ(w.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& loaded = w.get(name, tensor.scalar_type(), tensor.sizes());
    EXPECT_TRUE(same(loaded, tensor)) << name;
  }
  for (const auto& [key, value] : metadata) EXPECT_EQ(w.metadata.at(key), value);
  EXPECT_EQ(w.metadata.size(), metadata.size() + 1);
  EXPECT_EQ(read_weights_metadata(file.path()), w.metadata);
}

// The same content gives the same file: the hash is the model's identity.
TEST(Weights, AreReproducible) {
  const TemporaryFile a, b;
  EXPECT_EQ(save_weights(a.path(), every_type(), {{"model", "m"}}),
            save_weights(b.path(), every_type(), {{"model", "m"}}));
  EXPECT_EQ(a.read(), b.read());
  // A checksum that the caller passes along from a loaded file is not taken over.
  const Weights w = load_weights(a.path());
  save_weights(b.path(), w.tensors, w.metadata);
  EXPECT_EQ(a.read(), b.read());
}

TEST(Weights, StoreViewsAndLaterTensorsDense) {
  const TemporaryFile file;
  const at::Tensor whole = at::arange(24, at::kFloat).reshape({4, 6});
  save_weights(file.path(), {{"columns", whole.t()}, {"part", whole.narrow(1, 2, 3)}}, {});
  const Weights w = load_weights(file.path());
  EXPECT_TRUE(same(w.get("columns", at::kFloat, {6, 4}), whole.t()));
  EXPECT_TRUE(same(w.get("part", at::kFloat, {4, 3}), whole.narrow(1, 2, 3)));
}

TEST(Weights, AFileWithoutTensorsIsFine) {
  const TemporaryFile file;
  save_weights(file.path(), {}, {{"model", "m"}});
  EXPECT_TRUE(load_weights(file.path()).tensors.empty());
}

TEST(Weights, GetRefusesWhatIsNotThere) {
  const TemporaryFile file;
  save_weights(file.path(), {{"a", at::zeros({2, 3})}}, {});
  const Weights w = load_weights(file.path());
  EXPECT_NO_THROW(w.get("a", at::kFloat, {2, 3}));
  EXPECT_THROW(w.get("b", at::kFloat, {2, 3}), std::runtime_error);
  EXPECT_THROW(w.get("a", at::kInt, {2, 3}), std::runtime_error);
  EXPECT_THROW(w.get("a", at::kFloat, {3, 2}), std::runtime_error);
  EXPECT_THROW(w.get("a", at::kFloat, {6}), std::runtime_error);
}

TEST(Weights, RefuseUnknownTypesWhenSaving) {
  const TemporaryFile file;
  EXPECT_THROW(save_weights(file.path(), {{"a", at::zeros({2}, at::kDouble)}}, {}), std::logic_error);
  EXPECT_FALSE(std::filesystem::exists(file.path()));
}

TEST(Weights, SaveLeavesNoTemporaryFile) {
  const TemporaryFile file;
  save_weights(file.path(), every_type(), {});
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(file.path()).parent_path())) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 1);
}

TEST(Weights, MissingFilesAndFoldersAreErrors) {
  const TemporaryFile file;
  const std::string folder = std::filesystem::path(file.path()).parent_path();
  for (const std::string& path : {file.path(), folder, folder + "/no/such/folder", std::string()}) {
    EXPECT_THROW(load_weights(path), std::runtime_error) << path;
    EXPECT_THROW(read_weights_metadata(path), std::runtime_error) << path;
    EXPECT_THROW(save_weights(path.empty()          ? "/"
                              : path == file.path() ? folder
                                                    : path,
                              {}, {}),
                 std::runtime_error)
        << path;
  }
}

// Tensors of the pixel path may be stored in three ways.
TEST(Weights, RealValuesInThreeForms) {
  at::manual_seed(1);
  const TemporaryFile file;
  const at::Tensor value = at::randn({2, 3, 5, 8});
  std::map<std::string, at::Tensor> tensors = {{"wide", value}, {"half", value.to(at::kHalf)}, {"bytes", value.to(at::kHalf)}, {"zero", at::zeros({4, 8}, at::kHalf)}};
  store_as_int8(tensors, "bytes");
  store_as_int8(tensors, "zero");
  EXPECT_EQ(tensors.at("bytes").scalar_type(), at::kChar);
  EXPECT_EQ(tensors.at("bytes.scale").sizes(), (std::vector<int64_t>{30}));
  save_weights(file.path(), tensors, {});
  const Weights w = load_weights(file.path());
  EXPECT_TRUE(w.real("wide", {2, 3, 5, 8}).equal(value));
  EXPECT_LT((w.real("half", {2, 3, 5, 8}) - value).abs().max().item<double>(), 2e-3);
  EXPECT_LT((w.real("bytes", {2, 3, 5, 8}) - value).abs().max().item<double>(), 3.5 / 127 / 2 * 1.1);
  EXPECT_EQ(w.real("zero", {4, 8}).abs().max().item<double>(), 0);
  EXPECT_THROW(w.real("bytes", {2, 3, 8, 5}), std::runtime_error);
  EXPECT_THROW(w.real("none", {1}), std::runtime_error);
}

TEST(Weights, RealValuesAreFiniteAndComeWithTheirScales) {
  const TemporaryFile file;
  std::map<std::string, at::Tensor> tensors = {{"a", at::ones({4, 8}, at::kHalf)}};
  store_as_int8(tensors, "a");
  Weights w{tensors, {}};
  w.tensors["a.scale"] = at::full({4}, std::numeric_limits<float>::infinity()).to(at::kHalf);
  EXPECT_THROW(w.real("a", {4, 8}), std::runtime_error);
  w.tensors["a.scale"] = at::ones({3}, at::kHalf);
  EXPECT_THROW(w.real("a", {4, 8}), std::runtime_error);
  w.tensors.erase("a.scale");
  EXPECT_THROW(w.real("a", {4, 8}), std::runtime_error);
}

// The tests' own writer follows the description in weights.h: a forged file without fault is taken.
TEST(Weights, ForgedFileIsValid) {
  const TemporaryFile file;
  file.write(test::forged_file(
      R"("a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[1],"data_offsets":[4,5]})",
      "12345"));
  const Weights w = load_weights(file.path());
  EXPECT_EQ(w.get("a", at::kByte, {2, 2})[1][1].item<int>(), '4');
  EXPECT_EQ(w.get("b", at::kChar, {1}).item<int>(), '5');
}

}  // namespace
}  // namespace tessera::models
