// Makes the pictures of decoded symbols, on threads of its own where the decoder runs ahead.
//
// Where pictures depend on each other one thread makes them one after the other. Without conditioning (STEM, docs/video.md) only latents do: each of
// several threads takes the next frame, makes its latents while the others stay away from them (its turn), and then its picture beside the others'.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "codec/overfit_video.h"
#include "codec/side_queue.h"
#include "codec/video.h"
#include "codec/video_frame_coder.h"
#include "models/time_limit.h"

namespace tessera {

// A picture that may still be in the making, by one thread; others may look at it when `done`, which the mutex guards, is set.
struct FramePicture {
  FrameLatents latents;  // until it is made
  models::Planes planes;
  QueueMark made;
  bool done = false;     // `planes` are there, unless something failed
};

// A frame on its way out.
struct FrameSlot {
  FrameSymbols symbols;
  std::shared_ptr<const OverfitVideoFrame> fitted;  // instead of `symbols`, without a model
  QueueMark decoded;     // the symbols are there; for another thread
  std::shared_ptr<FramePicture> picture;  // while it is made; that of a frame before where it is repeated
  VideoFrame frame;
  uint64_t repeats = 0;  // not 0: so many concealed frames, `frame.time` the first one's
  bool shown = true;     // false: before the place that was sought
  bool done = false;     // `frame` is complete, without samples where something failed
};

class VideoPictures {
 public:
  struct Options {
    std::shared_ptr<const models::MotionModel> model;  // none: overfit-video
    VideoFormat format;
    Device device = Device::cpu;
    models::Clock::time_point end = models::kNever;
    int ahead = 0;    // frames that may wait or be in the making; 0: push() makes the picture
    int at_once = 1;  // of these in the making: what the memory depends on
    int threads = 1;  // of the CPU; they are shared out
  };
  // How many pictures are worth making at the same time.
  static int at_once(const models::MotionModel* model, Device device, int ahead, int threads);

  explicit VideoPictures(Options options);
  ~VideoPictures();  // what waits is not begun
  VideoPictures(const VideoPictures&) = delete;
  VideoPictures& operator=(const VideoPictures&) = delete;

  // The next frame; its symbols lie in the calling thread's queue. Waits until there is room. Throws Failure with ahead = 0 only.
  void push(const std::shared_ptr<FrameSlot>& slot);
  void wait(const FrameSlot& slot);  // until it is done
  void settle();                     // until all are
  void forget();                     // the frames before: the next one is a key frame
  Status failure();                  // the first of a thread; after it no picture is made
  double take_seconds();             // of the network since the last call; settles

 private:
  using Lock = std::unique_lock<std::mutex>;
  void start();
  void stop();
  void run(int share);
  void make(FrameSlot& slot, std::optional<SideQueue>& queue, Lock& lock);
  void attempt(Lock& lock, const std::function<void()>& work);
  void begin(FrameSlot& slot, const SideQueue* queue, VideoReport& report);
  void finish(FrameSlot& slot, const SideQueue* queue, VideoReport& report);
  models::Planes planes_for(FrameSlot& slot, const SideQueue* queue, VideoReport& report);

  const Options options_;

  // Whose turn it is, see above, has these to itself.
  models::Motion::Reference reference_;  // what the last frame left; latents and gain alone where pictures do not depend on each other
  QueueMark handed_on_;                  // it is there
  std::shared_ptr<FramePicture> last_;   // the last frame's, for repetitions

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<FrameSlot>> waiting_;
  int busy_ = 0;  // frames in the making
  bool turn_ = false, quit_ = false;
  Status failure_;
  double seconds_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace tessera
