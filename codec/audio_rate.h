// The bit budget of each audio packet: a reservoir that brings the whole stream, container included, to the rate that was asked for.
#pragma once

#include <cstdint>

namespace tessera {

class RateControl {
 public:
  // bit_rate in bit/s, sample_rate in Hz. Bytes that are no packets (the header) are told by spend() too.
  RateControl(double bit_rate, double sample_rate) : bits_a_sample_(bit_rate / sample_rate), sample_rate_(sample_rate) {}

  // Bits that a packet of so many samples may take. What earlier packets saved or took too much is spread over about two seconds;
  // the last packet settles all of it.
  double budget(uint64_t samples, bool last) const;

  // A packet of `samples` samples (0: something else) took so many bytes.
  void spend(uint64_t bytes, uint64_t samples);

 private:
  double bits_a_sample_, sample_rate_;
  double balance_ = 0;  // bits left over
};

}  // namespace tessera
