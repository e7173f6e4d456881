// frei0r source `tessera_src`: plays a .tsr file. docs/ffmpeg.md has the commands.
#include <cstring>
#include <string>
#include <vector>

#include "apps/ffmpeg/frei0r/frei0r.h"
#include "apps/ffmpeg/frei0r/player.h"
#include "apps/ffmpeg/frei0r/text.h"

namespace tessera::frei0r {
namespace {

class Source {
 public:
  explicit Source(Size size) : size_(size), shown_(size.bytes()) {}

  void open(const std::string& path) {
    if (path == path_) return;
    path_ = path;
    player_.reset();
    failed_ = false;
  }
  const std::string& path() const { return path_; }

  void update(uint8_t* out) {
    std::string message;
    if (!failed_ && !next(message)) {
      // The host cannot be told to stop: a black picture with the reason on it.
      reporter_.say(message);
      for (size_t i = 0; i < size_.pixels(); ++i) std::memcpy(&shown_[4 * i], "\0\0\0\xFF", 4);
      draw_text("tessera: " + message, size_, shown_.data());
      failed_ = true;
    }
    show(out);
  }

  // The picture that was shown last.
  void show(uint8_t* out) const { std::memcpy(out, shown_.data(), size_.bytes()); }

 private:
  // The next picture; the last one again where the stream has ended, since frei0r knows no end.
  bool next(std::string& message) {
    if (path_.empty()) {
      message = "the first parameter is the file to play";
      return false;
    }
    if (!player_) player_ = open_player(path_, size_, message);
    return player_ != nullptr && player_->next(shown_.data(), message);
  }

  Size size_;
  std::vector<uint8_t> shown_;
  std::string path_;
  std::unique_ptr<Player> player_;
  bool failed_ = false;
  Reporter reporter_;
};

}  // namespace
}  // namespace tessera::frei0r

using tessera::frei0r::guarded;
using tessera::frei0r::Source;

f0r_instance_t f0r_construct(unsigned width, unsigned height) {
  if (!tessera::frei0r::check_size(width, height)) return nullptr;
  Source* made = nullptr;
  guarded([&] { made = new Source(tessera::frei0r::Size{width, height}); });
  return made;
}

void f0r_destruct(f0r_instance_t instance) { delete static_cast<Source*>(instance); }

void f0r_set_param_value(f0r_instance_t instance, f0r_param_t value, int index) {
  if (index == 0) guarded([&] { static_cast<Source*>(instance)->open(tessera::frei0r::text_of(value)); });
}

void f0r_get_param_value(f0r_instance_t instance, f0r_param_t value, int index) {
  if (index == 0) *static_cast<const char**>(value) = static_cast<Source*>(instance)->path().c_str();
}

void f0r_update(f0r_instance_t instance, double, const uint32_t*, uint32_t* out) {
  auto* const source = static_cast<Source*>(instance);
  if (!guarded([&] { source->update(reinterpret_cast<uint8_t*>(out)); })) source->show(reinterpret_cast<uint8_t*>(out));
}
