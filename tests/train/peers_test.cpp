// Data-parallel training, with threads in the place of processes: averages, one process's values for all, and a run of two.
#include "apps/tessera-train/peers.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "apps/tessera-train/optimizer.h"
#include "apps/tessera-train/still_trainer.h"
#include "models/still_model.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_still.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

void in_parallel(int64_t size, const std::function<void(std::shared_ptr<Peers>)>& work) {
  const uint16_t port = test::free_port();
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const auto peers = Peers::meet(rank, size, "127.0.0.1", port, false);
      work(peers);
      peers->leave();
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST(Peers, MeanAndShare) {
  in_parallel(3, [](const std::shared_ptr<Peers>& peers) {
    for (int turn = 0; turn < 5; ++turn) {
      at::Tensor v = at::tensor({1.0f, 2.0f}) * static_cast<double>(peers->rank() + turn);
      peers->mean(v);
      EXPECT_TRUE(at::allclose(v, at::tensor({1.0f, 2.0f}) * (1.0 + turn)));
      at::Tensor s = at::full({4}, static_cast<double>(peers->rank() + 7));
      peers->share(s);
      EXPECT_TRUE(at::equal(s, at::full({4}, 7.0)));
      EXPECT_EQ(peers->share(0.1 * static_cast<double>(peers->rank() + 1)), 0.1);
    }
  });
}

// More than the store takes at once.
TEST(Peers, LargeTensors) {
  in_parallel(2, [](const std::shared_ptr<Peers>& peers) {
    at::Tensor v = at::arange(5'000'000, at::kFloat) * static_cast<double>(1 + 2 * peers->rank());
    peers->mean(v);
    EXPECT_TRUE(at::equal(v, at::arange(5'000'000, at::kFloat) * 2));
    peers->share(v);
    EXPECT_TRUE(at::equal(v, at::arange(5'000'000, at::kFloat) * 2));
  });
}

TEST(Peers, WhoIsAloneChangesNothing) {
  Peers alone;
  EXPECT_EQ(alone.size(), 1);
  EXPECT_TRUE(alone.first());
  at::Tensor v = at::ones({3}) * 5;
  alone.mean(v);
  alone.share(v);
  alone.leave();
  EXPECT_TRUE(at::equal(v, at::full({3}, 5.0)));
  EXPECT_EQ(alone.share(2.5), 2.5);
}

TEST(Peers, DisagreementIsSaid) {
  in_parallel(2, [](const std::shared_ptr<Peers>& peers) {
    at::Tensor v = at::zeros({peers->rank() + 1});
    EXPECT_THROW(peers->mean(v), std::runtime_error);
  });
}

TEST(Peers, TheEnvironmentIsChecked) {
  const auto set = [](const char* name, const char* value) { value != nullptr ? setenv(name, value, 1) : unsetenv(name); };
  set("WORLD_SIZE", "1");
  set("RANK", "0");
  EXPECT_EQ(Peers::of_environment(false)->size(), 1);
  for (const auto& [size, rank] : std::vector<std::pair<const char*, const char*>>{{"2", "2"}, {"2", "-1"}, {"x", "0"}, {"2", nullptr}, {"0", "0"}}) {
    set("WORLD_SIZE", size);
    set("RANK", rank);
    EXPECT_THROW(Peers::of_environment(false), std::runtime_error) << size;
  }
  set("RANK", "0");
  set("WORLD_SIZE", "2");
  EXPECT_THROW(Peers::of_environment(false), std::runtime_error);  // no address
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", "70000");
  EXPECT_THROW(Peers::of_environment(false), std::runtime_error);
  for (const char* name : {"WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"}) set(name, nullptr);
  EXPECT_EQ(Peers::of_environment(false)->size(), 1);
}

// Two processes with a gradient each step as one with their mean does.
TEST(Peers, OptimizerStepsByTheMean) {
  const auto gradient_of = [](int64_t rank, int64_t n) { return at::arange(n, at::kFloat).mul(0.37 + static_cast<double>(rank)).sin(); };
  const auto trained = [&](const std::shared_ptr<Peers>& peers, const std::function<at::Tensor(int64_t)>& gradient) {
    models::Still network(models::test::tiny_config());
    const at::NoGradGuard no_grad;
    FlatParams flat(network.params(), at::kCPU);
    flat.master.copy_(at::arange(flat.size(), at::kFloat).cos() * 0.1);
    flat.bind_training(at::kFloat);
    Optimizer optimizer(flat, {}, peers);
    optimizer.rate.fill_(1e-2);
    for (int i = 0; i < 3; ++i) optimizer.step(gradient(flat.size()));
    return flat.master.clone();
  };
  const at::Tensor one = trained(std::make_shared<Peers>(), [&](int64_t n) { return (gradient_of(0, n) + gradient_of(1, n)) / 2; });
  in_parallel(2, [&](const std::shared_ptr<Peers>& peers) {
    const at::Tensor mine = trained(peers, [&](int64_t n) { return gradient_of(peers->rank(), n); });
    EXPECT_TRUE(at::allclose(mine, one, 1e-4, 1e-5));
  });
}

TEST(Peers, ARunOfTwo) {
  const tessera::test::TemporaryFolder folder;
  test::write_picture_pack(folder.path("a.tspk"));
  in_parallel(2, [&](const std::shared_ptr<Peers>& peers) {
    RunOptions options;
    options.data = options.eval = folder.path("a.tspk");
    options.out = folder.path("out" + std::to_string(peers->rank()));
    options.name = "still-tiny";
    options.log_every = 2;
    options.max_steps = 6;
    options.peers = peers;
    StillRecipe recipe;
    recipe.config = models::test::tiny_config();
    recipe.optimizer.warmup_steps = 2;
    StillPhase p;
    p.crop = 64;
    p.batch = 1;
    p.rate_begin = p.rate_end = 3e-3;
    recipe.phases = {p};
    EXPECT_EQ(train_still(recipe, options), 0);  // leaves
  });
  const std::string log = test::text_of(folder.path("out0/log.txt"));
  EXPECT_NE(log.find("processes 2"), std::string::npos);
  EXPECT_NE(log.find("saved at step 6"), std::string::npos);
  EXPECT_NE(log.find("eval exact quality 63"), std::string::npos);
  EXPECT_GT(test::value_at(log, 6, "loss"), 0);
  EXPECT_NE(models::load_still(folder.path("out0/weights.safetensors"))->training.find("\"processes\":2"), std::string::npos);
  EXPECT_FALSE(test::exists(folder.path("out1")));  // the first one's files are all there is
}

}  // namespace
}  // namespace tessera::train
