// A codec behind codec/tessera.h that stores samples as they are, one tile, in a real container: it lets the
// command line be tested without networks and weights.
#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/tessera.h"

namespace tessera {
namespace {

namespace bs = bitstream;

constexpr uint64_t kHash = 0x1122334455667788ull;

bs::Limits container_limits(const Limits& limits) {
  bs::Limits result;
  result.max_pixels = limits.max_pixels;
  result.max_dimension = limits.max_dimension;
  result.max_metadata = limits.max_metadata;
  return result;
}

struct Parts {
  bs::ParsedFile file;
  std::vector<bs::Section> sections;
};

Result<Parts> split(std::span<const uint8_t> stream, const Limits& limits) {
  auto file = bs::parse_file(stream, container_limits(limits));
  if (!file) return file.status();
  if (file->header.kind != bs::MediaKind::image) {
    return {ErrorCode::unsupported,
            std::string("the stream is ") + bs::media_name(file->header.kind) + ", not an image"};
  }
  if (file->packets.size() != 1) return {ErrorCode::unsupported, "more than one tile"};
  auto sections = bs::read_sections(file->packets[0].packet.payload);
  if (!sections) return sections.status();
  return Parts{std::move(*file), std::move(*sections)};
}

Bytes copy(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

Status check_machine(Device device, const std::string& weights_dir) {
  if (device == Device::cuda) return {ErrorCode::device, "no CUDA device"};
  if (!weights_dir.empty()) return {ErrorCode::model_missing, weights_dir + ": no weights"};
  return {};
}

}  // namespace

struct ImageEncoder::Impl {
  EncoderOptions options;
};
struct ImageDecoder::Impl {
  DecoderOptions options;
};

ImageEncoder::ImageEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageEncoder::ImageEncoder(ImageEncoder&&) noexcept = default;
ImageEncoder& ImageEncoder::operator=(ImageEncoder&&) noexcept = default;
ImageEncoder::~ImageEncoder() = default;
ImageDecoder::ImageDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageDecoder::ImageDecoder(ImageDecoder&&) noexcept = default;
ImageDecoder& ImageDecoder::operator=(ImageDecoder&&) noexcept = default;
ImageDecoder::~ImageDecoder() = default;

Result<ImageEncoder> ImageEncoder::create(EncoderOptions options) {
  if (options.model != "still")
    return {ErrorCode::model_missing, "model " + options.model + " is not installed"};
  TESSERA_RETURN_IF_ERROR(check_machine(options.device, options.weights_dir));
  return ImageEncoder(std::make_unique<Impl>(Impl{std::move(options)}));
}

Result<Bytes> ImageEncoder::encode(const ImageView& image, const ImageMetadata& metadata, Report* report) {
  const EncoderOptions& options = impl_->options;
  bs::FileHeader header;
  header.model_hash = kHash;
  header.quality = static_cast<uint8_t>(options.quality);
  header.picture.width = image.width;
  header.picture.height = image.height;
  header.picture.channels = static_cast<uint8_t>(image.channels);
  header.picture.bit_depth = static_cast<uint8_t>(image.bit_depth);
  const auto* rows = static_cast<const uint8_t*>(image.data);
  const std::span<const uint8_t> samples(rows, image.stride * image.height);
  bs::ByteWriter out;
  TESSERA_RETURN_IF_ERROR(bs::write_header(out, header));
  const std::pair<bs::MetadataType, const Bytes*> blocks[] = {{bs::MetadataType::icc, &metadata.icc},
                                                              {bs::MetadataType::exif, &metadata.exif},
                                                              {bs::MetadataType::xmp, &metadata.xmp}};
  for (const auto& [type, bytes] : blocks) {
    if (!bytes->empty()) TESSERA_RETURN_IF_ERROR(bs::write_metadata(out, type, *bytes));
  }
  const uint32_t crc = bs::crc32c(samples);
  const auto latents = bs::latents_content({1, samples});
  const auto checksum = bs::checksum_content(crc);
  std::vector<bs::Section> sections;
  if (options.checksum) sections.push_back({bs::SectionTag::checksum, checksum});
  sections.push_back({bs::SectionTag::latents, latents});
  bs::ByteWriter payload;
  bs::write_sections(payload, sections);
  TESSERA_RETURN_IF_ERROR(bs::write_packet(out, {.payload = payload.view()}));
  if (report) *report = Report{crc, samples.size(), 0, 0, 0, options.quality};
  if (options.progress && !options.progress(1)) return {ErrorCode::cancelled, "cancelled"};
  return out.take();
}

Result<ImageDecoder> ImageDecoder::create(DecoderOptions options) {
  TESSERA_RETURN_IF_ERROR(check_machine(options.device, options.weights_dir));
  return ImageDecoder(std::make_unique<Impl>(Impl{std::move(options)}));
}

Result<Image> ImageDecoder::decode(std::span<const uint8_t> stream, Report* report) {
  TESSERA_RETURN_IF_ERROR(verify(stream, report));
  auto parts = split(stream, impl_->options.limits);
  const auto& picture = parts->file.header.picture;
  auto latents = bs::read_latents(bs::find_section(parts->sections, bs::SectionTag::latents)->content);
  if (!latents) return latents.status();
  Image image{picture.width, picture.height, picture.channels, picture.bit_depth, copy(latents->coded), {}};
  if (image.data.size() != image.stride() * image.height)
    return {ErrorCode::corrupt, "wrong number of samples"};
  image.metadata.icc = copy(parts->file.icc);
  image.metadata.exif = copy(parts->file.exif);
  image.metadata.xmp = copy(parts->file.xmp);
  return image;
}

Status ImageDecoder::verify(std::span<const uint8_t> stream, Report* report) {
  auto parts = split(stream, impl_->options.limits);
  if (!parts) return parts.status();
  const auto* section = bs::find_section(parts->sections, bs::SectionTag::latents);
  if (section == nullptr) return {ErrorCode::corrupt, "no latents"};
  auto latents = bs::read_latents(section->content);
  if (!latents) return latents.status();
  const uint32_t crc = bs::crc32c(latents->coded);
  if (const auto* stored = bs::find_section(parts->sections, bs::SectionTag::checksum)) {
    auto checksum = bs::read_checksum(stored->content);
    if (!checksum) return checksum.status();
    if (!checksum->matches(crc)) return {ErrorCode::corrupt, "checksum of the symbols does not match"};
  }
  if (report) *report = Report{crc, latents->coded.size(), 0, 0, 0, parts->file.header.quality};
  return {};
}

Result<StreamInfo> inspect(std::span<const uint8_t> stream, const std::string&) {
  auto file = bs::parse_file(stream);
  if (!file) return file.status();
  const auto& header = file->header;
  StreamInfo info;
  info.version_major = header.version_major;
  info.media = bs::media_name(header.kind);
  info.model = header.model_name;
  info.model_hash = header.model_hash;
  info.model_available = header.model_name == "still";
  info.width = header.picture.width;
  info.height = header.picture.height;
  info.channels = header.picture.channels;
  info.bit_depth = header.picture.bit_depth;
  info.quality = header.quality;
  info.packets = file->packets.size();
  info.tiles = static_cast<uint32_t>(info.packets);
  info.file_bytes = stream.size();
  info.sections.push_back({"header", file->header_bytes});
  for (const auto& view : file->packets) {
    auto sections = bs::read_sections(view.packet.payload);
    if (!sections) return sections.status();
    for (const auto& s : *sections) info.sections.push_back({bs::section_name(s.tag), s.content.size()});
    if (const auto* stored = bs::find_section(*sections, bs::SectionTag::checksum)) {
      info.stored_checksum = bs::read_checksum(stored->content)->value;
    }
  }
  return info;
}

Result<std::vector<ModelInfo>> list_models(const std::string& weights_dir) {
  TESSERA_RETURN_IF_ERROR(check_machine(Device::cpu, weights_dir));
  ModelInfo model;
  model.name = "still";
  model.hash = kHash;
  model.media = "image";
  return std::vector<ModelInfo>{model};
}

bool cuda_available(std::string* why) {
  if (why) *why = "this codec has no CUDA back end";
  return false;
}

}  // namespace tessera
