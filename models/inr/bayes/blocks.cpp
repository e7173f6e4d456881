#include "models/inr/bayes/blocks.h"

#include <stdexcept>

namespace tessera::models::inr::bayes {

size_t coded_latents(const Prior& prior, const Layout& layout, int quality, bool grey) {
  size_t count = 0;
  for (int64_t i = 0; i < layout.total(); ++i) count += prior.share(quality, layout.class_of(i), grey) > 0;
  return count;
}

Order order_of(const Prior& prior, const Layout& layout, int quality, bool grey, uint8_t seed, size_t blocks) {
  Order order;
  std::vector<bool> early;
  for (int64_t i = 0; i < layout.total(); ++i) {
    const int c = layout.class_of(i);
    if (prior.share(quality, c, grey) == 0) continue;
    order.latents.push_back(static_cast<uint32_t>(i));
    early.push_back(is_scale_or_weight(prior.geometry, c));
  }
  if (blocks > order.latents.size()) throw std::runtime_error("the stream has more blocks than latents");
  if (blocks == 0) return order;
  shuffle(order.latents, early, seed);
  std::vector<uint32_t> shares;
  for (const uint32_t i : order.latents) shares.push_back(prior.share(quality, layout.class_of(i), grey));
  order.ends = partition(shares, static_cast<uint32_t>(blocks));
  return order;
}

std::vector<int16_t> decode_blocks(const Prior& prior, const Layout& layout, int quality, bool grey, const Blocks& blocks) {
  const Order order = order_of(prior, layout, quality, grey, blocks.seed, blocks.indices.size());
  std::vector<int16_t> latents(static_cast<size_t>(layout.total())), values;
  uint32_t begin = 0;
  for (size_t b = 0; b < blocks.indices.size(); ++b) {
    values.resize(order.ends[b] - begin);
    candidate(static_cast<uint32_t>(b), blocks.indices[b], values);
    for (size_t i = 0; i < values.size(); ++i) latents[order.latents[begin + i]] = values[i];
    begin = order.ends[b];
  }
  return latents;
}

}  // namespace tessera::models::inr::bayes
