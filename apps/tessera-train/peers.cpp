#include "apps/tessera-train/peers.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#ifdef TESSERA_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/cuda/nccl.h>
#endif

namespace tessera::train {
namespace {

constexpr std::chrono::minutes kPatience{10};
constexpr size_t kPiece = size_t{4} << 20;  // the store refuses values above 8 MiB

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != 0 ? value : nullptr;
}

int64_t number_of(const char* name, int64_t least, int64_t most) {
  const char* text = variable(name);
  if (text == nullptr) throw std::runtime_error(std::string(name) + " is not set, but WORLD_SIZE is");
  char* end = nullptr;
  const long long value = std::strtoll(text, &end, 10);
  if (*end != 0 || value < least || value > most) {
    throw std::runtime_error(std::string(name) + "=" + text + ": a number from " + std::to_string(least) + " to " + std::to_string(most) + " is expected");
  }
  return value;
}

std::vector<uint8_t> bytes_of(const void* data, size_t size) {
  const auto* begin = static_cast<const uint8_t*>(data);
  return {begin, begin + size};
}

}  // namespace

at::Device training_device(bool cuda) {
  if (!cuda) return at::Device(at::kCPU);
  const int64_t index = variable("WORLD_SIZE") != nullptr && variable("LOCAL_RANK") != nullptr ? number_of("LOCAL_RANK", 0, 63) : 0;
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

struct Peers::Links {
  c10::intrusive_ptr<c10d::TCPStore> store;
  bool left = false;
  int64_t turn = 0;                // keys are used once
  std::vector<std::string> unread;  // this process's keys, which the others may still have to read
#ifdef TESSERA_WITH_CUDA
  torch::cuda::nccl::ncclComm_t communicator = nullptr;
#endif

  std::string key(const char* what, int64_t turn_of, int64_t rank) const {
    return std::string("tessera/") + what + "/" + std::to_string(turn_of) + "/" + std::to_string(rank);
  }
  std::vector<uint8_t> wait_for(const std::string& name, size_t size) {
    std::vector<uint8_t> bytes = store->get(name);
    if (bytes.size() != size) throw std::runtime_error("the processes of the training run do not agree: they must be given the same recipe and options");
    return bytes;
  }
  // A tensor on the CPU, in pieces.
  void put(const std::string& name, const at::Tensor& values) {
    const auto* data = static_cast<const uint8_t*>(values.const_data_ptr());
    for (size_t at = 0; at < values.nbytes(); at += kPiece) {
      unread.push_back(name + "/" + std::to_string(at));
      store->set(unread.back(), bytes_of(data + at, std::min(kPiece, values.nbytes() - at)));
    }
  }
  void get(const std::string& name, at::Tensor& values) {
    auto* data = static_cast<uint8_t*>(values.mutable_data_ptr());
    for (size_t at = 0; at < values.nbytes(); at += kPiece) {
      const std::vector<uint8_t> piece = wait_for(name + "/" + std::to_string(at), std::min(kPiece, values.nbytes() - at));
      std::memcpy(data + at, piece.data(), piece.size());
    }
  }
};

Peers::Peers() = default;
Peers::~Peers() = default;

std::shared_ptr<Peers> Peers::of_environment(bool cuda) {
  if (variable("WORLD_SIZE") == nullptr) return std::make_shared<Peers>();
  const int64_t size = number_of("WORLD_SIZE", 1, 4096), rank = number_of("RANK", 0, size - 1);
  if (size == 1) return std::make_shared<Peers>();
  const char* host = variable("MASTER_ADDR");
  if (host == nullptr) throw std::runtime_error("MASTER_ADDR is not set, but WORLD_SIZE is");
  const char* agent = variable("TORCHELASTIC_USE_AGENT_STORE");  // torchrun keeps a store of its own at that port
  return meet(rank, size, host, static_cast<uint16_t>(number_of("MASTER_PORT", 1, 65535)), cuda, agent == nullptr || std::strcmp(agent, "True") != 0);
}

std::shared_ptr<Peers> Peers::meet(int64_t rank, int64_t size, const std::string& host, uint16_t port, bool cuda, bool serves) {
  auto peers = std::make_shared<Peers>();
  peers->rank_ = rank;
  peers->size_ = size;
  peers->links_ = std::make_unique<Links>();
  Links& links = *peers->links_;
  c10d::TCPStoreOptions options;
  options.port = port;
  options.isServer = rank == 0 && serves;
  options.timeout = kPatience;
  try {
    links.store = c10::make_intrusive<c10d::TCPStore>(host, options);
#ifdef TESSERA_WITH_CUDA
    if (cuda) {
      c10::cuda::set_device(training_device(true).index());
      torch::cuda::nccl::ncclUniqueId id{};
      if (rank == 0) {
        torch::cuda::nccl::get_unique_id(id);
        links.store->set("tessera/nccl", bytes_of(&id, sizeof id));
      } else {
        const std::vector<uint8_t> bytes = links.wait_for("tessera/nccl", sizeof id);
        std::memcpy(&id, bytes.data(), sizeof id);
      }
      links.communicator = torch::cuda::nccl::comm_init_rank(static_cast<int>(size), id, static_cast<int>(rank));
    }
#else
    static_cast<void>(cuda);
#endif
  } catch (const std::exception& e) {  // c10d's own are no c10::Error
    const std::string text = e.what();
    throw std::runtime_error("the processes of the training run do not meet: " + text.substr(0, text.find('\n')));
  }
  return peers;
}

void Peers::mean(at::Tensor& values) {
  if (size_ == 1) return;
  TORCH_CHECK(values.is_contiguous() && values.scalar_type() == at::kFloat);
#ifdef TESSERA_WITH_CUDA
  if (values.is_cuda()) {
    std::vector<at::Tensor> out = {values};
    torch::cuda::nccl::all_reduce({values}, out, static_cast<int32_t>(torch::cuda::nccl::ncclRedOp::Sum), {}, {links_->communicator});
    values.div_(static_cast<double>(size_));
    return;
  }
#endif
  // In the order of the ranks, so that all get the same sum.
  const int64_t turn = links_->turn++;
  std::vector<std::string> before = std::move(links_->unread);
  links_->unread.clear();
  links_->put(links_->key("part", turn, rank_), values);
  at::Tensor sum = at::zeros_like(values), part = at::empty_like(values);
  for (int64_t r = 0; r < size_; ++r) {
    links_->get(links_->key("part", turn, r), part);
    sum.add_(part);
  }
  values.copy_(sum.div_(static_cast<double>(size_)));
  // Whoever has given a part to this mean has read everything before it.
  for (const std::string& key : before) links_->store->deleteKey(key);
}

void Peers::share(at::Tensor& values) {
  if (size_ == 1) return;
  TORCH_CHECK(values.is_contiguous() && values.scalar_type() == at::kFloat);
#ifdef TESSERA_WITH_CUDA
  if (values.is_cuda()) {  // a sum to which only the first adds
    if (!first()) values.zero_();
    std::vector<at::Tensor> out = {values};
    torch::cuda::nccl::all_reduce({values}, out, static_cast<int32_t>(torch::cuda::nccl::ncclRedOp::Sum), {}, {links_->communicator});
    return;
  }
#endif
  const std::string key = links_->key("shared", links_->turn++, 0);
  if (first()) {
    links_->put(key, values);
  } else {
    links_->get(key, values);
  }
}

double Peers::share(double value) {
  if (size_ == 1) return value;
  at::Tensor t = at::zeros({2});  // a double in the place of two floats
  std::memcpy(t.mutable_data_ptr(), &value, sizeof value);
  share(t);
  std::memcpy(&value, t.const_data_ptr(), sizeof value);
  return value;
}

void Peers::leave() {
  if (size_ == 1 || links_->left) return;
  links_->left = true;
  const char yes = 1;
  if (!first()) links_->store->set(links_->key("left", 0, rank_), bytes_of(&yes, 1));
  for (int64_t r = 1; first() && r < size_; ++r) links_->wait_for(links_->key("left", 0, r), 1);
}

}  // namespace tessera::train
