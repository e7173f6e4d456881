// The video part of the codec that stores samples as they are (raw_codec.cpp): every frame is a key frame.
#include <algorithm>
#include <cstring>
#include <deque>

#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/video.h"

namespace tessera {
namespace {

namespace bs = bitstream;

}  // namespace

struct VideoEncoder::Impl {
  VideoEncoderOptions options;
  std::vector<uint8_t> header;
  std::deque<VideoPacket> ready;
  VideoReport report;
};

VideoEncoder::VideoEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoEncoder::VideoEncoder(VideoEncoder&&) noexcept = default;
VideoEncoder& VideoEncoder::operator=(VideoEncoder&&) noexcept = default;
VideoEncoder::~VideoEncoder() = default;

Result<VideoEncoder> VideoEncoder::create(VideoEncoderOptions options) {
  if (options.device == Device::cuda) return {ErrorCode::device, "no CUDA device"};
  if (!options.weights_dir.empty()) return {ErrorCode::model_missing, options.weights_dir + ": no weights"};
  bs::FileHeader header;
  header.kind = bs::MediaKind::video;
  header.model_name = options.model;
  header.quality = static_cast<uint8_t>(options.quality);
  header.picture.width = options.format.width;
  header.picture.height = options.format.height;
  header.picture.bit_depth = static_cast<uint8_t>(options.format.bit_depth);
  header.video.rate_numerator = options.format.rate_numerator;
  header.video.rate_denominator = options.format.rate_denominator;
  header.video.frame_ticks = options.format.frame_ticks;
  bs::ByteWriter out;
  TESSERA_RETURN_IF_ERROR(bs::write_header(out, header));
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->header = out.take();
  impl->report.bytes = impl->header.size();
  return VideoEncoder(std::move(impl));
}

const VideoFormat& VideoEncoder::format() const { return impl_->options.format; }
const std::vector<uint8_t>& VideoEncoder::header() const { return impl_->header; }
const VideoReport& VideoEncoder::report() const { return impl_->report; }

Status VideoEncoder::send(const VideoFrameView& frame, bool) {
  bs::ByteWriter content, payload, out;
  for (int p = 0; p < 3; ++p) {
    for (uint32_t y = 0; y < format().plane_height(p); ++y) {
      content.bytes({static_cast<const uint8_t*>(frame.planes[p]) + y * frame.strides[p], format().plane_width(p) * format().sample_bytes()});
    }
  }
  const bs::Section section{bs::SectionTag::frame, content.view()};
  bs::write_sections(payload, {&section, 1});
  TESSERA_RETURN_IF_ERROR(bs::write_packet(out, {.time_stamp = frame.time, .payload = payload.view()}));
  impl_->report.symbol_checksum = bs::crc32c(content.view(), impl_->report.symbol_checksum);
  impl_->report.bytes += out.size();
  ++impl_->report.frames;
  ++impl_->report.key_frames;
  impl_->ready.push_back({out.take(), frame.time, impl_->options.quality, true, false});
  return {};
}

Status VideoEncoder::flush() { return {}; }

std::optional<VideoPacket> VideoEncoder::receive() {
  if (impl_->ready.empty()) return std::nullopt;
  VideoPacket packet = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  return packet;
}

struct VideoDecoder::Impl {
  VideoDecoderOptions options;
  VideoFormat format;
  std::deque<VideoFrame> ready;
  VideoReport report;
};

VideoDecoder::VideoDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoDecoder::VideoDecoder(VideoDecoder&&) noexcept = default;
VideoDecoder& VideoDecoder::operator=(VideoDecoder&&) noexcept = default;
VideoDecoder::~VideoDecoder() = default;

Result<VideoDecoder> VideoDecoder::create(VideoDecoderOptions options) {
  if (options.device == Device::cuda) return {ErrorCode::device, "no CUDA device"};
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  return VideoDecoder(std::move(impl));
}

Status VideoDecoder::open(std::span<const uint8_t> bytes) {
  if (!impl_->options.weights_dir.empty()) return {ErrorCode::model_missing, impl_->options.weights_dir + ": no weights"};
  bs::Limits limits;
  limits.max_pixels = impl_->options.limits.max_pixels;
  auto header = bs::parse_header(bytes, limits);
  if (!header) return header.status();
  impl_->format.width = header->picture.width;
  impl_->format.height = header->picture.height;
  impl_->format.bit_depth = header->picture.bit_depth;
  impl_->format.rate_numerator = header->video.rate_numerator;
  impl_->format.rate_denominator = header->video.rate_denominator;
  impl_->format.frame_ticks = header->video.frame_ticks;
  return {};
}

const VideoFormat& VideoDecoder::format() const { return impl_->format; }
const VideoReport& VideoDecoder::report() const { return impl_->report; }

Status VideoDecoder::send(std::span<const uint8_t> packet) {
  bs::ByteReader in(packet);
  auto view = bs::read_packet(in, uint64_t{1} << 30);
  if (!view) return view.status();
  auto sections = bs::read_sections(view->packet.payload);
  if (!sections) return sections.status();
  const bs::Section* content = bs::find_section(*sections, bs::SectionTag::frame);
  const VideoFormat& f = impl_->format;
  if (content == nullptr || content->content.size() != f.plane_bytes(0) + 2 * f.plane_bytes(1)) return {ErrorCode::corrupt, "no samples"};
  VideoFrame frame;
  frame.samples.assign(content->content.begin(), content->content.end());
  frame.time = view->packet.time_stamp.value_or(0);
  frame.key = true;
  impl_->report.symbol_checksum = bs::crc32c(content->content, impl_->report.symbol_checksum);
  ++impl_->report.frames;
  if (!impl_->options.symbols_only) impl_->ready.push_back(std::move(frame));
  return {};
}

Status VideoDecoder::lost(uint64_t) { return {}; }
Status VideoDecoder::flush() { return {}; }
Status VideoDecoder::seek(uint64_t) { return {ErrorCode::unsupported, "no seeking"}; }

std::optional<VideoFrame> VideoDecoder::receive() {
  if (impl_->ready.empty()) return std::nullopt;
  VideoFrame frame = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  return frame;
}

std::string choose_video_model(Device, const std::string&) { return "motion-lite"; }

}  // namespace tessera
