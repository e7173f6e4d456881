#include <algorithm>
#include <thread>

#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/alpha.h"
#include "codec/bayes_encode.h"
#include "codec/catalogue.h"
#include "codec/guard.h"
#include "codec/overfit_encode.h"
#include "codec/still_tile.h"
#include "codec/tiling.h"
#include "models/parallel.h"
#include "models/time_limit.h"

namespace tessera {

struct ImageDecoder::Impl {
  DecoderOptions options;

  // image == nullptr: symbols only.
  Status run(std::span<const uint8_t> stream, Image* image, Report& report) const;
};

ImageDecoder::ImageDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageDecoder::ImageDecoder(ImageDecoder&&) noexcept = default;
ImageDecoder& ImageDecoder::operator=(ImageDecoder&&) noexcept = default;
ImageDecoder::~ImageDecoder() = default;

Result<ImageDecoder> ImageDecoder::create(DecoderOptions options) {
  if (options.device == Device::cuda) {
    std::string why;
    if (!cuda_available(&why)) return {ErrorCode::device, "CUDA is not available: " + why};
  }
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  return ImageDecoder(std::move(impl));
}

Status ImageDecoder::Impl::run(std::span<const uint8_t> stream, Image* image, Report& report) const {
  const models::TimeLimit time(models::end_after(options.limits.max_seconds));
  bitstream::Limits limits;
  limits.max_pixels = options.limits.max_pixels;
  limits.max_dimension = options.limits.max_dimension;
  limits.max_metadata = options.limits.max_metadata;
  const Result<bitstream::ParsedFile> parsed = bitstream::parse_file(stream, limits);
  if (!parsed.ok()) return parsed.status();
  const bitstream::FileHeader& h = parsed->header;
  if (h.kind != bitstream::MediaKind::image) {
    return {ErrorCode::unsupported, std::string("the stream holds ") + bitstream::media_name(h.kind) + ", not a still image"};
  }
  const bitstream::PictureInfo& p = h.picture;
  const bool overfit = h.model_name == kOverfit;
  if (overfit && (h.model_revision != kOverfitRevision || h.model_hash != 0)) {
    return {ErrorCode::unsupported, "the stream needs revision " + std::to_string(h.model_revision) + " of the overfitted networks"};
  }
  const bool bayes = h.model_name == kBayes;
  if (bayes) {
    TESSERA_RETURN_IF_ERROR(check_bayes_size(p.width, p.height));
    if (p.tile != 0) return {ErrorCode::corrupt, "the model bayes knows no tiles"};
  }
  const uint64_t memory = predicted_memory(p, overfit ? kOverfitMemory : bayes ? kBayesMemory : kStillMemory);
  if (memory > options.limits.max_memory) {
    return {ErrorCode::limit, "decoding would take about " + std::to_string(memory >> 20) + " MiB of memory, more than the limit of " +
                                  std::to_string(options.limits.max_memory >> 20) + " MiB"};
  }
  const uint64_t tiles = bitstream::tile_count(p);
  if (parsed->packets.size() != tiles) return {ErrorCode::corrupt, "the stream's packets do not match its tiles"};
  models::set_threads(options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  std::shared_ptr<models::StillModel> model;
  std::shared_ptr<const models::inr::bayes::Prior> prior;
  if (bayes) prior = find_prior(weights_folder(options.weights_dir), h.model_name, h.model_hash);
  if (!overfit && !bayes) model = find_model(weights_folder(options.weights_dir), h.model_name, h.model_hash, options.device);
  if (image != nullptr) {
    image->width = p.width;
    image->height = p.height;
    image->channels = p.channels;
    image->bit_depth = p.bit_depth;
    image->metadata.colour = {p.colour.primaries, p.colour.transfer, p.colour.matrix, p.colour.full_range};
    image->metadata.icc.assign(parsed->icc.begin(), parsed->icc.end());
    image->metadata.exif.assign(parsed->exif.begin(), parsed->exif.end());
    image->metadata.xmp.assign(parsed->xmp.begin(), parsed->xmp.end());
    image->data.resize(image->stride() * p.height);
  }
  std::vector<uint8_t> checksums;
  for (uint64_t i = 0; i < tiles; ++i) {
    models::check_time();
    const Area area = tile_area(p, i);
    const bitstream::PacketView& view = parsed->packets[i];
    const auto sections = bitstream::read_sections(view.packet.payload, view.offset);
    if (!sections.ok()) return sections.status();
    uint32_t checksum = 0;
    std::function<at::Tensor()> synthesise;
    if (overfit) {
      const auto tile = std::make_shared<OverfitTile>(read_overfit(*sections, area.height, area.width, outputs_of(p.channels), report));
      checksum = tile->checksum;
      synthesise = [tile, area, &report] { return synthesise_overfit(*tile, area.height, area.width, report); };
    } else if (bayes) {
      const int quality = view.packet.quality.value_or(h.quality);
      const models::inr::bayes::Layout layout(prior->geometry, area.height, area.width);
      const auto latents = std::make_shared<BayesLatents>(read_bayes(*prior, layout, quality, outputs_of(p.channels) == 1, *sections, report));
      checksum = latents->checksum;
      synthesise = [&prior, latents, layout, quality, &report] { return synthesise_bayes(*prior, layout, *latents, quality, report); };
    } else {
      const int quality = view.packet.quality.value_or(h.quality);
      const int64_t height = (area.height + 63) / 64 * 64, width = (area.width + 63) / 64 * 64;
      const TileSymbols symbols = decode_symbols(*model, height, width, *sections, quality, options.device, report);
      checksum = symbols.checksum;
      synthesise = [this, &model, symbols, quality, &report] { return synthesise_tile(*model, symbols, quality, options.device, report); };
    }
    for (int b = 0; b < 4; ++b) checksums.push_back(static_cast<uint8_t>(checksum >> (8 * b)));
    report.symbol_checksum = tiles == 1 ? checksum : bitstream::crc32c(checksums);
    const bitstream::Section* alpha_section = bitstream::find_section(*sections, bitstream::SectionTag::alpha);
    if (has_alpha(p.channels) != (alpha_section != nullptr)) return {ErrorCode::corrupt, "alpha is missing, or there where it should not be"};
    std::optional<std::vector<int32_t>> alpha;
    if (alpha_section != nullptr) {
      alpha = decode_alpha(alpha_section->content, area.width, area.height, p.bit_depth);
      if (!alpha) return {ErrorCode::corrupt, "the alpha plane is damaged"};
    }
    if (image != nullptr) {
      from_tensor(synthesise(), area, *image);
      if (alpha) write_alpha(*alpha, area, *image);
    }
    if (options.progress && !options.progress(static_cast<double>(i + 1) / static_cast<double>(tiles))) return {ErrorCode::cancelled, "cancelled"};
  }
  models::check_time();
  report.quality = h.quality;
  return {};
}

Result<Image> ImageDecoder::decode(std::span<const uint8_t> stream, Report* report) {
  Image image;
  Report r;
  const Status status = guarded(impl_->options.device, [&] { return impl_->run(stream, &image, r); });
  if (!status.ok()) return status;
  if (report != nullptr) *report = r;
  return image;
}

Status ImageDecoder::verify(std::span<const uint8_t> stream, Report* report) {
  Report r;
  const Status status = guarded(impl_->options.device, [&] { return impl_->run(stream, nullptr, r); });
  if (status.ok() && report != nullptr) *report = r;
  return status;
}

}  // namespace tessera
