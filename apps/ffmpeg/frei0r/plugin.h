// What the two frei0r plugins share: one way to report, pictures of the host, owned handles of the C interface.
#pragma once

#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "codec/tessera_c.h"

namespace tessera::frei0r {

// RGBA, 8 bits, rows without gaps.
struct Size {
  uint32_t width = 0, height = 0;
  size_t pixels() const { return size_t{width} * height; }
  size_t bytes() const { return pixels() * 4; }
};

struct Free {
  void operator()(tsr_image_encoder* p) const { tsr_image_encoder_free(p); }
  void operator()(tsr_image_decoder* p) const { tsr_image_decoder_free(p); }
  void operator()(tsr_image* p) const { tsr_image_free(p); }
  void operator()(tsr_video_encoder* p) const { tsr_video_encoder_free(p); }
  void operator()(tsr_video_decoder* p) const { tsr_video_decoder_free(p); }
  void operator()(tsr_reader* p) const { tsr_reader_free(p); }
  void operator()(tsr_info* p) const { tsr_info_free(p); }
  void operator()(uint8_t* p) const { tsr_free(p); }
};
template <class T>
using Handle = std::unique_ptr<T, Free>;

// frei0r has no way to tell the host what is wrong: a sentence goes to standard error, once for each in a row.
class Reporter {
 public:
  void say(const std::string& sentence);
  void clear() { last_.clear(); }

 private:
  std::string last_;
};

// The host may hand over any size and never says the stride. FFmpeg's rows begin at multiples of 16 bytes, other hosts' follow each other
// without gaps: where the width is a multiple of 4, that is the same. False, and a sentence, otherwise.
bool check_size(unsigned width, unsigned height);

// Runs `body`; the host is C, so nothing may be thrown through it. False: something was, and its sentence is on standard error.
template <class Body>
bool guarded(const Body& body) {
  try {
    body();
    return true;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tessera: %s\n", e.what());
    return false;
  }
}

// A frei0r string parameter.
inline std::string text_of(const void* value) {
  const char* const text = *static_cast<const char* const*>(value);
  return text == nullptr ? "" : text;
}

}  // namespace tessera::frei0r
