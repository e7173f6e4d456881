// Round trip through the codec of video: one stream, whose state goes on from picture to picture.
#include <cstdio>
#include <cstring>

#include "apps/ffmpeg/frei0r/round_trip.h"
#include "apps/ffmpeg/frei0r/yuv.h"

namespace tessera::frei0r {
namespace {

class VideoTrip : public RoundTrip {
 public:
  VideoTrip(Size size, Handle<tsr_video_encoder> encoder, Handle<tsr_video_decoder> decoder)
      : size_(size), planes_(size), encoder_(std::move(encoder)), decoder_(std::move(decoder)) {
    tsr_video_decoder_get_format(decoder_.get(), &format_);
  }

  ~VideoTrip() override {
    if (file_ == nullptr) return;
    // The host has no picture left: the stream gets its end.
    tsr_video_packet packet = TSR_INIT(tsr_video_packet);
    bool good = tsr_video_encoder_flush(encoder_.get(), nullptr) == TSR_OK;
    while (good && tsr_video_encoder_receive(encoder_.get(), &packet, nullptr) == TSR_OK && packet.data != nullptr) good = keep(packet.data, packet.size);
    if (std::fclose(file_) != 0 || !good) Reporter().say(name_ + " cannot be written");
  }

  // Begins the file that receives the stream.
  bool open(const std::string& name, std::string& message) {
    const uint8_t* header = nullptr;
    size_t size = 0;
    name_ = name;
    file_ = std::fopen(name.c_str(), "wb");
    tsr_video_encoder_get_header(encoder_.get(), &header, &size);
    const bool good = file_ != nullptr && keep(header, size);
    if (!good) message = name + " cannot be written";
    return good;
  }

  bool code(const uint8_t* in, uint8_t* out, size_t& bytes, std::string& message) override {
    tsr_error error = TSR_INIT(tsr_error);
    planes_.from_rgba(in);
    tsr_video_view view = planes_.view();
    view.time = time_++;
    tsr_video_packet packet = TSR_INIT(tsr_video_packet);
    if (tsr_video_encoder_send(encoder_.get(), &view, &error) != TSR_OK ||
        tsr_video_encoder_receive(encoder_.get(), &packet, &error) != TSR_OK ||
        tsr_video_decoder_send(decoder_.get(), packet.data, packet.size, &error) != TSR_OK ||
        tsr_video_decoder_receive(decoder_.get(), &view, &error) != TSR_OK) {
      message = error.message;
      return false;
    }
    bytes = packet.size;
    to_rgba(format_, view, out);
    // Alpha is no part of a video.
    for (size_t i = 3; i < size_.bytes(); i += 4) out[i] = in[i];
    if (file_ != nullptr && !keep(packet.data, packet.size)) {
      message = name_ + " cannot be written";
      return false;
    }
    return true;
  }

 private:
  bool keep(const uint8_t* data, size_t size) { return std::fwrite(data, 1, size, file_) == size; }

  Size size_;
  Planes planes_;
  Handle<tsr_video_encoder> encoder_;
  Handle<tsr_video_decoder> decoder_;
  tsr_video_format format_ = TSR_INIT(tsr_video_format);
  uint64_t time_ = 0;
  std::string name_;
  std::FILE* file_ = nullptr;
};

}  // namespace

std::unique_ptr<RoundTrip> make_video_trip(const Coding& coding, Size size, std::string& message, bool& missing) {
  tsr_error error = TSR_INIT(tsr_error);
  tsr_video_encoder_options options;
  tsr_video_encoder_options_init(&options, sizeof options);
  options.quality = coding.quality;
  if (!coding.model.empty()) options.model = coding.model.c_str();
  const tsr_video_format format = Planes::format(size);
  tsr_video_encoder* made = nullptr;
  missing = tsr_video_encoder_create(&options, &format, &made, &error) == TSR_MODEL_MISSING;
  Handle<tsr_video_encoder> encoder(made);
  const uint8_t* header = nullptr;
  size_t bytes = 0;
  tsr_video_decoder* opened = nullptr;
  const bool good = encoder != nullptr && tsr_video_encoder_get_header(encoder.get(), &header, &bytes) == TSR_OK &&
                    tsr_video_decoder_create(nullptr, &opened, &error) == TSR_OK && tsr_video_decoder_open(opened, header, bytes, &error) == TSR_OK;
  Handle<tsr_video_decoder> decoder(opened);
  if (!good) {
    message = error.message;
    return nullptr;
  }
  auto trip = std::make_unique<VideoTrip>(size, std::move(encoder), std::move(decoder));
  if (!coding.stream.empty() && !trip->open(coding.stream, message)) return nullptr;
  return trip;
}

}  // namespace tessera::frei0r
