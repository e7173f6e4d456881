// One-pass rate control of video with a buffer model: which quality the next frame gets, so that a receiver whose buffer holds so many
// seconds of the bit rate neither starves nor waits long.
//
// The bits of a frame grow exponentially with its quality: log2(bits) = complexity + slope * quality. The complexity of key frames and of
// predicted frames, apart for each step of the quality pattern, is tracked as frames are coded. What was spent too much or too little
// is made up for over one and a half times the buffer.
#pragma once

#include <array>
#include <cstdint>

namespace tessera {

class VideoRate {
 public:
  // bit_rate in bit/s, frame_rate in Hz, buffer in seconds, pixels of a frame.
  VideoRate(double bit_rate, double frame_rate, double buffer, uint64_t pixels);

  // 0..63, bonus of the pattern included. `key`: a key frame, for which `bonus` is the pattern's first.
  int quality(bool key, int bonus);
  // What a frame of that quality cost. Attempts that are not sent are only learned from.
  void learn(bool key, int bonus, int quality, double bits);
  void spend(double bits);
  // Time goes on, in seconds: bits become available.
  void pass(double seconds);

 private:
  static int kind_of(bool key, int bonus);
  double predicted(int kind, int quality) const;  // bits

  double bit_rate_, frame_rate_, buffer_;  // buffer in bits
  double debt_ = 0;                        // bits spent beyond what time has allowed; negative: saved
  static constexpr int kKinds = 4;
  std::array<double, kKinds> complexity_;
  std::array<uint64_t, kKinds> seen_{};
  int last_base_ = -1, base_ = -1;  // quality without the bonus: of the last predicted frame, and as chosen last
};

}  // namespace tessera
