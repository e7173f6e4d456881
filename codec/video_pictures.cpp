#include "codec/video_pictures.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "codec/guard.h"
#include "codec/still_tile.h"
#include "codec/video_samples.h"
#include "models/parallel.h"

namespace tessera {
namespace {

constexpr int kMostQueues = 4;  // of a GPU: a few fill it, each more only takes memory

// A tensor that another thread's queue has made.
void borrow(const SideQueue* queue, std::initializer_list<at::Tensor> tensors) {
  if (queue == nullptr) return;
  for (const at::Tensor& tensor : tensors) queue->borrow(tensor);
}

void wait_for(const SideQueue* queue, const QueueMark& mark) {
  if (queue != nullptr) queue->wait(mark);
}

}  // namespace

int VideoPictures::at_once(const models::MotionModel* model, Device device, int ahead, int threads) {
  if (ahead <= 0 || model == nullptr || pictures_depend(*model)) return 1;
  return std::min(ahead, device == Device::cpu ? std::max(1, threads) : kMostQueues);
}

VideoPictures::VideoPictures(Options options) : options_(std::move(options)) {
  if (options_.ahead <= 0) return;
  try {
    start();
  } catch (...) {  // no more threads are to be had
    stop();
    throw;
  }
}

VideoPictures::~VideoPictures() { stop(); }

void VideoPictures::start() {
  const int workers = options_.at_once;
  for (int i = 0; i < workers; ++i) {
    const int share = options_.threads / workers + (i < options_.threads % workers ? 1 : 0);
    workers_.emplace_back([this, share] { run(share); });
  }
}

void VideoPictures::stop() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// --- of the decoder's thread ---

void VideoPictures::push(const std::shared_ptr<FrameSlot>& slot) {
  if (workers_.empty()) {
    VideoReport report;
    begin(*slot, nullptr, report);
    finish(*slot, nullptr, report);
    seconds_ += report.seconds_network;
    slot->done = true;
    return;
  }
  slot->decoded = mark_queue(torch_device(options_.device));
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.size() + static_cast<size_t>(busy_) < static_cast<size_t>(options_.ahead); });
  waiting_.push_back(slot);
  changed_.notify_all();
}

void VideoPictures::wait(const FrameSlot& slot) {
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return slot.done; });
}

void VideoPictures::settle() {
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.empty() && busy_ == 0; });
}

void VideoPictures::forget() {
  settle();
  reference_ = {};
  handed_on_.reset();
  last_.reset();
}

Status VideoPictures::failure() {
  const Lock lock(mutex_);
  return failure_;
}

double VideoPictures::take_seconds() {
  settle();
  return std::exchange(seconds_, 0);
}

// --- of its own threads ---

void VideoPictures::run(int share) {
  at::set_num_threads(1);
  const models::ThreadShare part(share);
  std::optional<SideQueue> queue;  // a GPU makes a picture while it decodes the next symbols, and makes others
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return quit_ || (!waiting_.empty() && !turn_); });
    if (quit_) return;
    const std::shared_ptr<FrameSlot> slot = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    make(*slot, queue, lock);
    --busy_;
    changed_.notify_all();
  }
}

// Both halves of a frame, as far as nothing has failed. The lock is held on entry and on return.
void VideoPictures::make(FrameSlot& slot, std::optional<SideQueue>& queue, Lock& lock) {
  VideoReport report;
  turn_ = true;
  attempt(lock, [&] {
    if (!queue) queue.emplace(new_queue(torch_device(options_.device), false));
    begin(slot, &*queue, report);
  });
  turn_ = false;
  changed_.notify_all();
  const std::shared_ptr<FramePicture> picture = slot.picture;
  if (slot.symbols.repeat && picture) changed_.wait(lock, [&] { return picture->done || quit_; });  // a frame before is on its way: it waits for none after
  if (quit_) return;
  attempt(lock, [&] { finish(slot, &*queue, report); });
  if (picture && !slot.symbols.repeat) picture->done = true;
  slot.done = true;
  seconds_ += report.seconds_network;
}

// Runs work without the lock, under the time limit; what fails is kept. Nothing is done after a failure.
void VideoPictures::attempt(Lock& lock, const std::function<void()>& work) {
  if (!failure_.ok()) return;
  lock.unlock();
  const Status status = guarded(options_.device, [&]() -> Status {
    const models::TimeLimit time(options_.end);
    models::check_time();
    work();
    return {};
  });
  lock.lock();
  if (failure_.ok()) failure_ = status;
}

// What must be done in the order of the frames. Where pictures depend on each other that is all but the samples.
void VideoPictures::begin(FrameSlot& slot, const SideQueue* queue, VideoReport& report) {
  wait_for(queue, slot.decoded);
  if (slot.fitted) return;  // needs nothing of another frame
  if (slot.symbols.repeat) {
    slot.picture = last_;
    return;
  }
  FrameSymbols symbols = std::exchange(slot.symbols, {});
  borrow(queue, {symbols.latents, symbols.feature, symbols.vectors.coarse, symbols.vectors.delta});
  wait_for(queue, handed_on_);
  borrow(queue, {reference_.latents, reference_.gain});
  auto picture = std::make_shared<FramePicture>();
  picture->latents = frame_latents(*options_.model, symbols, reference_, report);
  if (pictures_depend(*options_.model)) {
    reference_ = frame_picture(*options_.model, picture->latents, report);
    picture->planes = reference_.picture;
    picture->latents = {};
  } else {
    reference_ = {};
    reference_.latents = picture->latents.latents;
    reference_.gain = picture->latents.gain;
    if (queue != nullptr) handed_on_ = mark_queue(torch_device(options_.device));
  }
  slot.picture = last_ = std::move(picture);
}

// What may be done beside other frames.
void VideoPictures::finish(FrameSlot& slot, const SideQueue* queue, VideoReport& report) {
  const models::Planes planes = planes_for(slot, queue, report);
  if (slot.shown && planes.y.defined()) slot.frame.samples = samples_of(planes, options_.format);
  slot.picture.reset();
}

models::Planes VideoPictures::planes_for(FrameSlot& slot, const SideQueue* queue, VideoReport& report) {
  if (slot.fitted) {
    const std::shared_ptr<const OverfitVideoFrame> fitted = std::move(slot.fitted);
    return slot.shown ? paint_overfit_frame(*fitted, options_.device, report) : models::Planes{};
  }
  if (!slot.picture) return {};  // a repetition of nothing
  FramePicture& picture = *slot.picture;
  if (slot.symbols.repeat) {
    wait_for(queue, picture.made);
    borrow(queue, {picture.planes.y, picture.planes.uv});
  } else if (!picture.planes.y.defined()) {
    picture.planes = frame_picture(*options_.model, picture.latents, report).picture;
    picture.latents = {};
    if (queue != nullptr) picture.made = mark_queue(torch_device(options_.device));
  }
  return picture.planes;
}

}  // namespace tessera
