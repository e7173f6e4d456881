#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "bitstream/crc.h"
#include "bitstream/index.h"
#include "bitstream/packet.h"
#include "codec/catalogue.h"
#include "codec/guard.h"
#include "codec/overfit_steps.h"
#include "codec/overfit_video.h"
#include "codec/still_tile.h"
#include "codec/stopwatch.h"
#include "codec/video_format.h"
#include "codec/video_frame_coder.h"
#include "codec/video_rate.h"
#include "codec/video_samples.h"
#include "models/parallel.h"

namespace tessera {
namespace {

using models::MotionModel;
using models::Planes;

constexpr int kBest = 63;
constexpr int kKeyAttempts = 3;      // of a key frame, until its size suits the bit rate
constexpr int kKeyTolerance = 3;     // steps of quality
constexpr uint32_t kLeastScene = 4;  // frames from a key frame to a scene cut
constexpr double kCutRatio = 0.5, kCutFactor = 2.5, kUsualRatio = 0.15;
constexpr double kFailure = 1.25, kFailureFloor = 2.0 / 255;  // of a decoded picture's distance, against what coding began from
constexpr int kOtherQuality = 16;
constexpr double kLongestPause = 1;  // seconds between frames that count for the bit rate

at::Tensor mean_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().mean(); }

// Mean absolute difference of two pictures' planes; all of them together, luma three times as heavy as chroma.
struct Distance {
  double y = 0, uv = 0;
  double whole() const { return 0.75 * y + 0.25 * uv; }
};

// Of a picture from each of others, with one wait for the device.
std::vector<Distance> distances_of(const Planes& picture, const std::vector<const Planes*>& others) {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> means;
  for (const Planes* other : others) {
    means.push_back(mean_difference(picture.y, other->y));
    means.push_back(mean_difference(picture.uv, other->uv));
  }
  const at::Tensor all = at::stack(means).cpu();
  const float* mean = all.const_data_ptr<float>();
  std::vector<Distance> distances;
  for (size_t i = 0; i < others.size(); ++i) distances.push_back({mean[2 * i], mean[2 * i + 1]});
  return distances;
}

double distance(const Planes& a, const Planes& b) { return distances_of(a, {&b})[0].whole(); }

Planes grey_like(const Planes& picture) { return {at::full_like(picture.y, 0.5), at::full_like(picture.uv, 0.5)}; }

// How far a prediction is from the picture, in units of how far the means of 16 x 16 blocks are: what inter and intra coding cost,
// roughly. `noise`: how far the last decoded picture is from its source, which the prediction inherits.
double prediction_ratio(const Planes& picture, const Planes& moved, double noise) {
  const c10::InferenceMode inference;
  const int64_t h = picture.height() / 16, w = picture.width() / 16;
  const at::Tensor blocks = picture.y.reshape({h, 16, w, 16});
  const at::Tensor both = at::stack({mean_difference(blocks, blocks.mean({1, 3}, true)), mean_difference(picture.y, moved.y)}).cpu();  // one wait for the device
  const double intra = both.const_data_ptr<float>()[0], inter = both.const_data_ptr<float>()[1];
  constexpr double floor = 1.0 / 255;  // flat pictures with a little noise are no scene cuts
  return std::max(0.0, inter - noise) / (intra + floor);
}

// A frame that waits for its bytes.
struct Waiting {
  CodedFrame frame;
  FramePayload payload;  // empty: to be made
  VideoReport report;    // of making it
  std::optional<uint64_t> time_stamp;
  uint64_t time = 0;
  int quality = 0;
  bool key = false;
};

Waiting packed(const MotionModel& model, Waiting waiting, models::VectorCoder& vectors) {
  if (waiting.payload.bytes.empty()) waiting.payload = pack_frame(model, waiting.frame, vectors, waiting.report);
  waiting.frame = {};
  return waiting;
}

// A coded frame, and how far its picture is from the source.
struct Coded {
  CodedFrame frame;
  FramePayload payload;  // made already where its size was asked for
  Distance error;
  Distance moved, still;  // the same of the picture before, with motion compensation and without; of a predicted frame
};

// Codes a picture; the distances of a predicted frame (`before` is the picture before) come with its symbols.
Coded code_picture(const MotionModel& model, const Planes& picture, const FramePlan& plan, const FrameOptions& options, VideoReport& report, const Planes* before = nullptr) {
  Coded out;
  out.frame = encode_frame(model, picture, plan, options, report);
  const Stopwatch watch(report.seconds_network);
  std::vector<const Planes*> others = {&out.frame.next.picture};
  if (before != nullptr) others.insert(others.end(), {&plan.context.moved, before});
  const std::vector<Distance> distances = distances_of(picture, others);
  out.error = distances[0];
  if (before != nullptr) {
    out.moved = distances[1];
    out.still = distances[2];
  }
  out.frame.arrivals.wait();
  return out;
}

}  // namespace

struct VideoEncoder::Impl {
  VideoEncoderOptions options;
  std::shared_ptr<const MotionModel> model;  // none: overfit-video
  std::optional<OverfitVideoGroups> groups;
  std::vector<Planes> group;                 // frames that wait for the rest of theirs
  std::vector<uint64_t> group_times;
  std::optional<VideoRate> rate;
  std::vector<uint8_t> header;
  std::deque<VideoPacket> ready;
  std::vector<bitstream::IndexEntry> entries;
  models::Motion::Reference reference;
  models::VectorCoder vectors;  // of the frames written since the key frame
  VideoReport report;
  uint32_t since_key = 0;    // frames since the key frame, itself not counted
  uint64_t next_time = 0;    // of a frame that needs no time stamp
  std::optional<uint64_t> last_time;
  std::optional<uint64_t> last_sent;  // of a frame that waits
  double usual_ratio = kUsualRatio, noise = 0;
  bool finished = false;
  std::future<Waiting> waiting;  // with options.ahead: the frame before, while its bytes are made

  Status start();
  void code(const VideoFrameView& frame, bool forced);
  int quality(bool key);
  int bonus(bool key) const { return models::kQualityPattern[key ? 0 : since_key % std::size(models::kQualityPattern)]; }
  Coded code_key(const Planes& picture, int& quality);
  Coded sound_key(const Planes& picture, int& quality);
  // Codes a picture as a predicted frame, or, where that fails, as a key frame: `key` and `quality` say what came of it.
  Coded code_predicted(const Planes& picture, const FramePlan& plan, bool refresh, bool& key, int& quality);
  bool is_cut(const Planes& picture, const FramePlan& plan);
  Status start_groups();
  void code_group();
  void hand_over(Coded coded, uint64_t time, bool key, int quality);
  void write(const Waiting& packed);
  void write_waiting();
  void write_index();
};

Status VideoEncoder::Impl::start() {
  bitstream::FileHeader h;
  describe(options.format, h);
  h.model_name = model ? model->name : kOverfitVideo;
  h.model_revision = model ? model->revision : kOverfitVideoRevision;
  h.model_hash = model ? model->hash : 0;
  h.quality = static_cast<uint8_t>(options.quality);
  bitstream::ByteWriter out;
  TESSERA_RETURN_IF_ERROR(bitstream::write_header(out, h));
  header = out.take();
  report.bytes = header.size();
  if (options.bit_rate > 0) {
    rate.emplace(options.bit_rate, options.format.frame_rate(), options.buffer, uint64_t{options.format.width} * options.format.height);
  }
  return {};
}

int VideoEncoder::Impl::quality(bool key) {
  return rate ? rate->quality(key, bonus(key)) : std::min(kBest, options.quality + bonus(key));
}

// With a bit rate the first guess at a key frame's quality may be far off, and its size weighs: it is coded again then.
Coded VideoEncoder::Impl::code_key(const Planes& picture, int& quality) {
  for (int attempt = 1;; ++attempt) {
    const FramePlan plan = plan_key_frame(*model, picture.height(), picture.width(), quality, options.device);
    VideoReport tried = report;
    Coded coded = code_picture(*model, picture, plan, {false, quality, options.checksum}, tried);
    int better = quality;
    if (rate) {
      coded.payload = pack_frame(*model, coded.frame, vectors, tried);
      rate->learn(true, bonus(true), quality, 8.0 * static_cast<double>(coded.payload.bytes.size()));
      better = rate->quality(true, bonus(true));
    }
    if (attempt == kKeyAttempts || std::abs(better - quality) <= kKeyTolerance) {
      report = tried;
      return coded;
    }
    quality = better;
  }
}

// Pictures unlike all that a network was trained on can make it fail: what it decodes is then further from the picture than middle
// grey. Another quality helps more often than not.
Coded VideoEncoder::Impl::sound_key(const Planes& picture, int& quality) {
  Coded best = code_key(picture, quality);
  const double grey = distance(picture, grey_like(picture));
  const int first = quality;
  for (const int other : {first + kOtherQuality, first - kOtherQuality, kBest}) {
    if (best.error.whole() <= kFailure * grey + kFailureFloor) break;
    const int q = std::clamp(other, 0, kBest);
    VideoReport tried = report;
    Coded coded = code_picture(*model, picture, plan_key_frame(*model, picture.height(), picture.width(), q, options.device), {false, q, options.checksum}, tried);
    if (coded.error.whole() >= best.error.whole()) continue;
    best = std::move(coded);
    quality = q;
  }
  return best;
}

// The same of predicted frames, in units of the prediction's error. First the feature of the past is dropped, then the past altogether.
Coded VideoEncoder::Impl::code_predicted(const Planes& picture, const FramePlan& plan, bool refresh, bool& key, int& quality) {
  Coded coded = code_picture(*model, picture, plan, {refresh, quality, options.checksum}, report, &reference.picture);
  const double limit = kFailure * coded.moved.whole() + kFailureFloor;
  if (coded.error.whole() <= limit) return coded;
  if (!refresh && model->network.config().conditioning) {
    VideoReport tried = report;
    const FramePlan fresh = plan_frame(*model, picture, reference, quality, true, options.effort, tried);
    Coded again = code_picture(*model, picture, fresh, {true, quality, options.checksum}, tried, &reference.picture);
    if (again.error.whole() < coded.error.whole()) coded = std::move(again);
    if (coded.error.whole() <= limit) return coded;
  }
  int q = quality;
  Coded anew = sound_key(picture, q);
  if (anew.error.whole() >= coded.error.whole()) return coded;
  key = true;
  quality = q;
  return anew;
}

bool VideoEncoder::Impl::is_cut(const Planes& picture, const FramePlan& plan) {
  if (!options.scene_cuts || !plan.vectors.defined() || since_key < kLeastScene) return false;
  const double ratio = prediction_ratio(picture, plan.context.moved, noise);
  const bool cut = ratio > kCutRatio && ratio > kCutFactor * usual_ratio;
  usual_ratio = std::max(kUsualRatio, 0.5 * (usual_ratio + ratio));
  return cut;
}

Status VideoEncoder::Impl::start_groups() {
  std::string why;
  if (options.device == Device::cuda && !cuda_available(&why)) return {ErrorCode::device, "CUDA is not available: " + why};
  if (options.bit_rate > 0) return {ErrorCode::invalid_argument, "overfitted video takes a quality, not a bit rate"};
  if (options.keyint > models::inr::kMaxGroup) return {ErrorCode::invalid_argument, "a group of overfitted video has at most 255 frames"};
  if (options.fit_steps < 0 || options.fit_steps > kMaxFitSteps) return {ErrorCode::invalid_argument, "steps of training must be from 1 to " + std::to_string(kMaxFitSteps)};
  if (!(options.fit_rate > 0 && options.fit_rate <= 100)) return {ErrorCode::invalid_argument, "the rate of learning is above 0 and at most 100 times the usual one"};
  const auto ideas = OverfitVideoIdeas::changed(options.fit_without);
  if (!ideas) return ideas.status();
  if (options.keyint == 0) options.keyint = kOverfitGroup;
  groups.emplace(options, *ideas);
  return {};
}

void VideoEncoder::Impl::code_group() {
  if (group.empty()) return;
  const std::vector<Planes> frames = std::exchange(group, {});
  const std::vector<uint64_t> times = std::exchange(group_times, {});
  std::vector<OverfitVideoPacket> packets = groups->code(frames, report);
  for (size_t i = 0; i < packets.size(); ++i) {
    Coded coded;
    coded.payload = {std::move(packets[i].payload), packets[i].checksum};
    hand_over(std::move(coded), times[i], i == 0, options.quality);
  }
}

void VideoEncoder::Impl::code(const VideoFrameView& view, bool forced) {
  Planes picture = planes_of(view, options.format, options.device);
  if (groups) {
    if (forced) code_group();
    group.push_back(std::move(picture));
    group_times.push_back(view.time);
    last_sent = view.time;
    if (group.size() == options.keyint) code_group();
    return;
  }
  if (rate && last_time) rate->pass(std::min(kLongestPause, seconds_of(options.format, view.time - *last_time)));
  bool key = forced || !reference.defined() || (options.keyint > 0 && since_key + 1 >= options.keyint);
  std::optional<Coded> coded;
  int q = 0;
  if (!key) {
    ++since_key;
    q = quality(false);
    const bool refresh = options.refresh > 0 && since_key % options.refresh == 0;
    const FramePlan plan = plan_frame(*model, picture, reference, q, refresh, options.effort, report);
    key = is_cut(picture, plan);
    if (key) {
      ++report.scene_cuts;
    } else {
      coded = code_predicted(picture, plan, refresh, key, q);
      // What stands still is best left alone: coded anew at this quality it would come out no better, and decay from frame to frame.
      const Distance still = coded->still;
      const bool repeat = !key && still.whole() <= coded->error.whole();
      if (repeat) {
        coded = Coded{{}, {repeat_payload(q, options.checksum), 0}, still, {}, still};
        coded->frame.next = reference;
      }
      if (rate && !key && !repeat) {
        coded->payload = pack_frame(*model, coded->frame, vectors, report);
        rate->learn(false, bonus(false), q, 8.0 * static_cast<double>(coded->payload.bytes.size()));
      }
    }
  }
  if (key) {
    since_key = 0;
    if (!coded) {
      q = quality(true);
      coded = sound_key(picture, q);
    }
  }
  reference = std::move(coded->frame.next);
  noise = coded->error.y;
  hand_over(std::move(*coded), view.time, key, q);
}

// Makes the packet, or lets another thread make it while the next frame is coded. With a bit rate the next frame's quality depends on its size.
void VideoEncoder::Impl::hand_over(Coded coded, uint64_t time, bool key, int quality) {
  Waiting w;
  w.frame = std::move(coded.frame);
  w.frame.next = {};
  w.payload = std::move(coded.payload);
  // A key frame tells its time, so that it is known again behind damage, and after a seek.
  if (time != next_time || (key && last_time)) w.time_stamp = time;
  w.time = time;
  w.quality = quality;
  w.key = key;
  last_time = time;
  next_time = time + options.format.frame_ticks;
  write_waiting();
  if (key) vectors.reset();
  if (options.ahead && model && !rate) {
    waiting = std::async(std::launch::async, [this, w = std::move(w)]() mutable { return packed(*model, std::move(w), vectors); });
  } else {
    write(model ? packed(*model, std::move(w), vectors) : w);
  }
}

void VideoEncoder::Impl::write_waiting() {
  if (waiting.valid()) write(waiting.get());
}

void VideoEncoder::Impl::write(const Waiting& w) {
  bitstream::Packet packet;
  packet.kind = w.key ? bitstream::PacketKind::key : bitstream::PacketKind::predicted;
  packet.time_stamp = w.time_stamp;
  packet.short_checksum = w.payload.bytes.size() <= bitstream::kMaxShortPayload;
  packet.payload = w.payload.bytes;
  bitstream::ByteWriter out;
  const Status written = bitstream::write_packet(out, packet);
  if (!written.ok()) throw Failure{written};
  if (w.key) entries.push_back({report.bytes, w.time});
  report.bytes += out.size();
  if (rate) rate->spend(8.0 * static_cast<double>(out.size()));
  const uint32_t crc = w.payload.checksum;
  const uint8_t crc_bytes[] = {static_cast<uint8_t>(crc), static_cast<uint8_t>(crc >> 8), static_cast<uint8_t>(crc >> 16), static_cast<uint8_t>(crc >> 24)};
  report.symbol_checksum = bitstream::crc32c(crc_bytes, report.symbol_checksum);
  report.symbols_coded += w.report.symbols_coded;
  report.symbols_skipped += w.report.symbols_skipped;
  report.seconds_entropy += w.report.seconds_entropy;
  ++report.frames;
  report.key_frames += w.key ? 1 : 0;
  ready.push_back({out.take(), w.time, w.quality, w.key, false});
}

void VideoEncoder::Impl::write_index() {
  if (!options.index || entries.size() < 2) return;
  bitstream::ByteWriter out;
  const Status written = bitstream::write_index(out, entries);
  if (!written.ok()) throw Failure{written};
  report.bytes += out.size();
  ready.push_back({out.take(), last_time.value_or(0), 0, false, true});
}

VideoEncoder::VideoEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoEncoder::VideoEncoder(VideoEncoder&&) noexcept = default;
VideoEncoder& VideoEncoder::operator=(VideoEncoder&&) noexcept = default;
VideoEncoder::~VideoEncoder() = default;

Result<VideoEncoder> VideoEncoder::create(VideoEncoderOptions options) {
  TESSERA_RETURN_IF_ERROR(check_format(options.format));
  if (options.quality < 0 || options.quality > kBest) return {ErrorCode::invalid_argument, "quality must be from 0 to 63"};
  if (!(options.bit_rate >= 0 && options.bit_rate < 1e12)) return {ErrorCode::invalid_argument, "the bit rate must be positive"};
  if (!(options.buffer >= 0.02 && options.buffer <= 3600)) return {ErrorCode::invalid_argument, "the buffer must hold from 0.02 to 3600 seconds"};
  if (options.effort < 0 || options.effort > 9) return {ErrorCode::invalid_argument, "effort must be from 0 to 9"};
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  const Status status = guarded(impl->options.device, [&]() -> Status {
    if (impl->options.model == kOverfitVideo) {
      TESSERA_RETURN_IF_ERROR(impl->start_groups());
      return impl->start();
    }
    impl->model = find_video_model(weights_folder(impl->options.weights_dir), impl->options.model, {}, impl->options.device, impl->options.precision,
                                   uint64_t{impl->options.format.width} * impl->options.format.height);
    return impl->start();
  });
  if (!status.ok()) return status;
  return VideoEncoder(std::move(impl));
}

const VideoFormat& VideoEncoder::format() const { return impl_->options.format; }
const std::vector<uint8_t>& VideoEncoder::header() const { return impl_->header; }
const VideoReport& VideoEncoder::report() const { return impl_->report; }

Status VideoEncoder::send(const VideoFrameView& frame, bool key) {
  Impl& e = *impl_;
  const VideoFormat& format = e.options.format;
  if (e.finished) return {ErrorCode::invalid_argument, "a frame after the end of the video"};
  for (int p = 0; p < 3; ++p) {
    if (frame.planes[p] == nullptr) return {ErrorCode::invalid_argument, "a frame lacks a plane"};
    if (frame.strides[p] < format.plane_width(p) * format.sample_bytes()) return {ErrorCode::invalid_argument, "the rows of a frame overlap"};
  }
  if (const auto last = e.group.empty() ? e.last_time : e.last_sent; last && frame.time <= *last) {
    return {ErrorCode::invalid_argument, "a frame's time stamp of " + std::to_string(frame.time) + " does not follow " + std::to_string(*last)};
  }
  return guarded(e.options.device, [&]() -> Status {
    models::set_threads(e.options.threads > 0 ? e.options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    e.code(frame, key);
    return {};
  });
}

Status VideoEncoder::flush() {
  if (impl_->finished) return {ErrorCode::invalid_argument, "the video has ended already"};
  impl_->finished = true;
  return guarded(impl_->options.device, [&]() -> Status {
    models::set_threads(impl_->options.threads > 0 ? impl_->options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    impl_->code_group();
    impl_->write_waiting();
    impl_->write_index();
    return {};
  });
}

std::optional<VideoPacket> VideoEncoder::receive() {
  if (impl_->ready.empty()) return std::nullopt;
  VideoPacket packet = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  return packet;
}

}  // namespace tessera
