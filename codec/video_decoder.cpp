#include <algorithm>
#include <deque>
#include <thread>

#include "bitstream/crc.h"
#include "bitstream/packet.h"
#include "bitstream/stream_reader.h"
#include "codec/catalogue.h"
#include "codec/guard.h"
#include "codec/overfit_video.h"
#include "codec/side_queue.h"
#include "codec/still_tile.h"
#include "codec/video_format.h"
#include "codec/video_frame_coder.h"
#include "codec/video_pictures.h"
#include "codec/video_samples.h"
#include "models/parallel.h"
#include "models/time_limit.h"

namespace tessera {
namespace {

using models::MotionModel;

constexpr uint64_t kMostTime = uint64_t{1} << 62;  // of a frame, in ticks
constexpr uint64_t kMostLost = uint64_t{1} << 24;  // packets announced at once
constexpr int kMostAhead = 16;

int thread_count(int wanted) { return wanted > 0 ? wanted : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

}  // namespace

struct VideoDecoder::Impl {
  VideoDecoderOptions options;
  VideoFormat format;
  std::shared_ptr<const MotionModel> model;  // none: overfit-video
  uint64_t max_payload = 0;
  VideoReport report;
  models::Clock::time_point end = models::kNever;  // of the time that the limits leave
  bool opened = false, finished = false;

  // Symbols.
  at::Tensor state;             // exact; undefined where no predicted frame can be decoded
  models::VectorCoder vectors;  // as it is behind that frame
  std::shared_ptr<const OverfitVideoFrame> fitted;  // the same of overfitted video
  bool skipping = false;        // after a seek: nothing is shown before the next key frame
  uint64_t first = 0;           // frames before this time are not given out
  uint64_t next_time = 0;       // of a packet without a time stamp
  std::optional<uint64_t> last_time;
  bool estimated = false;       // frames were concealed since the last time that was told

  // Pictures.
  std::deque<std::shared_ptr<FrameSlot>> order;
  std::vector<uint8_t> last_samples;
  std::unique_ptr<VideoPictures> pictures;  // from open(); none where only symbols are wanted

  // A decoder that runs ahead decodes symbols on an urgent queue: a picture's large kernels would keep the small ones of the next symbols waiting.
  std::optional<c10::Stream> urgent;

  Status open(std::span<const uint8_t> bytes);
  bool ready() const { return model ? state.defined() : fitted != nullptr; }  // for a predicted frame
  void forget() {
    state = at::Tensor();
    fitted.reset();
  }
  Status decode(std::span<const uint8_t> packet);
  Status conceal(uint64_t frames, uint64_t time);
  void enqueue(std::shared_ptr<FrameSlot> slot);
};

Status VideoDecoder::Impl::open(std::span<const uint8_t> bytes) {
  end = models::end_after(options.limits.max_seconds);
  bitstream::Limits limits;
  limits.max_pixels = options.limits.max_pixels;
  limits.max_dimension = options.limits.max_dimension;
  auto header = bitstream::parse_header(bytes, limits);
  if (!header) return header.status();
  if (header->kind != bitstream::MediaKind::video) {
    return {ErrorCode::unsupported, std::string("the stream holds ") + bitstream::media_name(header->kind) + ", not video"};
  }
  const auto found = format_of(*header);
  if (!found) return found.status();
  if (header->model_name == kOverfitVideo) {
    TESSERA_RETURN_IF_ERROR(check_overfit_video(*header));
  } else {
    model = find_video_model(weights_folder(options.weights_dir), header->model_name, header->model_hash, options.device, options.precision,
                             uint64_t{header->picture.width} * header->picture.height);
  }
  const int threads = thread_count(options.threads);
  int at_once = options.symbols_only ? 1 : VideoPictures::at_once(model.get(), options.device, options.ahead, threads);
  const auto needed = [&] {
    return model ? predicted_video_memory(header->picture, model->network.decode_macs(), at_once) : overfit_video_memory(header->picture);
  };
  while (at_once > 1 && needed() > options.limits.max_memory) --at_once;
  const uint64_t memory = needed();
  if (memory > options.limits.max_memory) {
    return {ErrorCode::limit, "decoding needs about " + std::to_string(memory >> 20) + " MiB of memory, the limit is " +
                                  std::to_string(options.limits.max_memory >> 20) + " MiB"};
  }
  format = *found;
  max_payload = bitstream::max_video_payload(header->picture);
  report.bytes = bytes.size();
  if (!options.symbols_only) {
    if (options.ahead > 0) {
      const QueueMark loaded = mark_queue(torch_device(options.device));
      urgent = new_queue(torch_device(options.device), true);
      SideQueue(urgent).wait(loaded);
    }
    pictures = std::make_unique<VideoPictures>(VideoPictures::Options{model, format, options.device, end, options.ahead, at_once, threads});
  }
  opened = true;
  return {};
}

void VideoDecoder::Impl::enqueue(std::shared_ptr<FrameSlot> slot) {
  if (options.symbols_only) return;
  if (slot->repeats > 0) {
    slot->done = true;
  } else {
    try {
      pictures->push(slot);
    } catch (...) {
      forget();  // the next frame lacks this one's picture
      throw;
    }
  }
  if (slot->shown) order.push_back(std::move(slot));
}

Status VideoDecoder::Impl::conceal(uint64_t frames, uint64_t time) {
  if (frames == 0) return {};
  forget();
  if (options.strict) return {ErrorCode::corrupt, "a frame is missing that others depend on"};
  estimated = true;
  last_time = time + (frames - 1) * format.frame_ticks;
  next_time = *last_time + format.frame_ticks;
  if (skipping) return {};
  report.concealed += frames;
  auto slot = std::make_shared<FrameSlot>();
  slot->repeats = frames;
  slot->frame.time = time;
  slot->frame.concealed = true;
  enqueue(std::move(slot));
  return {};
}

// --- symbols ---

Status VideoDecoder::Impl::decode(std::span<const uint8_t> bytes) {
  bitstream::ByteReader in(bytes);
  const auto view = bitstream::read_packet(in, max_payload);
  if (!view) return view.status();
  const bool key = view->packet.kind == bitstream::PacketKind::key;
  if (!key && view->packet.kind != bitstream::PacketKind::predicted) {  // the index with its footer, and what later versions may add
    report.bytes += bytes.size();
    return {};
  }
  if (!in.at_end()) return {ErrorCode::corrupt, "bytes after a packet"};
  uint64_t time = view->packet.time_stamp.value_or(next_time);
  if (last_time && time <= *last_time) {
    // How many frames were lost may have been a guess that was too large: then the video goes on from here.
    if (!key || !estimated) {
      return {ErrorCode::corrupt, "a packet's time stamp of " + std::to_string(time) + " does not follow " + std::to_string(*last_time)};
    }
    time = *last_time + 1;
  }
  if (time >= kMostTime) return {ErrorCode::corrupt, "a packet's time stamp is out of range"};
  if (!key && !ready()) {
    report.bytes += bytes.size();
    if (skipping) return {};
    if (options.strict) return {ErrorCode::corrupt, "a frame depends on one that is missing"};
    return conceal(1, time);
  }
  VideoReport counted = report;
  auto slot = std::make_shared<FrameSlot>();
  uint32_t crc = 0;
  if (model) {
    models::VectorCoder learning = vectors;  // a damaged packet leaves nothing behind
    FrameSymbols symbols = decode_frame(*model, view->packet.payload, key, state, learning, padded_side(format.height), padded_side(format.width), options.device, counted);
    state = symbols.state;
    vectors = std::move(learning);
    symbols.state = at::Tensor();
    crc = symbols.checksum;
    counted.checked += symbols.checked ? 1 : 0;
    slot->frame.quality = symbols.quality;
    slot->symbols = std::move(symbols);
  } else {
    fitted = std::make_shared<const OverfitVideoFrame>(
        read_overfit_frame(view->packet.payload, key, fitted.get(), format.height, format.width, !options.symbols_only, counted));
    crc = fitted->checksum;
    counted.checked += fitted->checked ? 1 : 0;
    slot->frame.quality = fitted->quality;
    slot->fitted = fitted;
  }
  // From here on the packet is good.
  report = counted;
  skipping = false;
  if (key) estimated = false;
  last_time = time;
  next_time = time + format.frame_ticks;
  const uint8_t crc_bytes[] = {static_cast<uint8_t>(crc), static_cast<uint8_t>(crc >> 8), static_cast<uint8_t>(crc >> 16), static_cast<uint8_t>(crc >> 24)};
  report.symbol_checksum = bitstream::crc32c(crc_bytes, report.symbol_checksum);
  report.bytes += bytes.size();
  ++report.frames;
  report.key_frames += key ? 1 : 0;
  slot->frame.time = time;
  slot->frame.key = key;
  slot->shown = time >= first;
  enqueue(std::move(slot));
  return {};
}

VideoDecoder::VideoDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoDecoder::VideoDecoder(VideoDecoder&&) noexcept = default;
VideoDecoder& VideoDecoder::operator=(VideoDecoder&&) noexcept = default;
VideoDecoder::~VideoDecoder() = default;

Result<VideoDecoder> VideoDecoder::create(VideoDecoderOptions options) {
  if (options.ahead < 0 || options.ahead > kMostAhead) return {ErrorCode::invalid_argument, "a decoder runs ahead by 0 to 16 frames"};
  if (options.device == Device::cuda) {
    std::string why;
    if (!cuda_available(&why)) return {ErrorCode::device, "CUDA is not available: " + why};
  }
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  return VideoDecoder(std::move(impl));
}

namespace {

Status not_open() { return {ErrorCode::invalid_argument, "the decoder has seen no header, or the end already"}; }

}  // namespace

Status VideoDecoder::open(std::span<const uint8_t> header) {
  if (impl_->opened) return {ErrorCode::invalid_argument, "the decoder has a header already"};
  return guarded(impl_->options.device, [&] { return impl_->open(header); });
}

const VideoFormat& VideoDecoder::format() const { return impl_->format; }

const VideoReport& VideoDecoder::report() const {
  Impl& d = *impl_;
  if (d.pictures) d.report.seconds_network += d.pictures->take_seconds();
  return d.report;
}

Status VideoDecoder::send(std::span<const uint8_t> packet) {
  Impl& d = *impl_;
  if (!d.opened || d.finished) return not_open();
  if (d.pictures) TESSERA_RETURN_IF_ERROR(d.pictures->failure());
  return guarded(d.options.device, [&] {
    const models::TimeLimit time(d.end);
    models::check_time();
    models::set_threads(thread_count(d.options.threads));
    const SideQueue queue(d.urgent);
    return d.decode(packet);
  });
}

Status VideoDecoder::lost(uint64_t packets) {
  Impl& d = *impl_;
  if (!d.opened || d.finished) return not_open();
  if (packets > kMostLost) return {ErrorCode::invalid_argument, "more than 2^24 lost packets"};
  return guarded(d.options.device, [&] { return d.conceal(packets, d.next_time); });
}

Status VideoDecoder::flush() {
  Impl& d = *impl_;
  if (!d.opened || d.finished) return not_open();
  d.finished = true;
  if (!d.pictures) return {};
  d.pictures->settle();
  return d.pictures->failure();
}

std::optional<VideoFrame> VideoDecoder::receive() {
  Impl& d = *impl_;
  if (d.order.empty()) return std::nullopt;
  if (!d.finished && d.order.size() <= static_cast<size_t>(d.options.ahead)) return std::nullopt;
  const std::shared_ptr<FrameSlot> slot = d.order.front();
  if (slot->repeats == 0) {
    d.pictures->wait(*slot);
    d.order.pop_front();
    if (slot->frame.samples.empty()) return std::nullopt;  // its picture could not be made; send() or flush() says why
    d.last_samples = slot->frame.samples;
    return std::move(slot->frame);
  }
  VideoFrame frame = slot->frame;
  slot->frame.time += d.format.frame_ticks;
  if (--slot->repeats == 0) d.order.pop_front();
  frame.samples = d.last_samples.empty() ? grey_samples(d.format) : d.last_samples;
  return frame;
}

Status VideoDecoder::seek(uint64_t first) {
  Impl& d = *impl_;
  if (!d.opened) return not_open();
  if (d.pictures) d.pictures->forget();
  d.order.clear();
  d.forget();
  d.last_samples.clear();
  d.skipping = true;
  d.finished = false;
  d.estimated = false;
  d.first = first;
  d.next_time = 0;
  d.last_time.reset();
  return {};
}

std::string choose_video_model(Device device, const std::string& weights_dir) {
  constexpr const char* small = "motion-lite";
  if (device == Device::cpu) return small;
  constexpr const char* large = "motion";
  const Status found = guarded(device, [&]() -> Status {
    (void)find_video_model(weights_folder(weights_dir), large, {}, device);
    return {};
  });
  return found.ok() ? large : small;
}

}  // namespace tessera
