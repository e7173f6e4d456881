#include "codec/still_tile.h"

#include <c10/core/InferenceMode.h>

#include <bit>

#include "bitstream/checks.h"
#include "bitstream/crc.h"
#include "codec/guard.h"
#include "codec/refine.h"
#include "codec/stopwatch.h"
#include "entropy/rans.h"

namespace tessera {
namespace {

static_assert(std::endian::native == std::endian::little, "checksums are defined over little-endian integers");

at::Tensor quality_tensor(int quality, Device device) {
  return at::full({1, 1, 1, 1}, quality / static_cast<double>(models::kQualities - 1), at::TensorOptions().dtype(at::kFloat).device(torch_device(device)));
}

std::span<const uint8_t> raw(const at::Tensor& t) {
  return {static_cast<const uint8_t*>(t.const_data_ptr()), static_cast<size_t>(t.numel()) * t.element_size()};
}
std::span<const int32_t> integers(const at::Tensor& t) { return {t.const_data_ptr<int32_t>(), static_cast<size_t>(t.numel())}; }
std::span<int32_t> integers(at::Tensor& t) { return {t.data_ptr<int32_t>(), static_cast<size_t>(t.numel())}; }
std::span<const uint8_t> rows_of(const at::Tensor& t) { return {t.const_data_ptr<uint8_t>(), static_cast<size_t>(t.numel())}; }

uint32_t checksum_of(const at::Tensor& z, const at::Tensor& y) { return !kChecks ? 0 : bitstream::crc32c(raw(y), bitstream::crc32c(raw(z))); }

// A row for every hyperlatent: the channel's.
std::vector<uint8_t> hyper_rows(const models::StillModel& model, int quality, int64_t positions) {
  const std::vector<uint8_t> one = model.network.hyper_rows(quality);
  std::vector<uint8_t> all;
  all.reserve(one.size() * static_cast<size_t>(positions));
  for (int64_t i = 0; i < positions; ++i) all.insert(all.end(), one.begin(), one.end());
  return all;
}

std::vector<uint8_t> code(const entropy::CdfTable& table, const at::Tensor& symbols, std::span<const uint8_t> rows, size_t coded) {
  bitstream::Latents content;
  content.lanes = static_cast<uint32_t>(entropy::lanes_for(coded));
  std::vector<uint8_t> bytes;
  entropy::encode(table, integers(symbols), rows, static_cast<int>(content.lanes), bytes);
  content.coded = bytes;
  return bitstream::latents_content(content);
}

void decode(const entropy::CdfTable& table, const bitstream::Section& section, std::span<const uint8_t> rows, at::Tensor& symbols) {
  const Result<bitstream::Latents> content = bitstream::read_latents(section.content);
  if (!content.ok()) throw Failure{content.status()};
  const char* name = bitstream::section_name(section.tag);
  switch (entropy::decode(table, content->coded, rows, static_cast<int>(content->lanes), integers(symbols))) {
    case entropy::DecodeError::none:
      return;
    case entropy::DecodeError::truncated:
      throw Failure{{ErrorCode::corrupt, std::string("the ") + name + " end too early"}};
    case entropy::DecodeError::corrupt:
      throw Failure{{ErrorCode::corrupt, std::string("the ") + name + " are damaged"}};
  }
}

}  // namespace

at::Device torch_device(Device device) { return device == Device::cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU); }

TileResult encode_tile(const models::StillModel& model, const at::Tensor& x, int quality, Device device, int refine, Report& report) {
  const c10::InferenceMode inference;
  const models::Still& net = model.network;
  TileResult out;
  at::Tensor z_symbols, y_symbols, rows;
  {
    const Stopwatch watch(report.seconds_network);
    const at::Tensor q = quality_tensor(quality, device);
    auto [y, z] = net.analysis(x, q);
    const at::Tensor z_hat = at::nan_to_num(at::floor(z + 0.5), 0.0);
    const models::Still::Hyper hyper = net.hyper_synthesis(z_hat, quality);
    const at::Tensor coded = hyper.index.ge(model.latent_table.skip_below());
    if (refine > 0) {
      y = refine_latents(net, x, y, hyper.feature, hyper.index, coded, quality / static_cast<double>(models::kQualities - 1), refine);
    }
    at::Tensor symbols;
    net.run_context(hyper.feature, q, [&, &latents = y](int step, const at::Tensor& mean) {
      // Whatever weights of strangers make of a picture, what is coded are numbers.
      const at::Tensor r = at::nan_to_num(at::floor(latents - mean + 0.5), 0.0).clamp(-kLatentMax, kLatentMax) * coded;
      const at::Tensor part = net.masked(step, r);
      symbols = step == 0 ? part : symbols + part;
      return r + mean;
    });
    z_symbols = z_hat.to(at::kInt).cpu().contiguous();
    y_symbols = symbols.to(at::kInt).cpu().contiguous();
    rows = hyper.index.to(at::kByte).cpu().contiguous();
  }
  const Stopwatch watch(report.seconds_entropy);
  size_t coded = 0;
  for (const uint8_t row : rows_of(rows)) coded += row >= model.latent_table.skip_below();
  report.symbols_coded += coded + static_cast<size_t>(z_symbols.numel());
  report.symbols_skipped += static_cast<size_t>(rows.numel()) - coded;
  const std::vector<uint8_t> z_rows = hyper_rows(model, quality, z_symbols.size(1) * z_symbols.size(2));
  out.hyperlatents = code(model.hyper_table, z_symbols, z_rows, z_rows.size());
  out.latents = code(model.latent_table, y_symbols, rows_of(rows), coded);
  out.checksum = checksum_of(z_symbols, y_symbols);
  return out;
}

TileSymbols decode_symbols(const models::StillModel& model, int64_t height, int64_t width, std::span<const bitstream::Section> sections, int quality,
                           Device device, Report& report) {
  const c10::InferenceMode inference;
  const models::Still& net = model.network;
  const bitstream::Section* hyper_section = bitstream::find_section(sections, bitstream::SectionTag::hyperlatents);
  const bitstream::Section* latent_section = bitstream::find_section(sections, bitstream::SectionTag::latents);
  if (hyper_section == nullptr || latent_section == nullptr) throw Failure{{ErrorCode::corrupt, "a packet lacks its latents"}};
  const int64_t zh = height / 64, zw = width / 64;
  TileSymbols out;
  at::Tensor z = at::empty({1, zh, zw, net.config().hyperlatents}, at::kInt);
  {
    const Stopwatch watch(report.seconds_entropy);
    decode(model.hyper_table, *hyper_section, hyper_rows(model, quality, zh * zw), z);
  }
  if (kChecks && z.abs().max().item<int32_t>() > models::Still::kHyperMax) throw Failure{{ErrorCode::corrupt, "a hyperlatent is out of range"}};
  at::Tensor rows;
  {
    const Stopwatch watch(report.seconds_network);
    const models::Still::Hyper hyper = net.hyper_synthesis(z.to(at::kFloat).to(torch_device(device)), quality);
    out.feature = hyper.feature;
    rows = hyper.index.to(at::kByte).cpu().contiguous();
  }
  {
    const Stopwatch watch(report.seconds_entropy);
    at::Tensor y = at::empty({1, height / 16, width / 16, net.config().latents}, at::kInt);
    decode(model.latent_table, *latent_section, rows_of(rows), y);
    out.latents = y;
    out.checksum = checksum_of(z, y);
    for (const uint8_t row : rows_of(rows)) ++(row >= model.latent_table.skip_below() ? report.symbols_coded : report.symbols_skipped);
    report.symbols_coded += static_cast<size_t>(z.numel());
  }
  if (const bitstream::Section* s = bitstream::find_section(sections, bitstream::SectionTag::checksum)) {
    const Result<bitstream::SymbolChecksum> stored = bitstream::read_checksum(s->content);
    if (!stored.ok()) throw Failure{stored.status()};
    if (kChecks && !stored->matches(out.checksum)) throw Failure{{ErrorCode::corrupt, "the decoded symbols do not match their checksum"}};
  }
  return out;
}

at::Tensor synthesise_tile(const models::StillModel& model, const TileSymbols& symbols, int quality, Device device, Report& report) {
  const c10::InferenceMode inference;
  const Stopwatch watch(report.seconds_network);
  const at::Tensor q = quality_tensor(quality, device);
  const at::Tensor residual = symbols.latents.to(torch_device(device)).to(at::kFloat);
  const at::Tensor y = model.network.run_context(symbols.feature, q, [&](int, const at::Tensor& mean) { return residual + mean; });
  return model.network.synthesis(y, q);
}

}  // namespace tessera
