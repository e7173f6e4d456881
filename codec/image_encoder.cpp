#include <algorithm>
#include <cmath>
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

namespace tessera {

struct ImageEncoder::Impl {
  EncoderOptions options;
  std::shared_ptr<models::StillModel> model;                 // none: overfit, or bayes
  std::shared_ptr<const models::inr::bayes::Prior> prior;    // bayes

  Bytes encode_at(const ImageView& image, const ImageMetadata& metadata, int quality, Report& report, double progress_from, double progress_to) const;
  std::vector<uint8_t> still_payload(const at::Tensor& x, const ImageView& image, const Area& area, int quality, Report& report, uint32_t& checksum) const;
  std::vector<uint8_t> overfit_payload(const at::Tensor& x, const ImageView& image, const Area& area, int& quality, double from, double to, Report& report,
                                       uint32_t& checksum) const;
  std::vector<uint8_t> bayes_payload(const at::Tensor& x, const ImageView& image, const Area& area, int& quality, Report& report, uint32_t& checksum) const;
  FitWatch watch_between(double from, double to, bool& cancelled) const;
  std::vector<uint8_t> payload_of(std::vector<bitstream::Section> sections, const ImageView& image, const Area& area, uint32_t checksum) const;
};

ImageEncoder::ImageEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageEncoder::ImageEncoder(ImageEncoder&&) noexcept = default;
ImageEncoder& ImageEncoder::operator=(ImageEncoder&&) noexcept = default;
ImageEncoder::~ImageEncoder() = default;

Result<ImageEncoder> ImageEncoder::create(EncoderOptions options) {
  if (options.quality < 0 || options.quality >= models::kQualities) return {ErrorCode::invalid_argument, "quality must be from 0 to 63"};
  if (options.bpp && !(*options.bpp > 0)) return {ErrorCode::invalid_argument, "bits per pixel must be positive"};
  if (options.effort < 0 || options.effort > 9) return {ErrorCode::invalid_argument, "effort must be from 0 to 9"};
  if (options.fit_steps < 0 || options.fit_steps > kMaxFitSteps) return {ErrorCode::invalid_argument, "steps of training must be from 1 to " + std::to_string(kMaxFitSteps)};
  if (const auto schedule = overfit_schedule(options.fit_schedule); !schedule) return schedule.status();
  if (!overfit_front(options.fit_front)) return {ErrorCode::invalid_argument, "\"" + options.fit_front + "\" is no front end: plain, rbf or metric"};
  if (options.tile % 64 != 0 || options.tile > bitstream::kMaxTile) {
    return {ErrorCode::invalid_argument, "the tile side must be a multiple of 64, at most " + std::to_string(bitstream::kMaxTile)};
  }
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  const Status status = guarded(impl->options.device, [&]() -> Status {
    if (impl->options.model == kOverfit) {
      std::string why;
      if (impl->options.device == Device::cuda && !cuda_available(&why)) return {ErrorCode::device, "CUDA is not available: " + why};
      return {};
    }
    if (impl->options.model == kBayes) {
      if (impl->options.device == Device::cuda) return {ErrorCode::device, "the codec bayes runs on the CPU only"};
      if (impl->options.tile != 0) return {ErrorCode::invalid_argument, "the codec bayes knows no tiles"};
      impl->prior = find_prior(weights_folder(impl->options.weights_dir), kBayes, {});
      return {};
    }
    impl->model = find_model(weights_folder(impl->options.weights_dir), impl->options.model, {}, impl->options.device);
    return {};
  });
  if (!status.ok()) return status;
  return ImageEncoder(std::move(impl));
}

namespace {

Status check(const ImageView& v) {
  const size_t sample = v.bit_depth > 8 ? 2 : 1;
  if (v.data == nullptr || v.width == 0 || v.height == 0) return {ErrorCode::invalid_argument, "the picture is empty"};
  if (v.channels < 1 || v.channels > 4) return {ErrorCode::invalid_argument, "a picture has 1 to 4 channels"};
  if (v.bit_depth < 8 || v.bit_depth > 16) return {ErrorCode::invalid_argument, "a picture has 8 to 16 bits a sample"};
  if (v.stride < size_t{v.width} * v.channels * sample) return {ErrorCode::invalid_argument, "the rows of the picture overlap"};
  return {};
}

int refinements(int effort) { return effort < 7 ? 0 : effort == 7 ? 25 : effort == 8 ? 75 : 250; }

}  // namespace

std::vector<uint8_t> ImageEncoder::Impl::payload_of(std::vector<bitstream::Section> sections, const ImageView& image, const Area& area,
                                                    uint32_t checksum) const {
  std::vector<uint8_t> alpha, stored;
  if (has_alpha(image.channels)) {
    alpha = encode_alpha(read_alpha(image, area), area.width, area.height, image.bit_depth);
    sections.push_back({bitstream::SectionTag::alpha, alpha});
  }
  if (options.checksum) {
    stored = bitstream::checksum_content(checksum);
    sections.push_back({bitstream::SectionTag::checksum, stored});
  }
  // Any bytes are blocks: were others behind them, a wrong length of theirs could turn the checksum into a section that nobody misses.
  if (sections.front().tag == bitstream::SectionTag::blocks) std::rotate(sections.begin(), sections.begin() + 1, sections.end());
  bitstream::ByteWriter payload;
  bitstream::write_sections(payload, sections);
  return payload.take();
}

std::vector<uint8_t> ImageEncoder::Impl::still_payload(const at::Tensor& x, const ImageView& image, const Area& area, int quality, Report& report,
                                                       uint32_t& checksum) const {
  const TileResult tile = encode_tile(*model, x, quality, options.device, refinements(options.effort), report);
  checksum = tile.checksum;
  return payload_of({{bitstream::SectionTag::hyperlatents, tile.hyperlatents}, {bitstream::SectionTag::latents, tile.latents}}, image, area, checksum);
}

// Tells the caller's watch and progress, as the part from..to of the whole.
FitWatch ImageEncoder::Impl::watch_between(double from, double to, bool& cancelled) const {
  return [this, from, to, &cancelled](const FitState& state) {
    const double done = from + (to - from) * state.fraction;
    cancelled = options.progress && !options.progress(done);
    return !cancelled && (!options.fit_watch || options.fit_watch({done, state.bpp, state.psnr}));
  };
}

std::vector<uint8_t> ImageEncoder::Impl::bayes_payload(const at::Tensor& x, const ImageView& image, const Area& area, int& quality, Report& report,
                                                       uint32_t& checksum) const {
  BayesRequest request{.quality = quality, .effort = options.effort, .steps = options.fit_steps};
  if (options.bpp) request.bits = *options.bpp * static_cast<double>(area.width) * area.height;
  bool cancelled = false;
  request.watch = watch_between(0, 1, cancelled);
  const at::Tensor samples = x[0].permute({2, 0, 1}).narrow(0, 0, outputs_of(image.channels)).contiguous();
  const BayesCoded coded = encode_bayes(prior, samples, request, report);
  if (cancelled) throw Failure{{ErrorCode::cancelled, "cancelled"}};
  checksum = coded.latents.checksum;
  quality = coded.quality;
  const std::vector<uint8_t> blocks = write_blocks(coded.blocks);
  return payload_of({{bitstream::SectionTag::blocks, blocks}}, image, area, checksum);
}

std::vector<uint8_t> ImageEncoder::Impl::overfit_payload(const at::Tensor& x, const ImageView& image, const Area& area, int& quality, double from, double to,
                                                         Report& report, uint32_t& checksum) const {
  OverfitRequest request{.quality = quality, .bpp = options.bpp, .effort = options.effort, .steps = options.fit_steps, .device = options.device, .front = *overfit_front(options.fit_front), .schedule = *overfit_schedule(options.fit_schedule)};
  bool cancelled = false;
  request.watch = watch_between(from, to, cancelled);
  const OverfitTile tile = encode_overfit(x, outputs_of(image.channels), request, report, &quality);
  if (cancelled) throw Failure{{ErrorCode::cancelled, "cancelled"}};
  checksum = tile.checksum;
  const OverfitSections sections = write_overfit(tile);
  return payload_of({{bitstream::SectionTag::network, sections.network}, {bitstream::SectionTag::grids, sections.grids}}, image, area, checksum);
}

Bytes ImageEncoder::Impl::encode_at(const ImageView& image, const ImageMetadata& metadata, int quality, Report& report, double progress_from,
                                    double progress_to) const {
  bitstream::FileHeader header;
  header.kind = bitstream::MediaKind::image;
  header.model_name = model ? model->name : prior ? prior->name : kOverfit;
  header.model_revision = model ? model->revision : prior ? prior->revision : kOverfitRevision;
  header.model_hash = model ? model->hash : prior ? prior->hash : 0;
  header.picture.width = image.width;
  header.picture.height = image.height;
  header.picture.channels = static_cast<uint8_t>(image.channels);
  header.picture.bit_depth = static_cast<uint8_t>(image.bit_depth);
  header.picture.colour = {metadata.colour.primaries, metadata.colour.transfer, metadata.colour.matrix, metadata.colour.full_range};
  const bool large = uint64_t{image.width} * image.height > kWholePixels;
  header.picture.tile = options.tile != 0 ? options.tile : large ? kTile : 0;
  if (header.picture.tile >= image.width && header.picture.tile >= image.height) header.picture.tile = 0;

  const auto must = [](const Status& status) {
    if (!status.ok()) throw Failure{status};
  };
  bitstream::ByteWriter packets;
  const uint64_t tiles = bitstream::tile_count(header.picture);
  std::vector<uint8_t> checksums;
  for (uint64_t i = 0; i < tiles; ++i) {
    const Area area = tile_area(header.picture, i);
    const auto part_done = [&](uint64_t n) { return progress_from + (progress_to - progress_from) * static_cast<double>(n) / static_cast<double>(tiles); };
    const at::Tensor x = to_tensor(image, area, model ? models::kAlign : 1, torch_device(options.device));
    uint32_t checksum = 0;
    const std::vector<uint8_t> payload = model   ? still_payload(x, image, area, quality, report, checksum)
                                         : prior ? bayes_payload(x, image, area, quality, report, checksum)
                                                 : overfit_payload(x, image, area, quality, part_done(i), part_done(i + 1), report, checksum);
    must(bitstream::write_packet(packets, {.payload = payload}));
    for (int b = 0; b < 4; ++b) checksums.push_back(static_cast<uint8_t>(checksum >> (8 * b)));
    report.symbol_checksum = tiles == 1 ? checksum : bitstream::crc32c(checksums);
    const double done = part_done(i + 1);
    if (options.progress && !options.progress(done)) throw Failure{{ErrorCode::cancelled, "cancelled"}};
  }
  report.quality = quality;
  header.quality = static_cast<uint8_t>(quality);  // an overfitted network may have been trained for a rate
  bitstream::ByteWriter out;
  must(bitstream::write_header(out, header));
  for (const auto& [type, bytes] : {std::pair(bitstream::MetadataType::icc, &metadata.icc), {bitstream::MetadataType::exif, &metadata.exif},
                                    {bitstream::MetadataType::xmp, &metadata.xmp}}) {
    if (!bytes->empty()) must(bitstream::write_metadata(out, type, *bytes));
  }
  out.bytes(packets.view());
  return out.take();
}

Result<Bytes> ImageEncoder::encode(const ImageView& image, const ImageMetadata& metadata, Report* report) {
  TESSERA_RETURN_IF_ERROR(check(image));
  if (impl_->prior) TESSERA_RETURN_IF_ERROR(check_bayes_size(image.width, image.height));
  Bytes best;
  Report best_report;
  const EncoderOptions& options = impl_->options;
  const Status status = guarded(options.device, [&]() -> Status {
    models::set_threads(options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    if (!options.bpp || !impl_->model) {  // an overfitted network is trained for the rate
      best = impl_->encode_at(image, metadata, options.quality, best_report, 0.0, 1.0);
      return {};
    }
    // The rate rises with the quality: bisect, keep the largest file that is not above the target, or else the smallest one.
    const double target = *options.bpp * static_cast<double>(image.width) * image.height / 8;
    int lo = 0, hi = models::kQualities - 1;
    for (int probe = 0; lo <= hi; ++probe) {
      const int quality = (lo + hi) / 2;
      Report r;
      Bytes bytes = impl_->encode_at(image, metadata, quality, r, probe / 7.0, (probe + 1) / 7.0);
      const bool fits = static_cast<double>(bytes.size()) <= target;
      const bool have = !best.empty() && static_cast<double>(best.size()) <= target;
      if (best.empty() || (fits && (!have || bytes.size() > best.size())) || (!fits && !have && bytes.size() < best.size())) {
        best = std::move(bytes);
        best_report = r;
      }
      if (fits) {
        lo = quality + 1;
      } else {
        hi = quality - 1;
      }
    }
    if (options.progress) options.progress(1.0);  // most searches end before the seventh probe
    return {};
  });
  if (!status.ok()) return status;
  if (report != nullptr) *report = best_report;
  return best;
}

}  // namespace tessera
