// The states that a training comes back to when it explodes.
//
// A step measures the loss before it updates: what a look reads tells how good the states up to the last update were, never the state that is there
// at the look. So there are two generations. A look takes the state as a candidate; only the next look, when its numbers are good, confirms it.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "codec/guard.h"

namespace tessera {

// State: what snapshot() gives and restore() takes; copies of it are cheap and never change (a vector of tensors).
template <class State>
class LastGood {
 public:
  static constexpr int kMaxRestarts = 4;
  static constexpr double kSlower = 0.4;  // a restart's rate of learning, of the rate before

  // At the beginning of a phase; `finite`: whether its loss is a number.
  LastGood(std::function<State()> snapshot, std::function<void(const State&)> restore, bool finite)
      : snapshot_(std::move(snapshot)), restore_(std::move(restore)), candidate_(snapshot_()), confirmed_(candidate_), good_(finite) {}

  // A look after `step` steps of the phase: since the look before, nothing exploded. `confirm`: and the loss is not above the beginning's.
  void look(int64_t step, bool confirm) {
    if (confirm) {
      confirmed_ = std::move(candidate_);
      confirmed_step_ = candidate_step_;
      good_ = true;
    }
    candidate_ = snapshot_();
    candidate_step_ = step;
  }

  // After an explosion: restores the confirmed state and lowers the rate. False when the restarts are used up: the phase ends with that state.
  // Throws Failure where no state is good.
  bool go_back(double& rate) {
    restore_confirmed();
    rate *= kSlower;
    return ++restarts_ <= kMaxRestarts;
  }

  void restore_confirmed() {
    if (!good_) throw Failure{{ErrorCode::device, "the training does not converge"}};
    restore_(confirmed_);
    candidate_ = confirmed_;
    candidate_step_ = confirmed_step_;
  }

  int64_t step() const { return confirmed_step_; }  // steps of the phase that the confirmed state has seen
  int restarts() const { return restarts_; }

 private:
  std::function<State()> snapshot_;
  std::function<void(const State&)> restore_;
  State candidate_, confirmed_;
  bool good_;
  int64_t candidate_step_ = 0, confirmed_step_ = 0;
  int restarts_ = 0;
};

}  // namespace tessera
