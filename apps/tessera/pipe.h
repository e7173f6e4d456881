// A queue of few places between two threads: reading, coding and writing of a video overlap.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

namespace tessera::cli {

template <class T>
class Pipe {
 public:
  explicit Pipe(size_t places) : places_(places) {}

  // Waits for a place. False when the other side has closed the pipe: the item is lost, and no more are wanted.
  bool push(T item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || items_.size() < places_; });
    if (closed_) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  // Waits for an item; none when finish() was called and all are taken, or after close().
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || finished_ || !items_.empty(); });
    if (closed_ || items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  void finish() {  // by the side that pushes: nothing follows
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }

  void close() {  // by the side that pops: nothing is wanted any more
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const size_t places_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  bool finished_ = false, closed_ = false;
};

}  // namespace tessera::cli
