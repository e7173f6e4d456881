// Round trip through the codec of still images: every picture is a stream of its own.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "apps/ffmpeg/frei0r/round_trip.h"

namespace tessera::frei0r {
namespace {

// NAME of the file for picture `number`, from 1: a %d, or %04d and the like, stands for it as in FFmpeg. Empty: the name has none.
std::string numbered(const std::string& name, uint64_t number) {
  const size_t at = name.find('%');
  const size_t end = at == std::string::npos ? at : name.find_first_not_of("0123456789", at + 1);
  if (end == std::string::npos || name[end] != 'd') return {};
  std::string digits = std::to_string(number);
  const size_t width = end > at + 1 ? std::min<size_t>(20, std::strtoul(name.c_str() + at + 1, nullptr, 10)) : 0;
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return name.substr(0, at) + digits + name.substr(end + 1);
}

class StillTrip : public RoundTrip {
 public:
  StillTrip(Size size, std::string stream, Handle<tsr_image_encoder> encoder, Handle<tsr_image_decoder> decoder)
      : size_(size), stream_(std::move(stream)), encoder_(std::move(encoder)), decoder_(std::move(decoder)) {}

  bool code(const uint8_t* in, uint8_t* out, size_t& bytes, std::string& message) override {
    tsr_error error = TSR_INIT(tsr_error);
    const tsr_image_view picture = opaque(in) ? without_alpha(in) : with_alpha(in);
    uint8_t* coded = nullptr;
    tsr_image* decoded = nullptr;
    tsr_image_view back = TSR_INIT(tsr_image_view);
    if (tsr_image_encoder_encode(encoder_.get(), &picture, nullptr, &coded, &bytes, nullptr, &error) != TSR_OK) {
      message = error.message;
      return false;
    }
    const Handle<uint8_t> stream(coded);
    if (tsr_image_decoder_decode(decoder_.get(), coded, bytes, &decoded, nullptr, &error) != TSR_OK) {
      message = error.message;
      return false;
    }
    const Handle<tsr_image> image(decoded);
    tsr_image_get_view(decoded, &back);
    show(back, out);
    return stream_.empty() || keep(coded, bytes, message);
  }

 private:
  bool opaque(const uint8_t* rgba) const {
    for (size_t i = 0; i < size_.pixels(); ++i) {
      if (rgba[4 * i + 3] != 255) return false;
    }
    return true;
  }

  tsr_image_view with_alpha(const uint8_t* rgba) const {
    tsr_image_view view = TSR_INIT(tsr_image_view);
    view.data = rgba;
    view.stride = size_t{size_.width} * 4;
    view.width = size_.width;
    view.height = size_.height;
    view.channels = 4;
    view.bit_depth = 8;
    return view;
  }

  tsr_image_view without_alpha(const uint8_t* rgba) {
    rgb_.resize(size_.pixels() * 3);
    for (size_t i = 0; i < size_.pixels(); ++i) std::memcpy(&rgb_[3 * i], rgba + 4 * i, 3);
    tsr_image_view view = with_alpha(rgb_.data());
    view.stride = size_t{size_.width} * 3;
    view.channels = 3;
    return view;
  }

  void show(const tsr_image_view& view, uint8_t* out) const {
    const auto* from = static_cast<const uint8_t*>(view.data);
    if (view.channels == 4) {
      std::memcpy(out, from, size_.bytes());
      return;
    }
    for (size_t i = 0; i < size_.pixels(); ++i) {
      std::memcpy(out + 4 * i, from + 3 * i, 3);
      out[4 * i + 3] = 255;
    }
  }

  bool keep(const uint8_t* data, size_t bytes, std::string& message) {
    std::string name = numbered(stream_, ++number_);
    if (name.empty()) {
      if (number_ > 1) {
        message = stream_ + " holds the first picture: still images need a name with %d for the number of the picture";
        return false;
      }
      name = stream_;
    }
    std::FILE* file = std::fopen(name.c_str(), "wb");
    bool good = file != nullptr && std::fwrite(data, 1, bytes, file) == bytes;
    if (file != nullptr) good = std::fclose(file) == 0 && good;
    if (!good) message = name + " cannot be written";
    return good;
  }

  Size size_;
  std::string stream_;
  Handle<tsr_image_encoder> encoder_;
  Handle<tsr_image_decoder> decoder_;
  std::vector<uint8_t> rgb_;
  uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<RoundTrip> make_still_trip(const Coding& coding, Size size, std::string& message) {
  tsr_error error = TSR_INIT(tsr_error);
  tsr_image_encoder_options options;
  tsr_image_encoder_options_init(&options, sizeof options);
  options.quality = coding.quality;
  if (!coding.model.empty()) options.model = coding.model.c_str();
  tsr_image_encoder* encoder = nullptr;
  tsr_image_decoder* decoder = nullptr;
  if (tsr_image_encoder_create(&options, &encoder, &error) != TSR_OK || tsr_image_decoder_create(nullptr, &decoder, &error) != TSR_OK) {
    tsr_image_encoder_free(encoder);
    message = error.message;
    return nullptr;
  }
  return std::make_unique<StillTrip>(size, coding.stream, Handle<tsr_image_encoder>(encoder), Handle<tsr_image_decoder>(decoder));
}

}  // namespace tessera::frei0r
