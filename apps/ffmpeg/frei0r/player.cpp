#include "apps/ffmpeg/frei0r/player.h"

#include <cstdio>
#include <cstring>
#include <vector>

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

}  // namespace

std::unique_ptr<Player> open_player(const std::string& path, Size size, std::string& message) {
  std::vector<uint8_t> bytes;
  if (!read_file(path, bytes, message)) return nullptr;
  tsr_error error = TSR_INIT(tsr_error);
  tsr_info* made = nullptr;
  tsr_stream_info stream = TSR_INIT(tsr_stream_info);
  if (tsr_inspect(bytes.data(), bytes.size(), nullptr, &made, &error) != TSR_OK) {
    message = path + ": " + error.message;
    return nullptr;
  }
  const Handle<tsr_info> info(made);
  tsr_info_get(made, &stream);
  const std::string media = stream.media;
  if (media == "audio") {
    message = path + " is sound, not pictures";
    return nullptr;
  }
  if (stream.width != size.width || stream.height != size.height) {
    message = path + " has " + std::to_string(stream.width) + "x" + std::to_string(stream.height) + " pixels: write size=" +
              std::to_string(stream.width) + "x" + std::to_string(stream.height);
    return nullptr;
  }
  auto player = open_picture(bytes, size, message);
  if (!player) message = path + ": " + message;
  return player;
}

}  // namespace tessera::frei0r
