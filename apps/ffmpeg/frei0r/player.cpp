#include "apps/ffmpeg/frei0r/player.h"

#include <cstdio>
#include <cstring>
#include <vector>

#include "apps/ffmpeg/frei0r/yuv.h"

namespace tessera::frei0r {
namespace {

bool read_file(const std::string& path, std::vector<uint8_t>& bytes, std::string& message) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  bool good = file != nullptr;
  uint8_t part[1 << 16];
  for (size_t got = 1; good && got > 0;) {
    got = std::fread(part, 1, sizeof part, file);
    good = std::ferror(file) == 0;
    bytes.insert(bytes.end(), part, part + got);
  }
  if (file != nullptr) std::fclose(file);
  if (!good) message = path + " cannot be read";
  return good;
}

// 8 bits of a sample of `depth` bits.
uint8_t to_8_bits(const void* samples, size_t index, uint32_t depth) {
  if (depth == 8) return static_cast<const uint8_t*>(samples)[index];
  const uint32_t most = (1u << depth) - 1;
  return static_cast<uint8_t>((static_cast<const uint16_t*>(samples)[index] * 255u + most / 2) / most);
}

// A picture is decoded once and shown for ever.
class Picture : public Player {
 public:
  explicit Picture(std::vector<uint8_t> rgba) : rgba_(std::move(rgba)) {}

  bool next(uint8_t* rgba, std::string&) override {
    std::memcpy(rgba, rgba_.data(), rgba_.size());
    return true;
  }

 private:
  std::vector<uint8_t> rgba_;
};

std::unique_ptr<Player> open_picture(const std::vector<uint8_t>& bytes, Size size, std::string& message) {
  tsr_error error = TSR_INIT(tsr_error);
  tsr_image_decoder* made = nullptr;
  tsr_image* decoded = nullptr;
  tsr_image_view view = TSR_INIT(tsr_image_view);
  const bool good = tsr_image_decoder_create(nullptr, &made, &error) == TSR_OK &&
                    tsr_image_decoder_decode(made, bytes.data(), bytes.size(), &decoded, nullptr, &error) == TSR_OK;
  const Handle<tsr_image_decoder> decoder(made);
  const Handle<tsr_image> image(decoded);
  if (!good) {
    message = error.message;
    return nullptr;
  }
  tsr_image_get_view(decoded, &view);
  std::vector<uint8_t> rgba(size.bytes());
  const uint32_t colours = view.channels > 2 ? 3 : 1;
  for (size_t i = 0; i < size.pixels(); ++i) {
    for (uint32_t c = 0; c < 3; ++c) rgba[4 * i + c] = to_8_bits(view.data, i * view.channels + (colours == 3 ? c : 0), view.bit_depth);
    rgba[4 * i + 3] = view.channels % 2 == 0 ? to_8_bits(view.data, i * view.channels + colours, view.bit_depth) : 255;
  }
  return std::make_unique<Picture>(std::move(rgba));
}

// A video is decoded frame by frame. Damage gives the last picture again, as in any decoder of the project.
class Video : public Player {
 public:
  Video(Handle<tsr_reader> reader, Handle<tsr_video_decoder> decoder) : reader_(std::move(reader)), decoder_(std::move(decoder)) {}

  // Reads as far as the header. Null: there is none that can be read.
  const tsr_video_format* start(tsr_error& error) {
    while (!opened_ && !ended_ && read(error)) {}
    return opened_ ? &format_ : nullptr;
  }

  bool next(uint8_t* rgba, std::string& message) override {
    tsr_error error = TSR_INIT(tsr_error);
    tsr_video_view view = TSR_INIT(tsr_video_view);
    for (;;) {
      if (opened_) {
        if (tsr_video_decoder_receive(decoder_.get(), &view, &error) != TSR_OK) break;
        if (view.planes[0] != nullptr) {
          to_rgba(format_, view, rgba);
          return true;
        }
      }
      if (ended_) return true;
      if (!read(error)) break;
    }
    message = error.message;
    return false;
  }

 private:
  // One event of the stream.
  bool read(tsr_error& error) {
    tsr_event event = TSR_INIT(tsr_event);
    tsr_error damage = TSR_INIT(tsr_error);
    tsr_reader_next(reader_.get(), &event, &damage);
    switch (event.kind) {
      case TSR_EVENT_HEADER:
        if (tsr_video_decoder_open(decoder_.get(), event.data, event.size, &error) != TSR_OK) return false;
        opened_ = true;
        return tsr_video_decoder_get_format(decoder_.get(), &format_) == TSR_OK;
      case TSR_EVENT_PACKET:
        return tsr_video_decoder_send(decoder_.get(), event.data, event.size, &error) == TSR_OK ||
               tsr_video_decoder_lost(decoder_.get(), 1, &error) == TSR_OK;
      case TSR_EVENT_LOST:
        reporter_.say(damage.message);
        return tsr_video_decoder_lost(decoder_.get(), event.lost, &error) == TSR_OK;
      default:
        ended_ = true;
        if (damage.code != TSR_OK) reporter_.say(damage.message);
        if (!opened_) error = damage;
        return opened_ && tsr_video_decoder_flush(decoder_.get(), &error) == TSR_OK;
    }
  }

  Handle<tsr_reader> reader_;
  Handle<tsr_video_decoder> decoder_;
  tsr_video_format format_ = TSR_INIT(tsr_video_format);
  bool opened_ = false, ended_ = false;
  Reporter reporter_;
};

bool right_size(const std::string& path, uint32_t width, uint32_t height, Size size, std::string& message) {
  if (width == size.width && height == size.height) return true;
  const std::string wanted = std::to_string(width) + "x" + std::to_string(height);
  message = path + " has " + wanted + " pixels: write size=" + wanted;
  return false;
}

std::unique_ptr<Player> open_video(const std::string& path, const std::vector<uint8_t>& bytes, Size size, std::string& message) {
  tsr_error error = TSR_INIT(tsr_error);
  tsr_reader* read = nullptr;
  tsr_video_decoder* made = nullptr;
  const bool good = tsr_reader_create(&read, &error) == TSR_OK && tsr_reader_push(read, bytes.data(), bytes.size(), &error) == TSR_OK &&
                    tsr_reader_finish(read, &error) == TSR_OK && tsr_video_decoder_create(nullptr, &made, &error) == TSR_OK;
  Handle<tsr_reader> reader(read);
  Handle<tsr_video_decoder> decoder(made);
  auto video = std::make_unique<Video>(std::move(reader), std::move(decoder));
  const tsr_video_format* const format = good ? video->start(error) : nullptr;
  if (format == nullptr) {
    message = path + ": " + error.message;
    return nullptr;
  }
  if (!right_size(path, format->width, format->height, size, message)) return nullptr;
  return video;
}

// Of the header's flags, what decides how to go on: a damaged video is played as far as it goes, a damaged picture is not.
bool says_video(const std::vector<uint8_t>& bytes) { return bytes.size() > 5 && std::memcmp(bytes.data(), "TSR", 3) == 0 && (bytes[5] & 3) == 1; }

}  // namespace

std::unique_ptr<Player> open_player(const std::string& path, Size size, std::string& message) {
  std::vector<uint8_t> bytes;
  if (!read_file(path, bytes, message)) return nullptr;
  if (says_video(bytes)) return open_video(path, bytes, size, message);
  tsr_error error = TSR_INIT(tsr_error);
  tsr_info* made = nullptr;
  tsr_stream_info stream = TSR_INIT(tsr_stream_info);
  if (tsr_inspect(bytes.data(), bytes.size(), nullptr, &made, &error) != TSR_OK) {
    message = path + ": " + error.message;
    return nullptr;
  }
  const Handle<tsr_info> info(made);
  tsr_info_get(made, &stream);
  if (std::strcmp(stream.media, "image") != 0) {
    message = path + " is " + stream.media + ", not a picture";
    return nullptr;
  }
  if (!right_size(path, stream.width, stream.height, size, message)) return nullptr;
  auto player = open_picture(bytes, size, message);
  if (!player) message = path + ": " + message;
  return player;
}

}  // namespace tessera::frei0r
