#include "tests/features/streams.h"

#include <gtest/gtest.h>

#include "models/still_model.h"
#include "tests/codec/pictures.h"
#include "tests/codec/sounds.h"
#include "tests/codec/videos.h"
#include "tests/models/inr/tiny_prior.h"
#include "tests/models/tiny_still.h"

namespace tessera::test {
namespace {

void add_pictures(const std::string& folder, std::vector<FeatureStream>& out) {
  int number = 0;
  for (const uint32_t channels : {1u, 2u, 3u, 4u}) {
    for (const uint32_t depth : {8u, 10u, 16u}) {
      for (const uint32_t tile : {0u, 64u}) {
        for (const int extras : {0, 1, 2, 3}) {
          EncoderOptions options{.quality = number * 7 % 64, .threads = 1, .checksum = (extras & 1) != 0, .tile = tile, .weights_dir = folder};
          ImageMetadata metadata;
          if (extras & 2) metadata.icc = Bytes(20, 1), metadata.exif = Bytes(12, 3), metadata.xmp = Bytes(9, 2);
          const auto size = static_cast<uint32_t>(number % 5);
          const Picture picture = photo(tile > 0 ? 70 + size : 9 + 16 * size, tile > 0 ? 129 : 33 + size, channels, depth);
          out.push_back({"image-" + std::to_string(channels) + "x" + std::to_string(depth) + "-tile" + std::to_string(tile) + (extras & 1 ? "-checksum" : "") +
                             (extras & 2 ? "-metadata" : ""),
                         encoded(picture, options, metadata)});
          ++number;
        }
      }
    }
  }
  // Enough symbols for 4 lanes.
  out.push_back({"image-lanes", encoded(photo(1024, 1024), {.quality = 63, .threads = 1, .weights_dir = folder})});
  for (const uint32_t channels : {1u, 2u, 3u, 4u}) {
    for (const uint32_t depth : {8u, 12u}) {
      const EncoderOptions options{.model = "overfit", .threads = 1, .effort = 0, .checksum = depth == 8, .weights_dir = folder};
      out.push_back({"overfit-" + std::to_string(channels) + "x" + std::to_string(depth), encoded(photo(20 + channels, 17, channels, depth), options)});
    }
  }
  for (const uint32_t channels : {1u, 4u}) {
    const EncoderOptions options{.model = "bayes", .quality = 20, .threads = 1, .effort = 0, .checksum = channels == 4, .weights_dir = folder};
    out.push_back({"bayes-" + std::to_string(channels), encoded(photo(11, 8 + channels, channels, 8), options)});
  }
}

void add_sounds(const std::string& folder, std::vector<FeatureStream>& out) {
  for (const char* model : {"speech", "sound", "coded"}) {
    for (const uint32_t channels : {1u, 2u}) {
      if (channels == 2 && std::string(model) != "sound") continue;
      for (const int extras : {0, 1, 2, 3}) {
        AudioEncoderOptions options;
        options.model = model;
        options.channels = channels;
        options.bit_rate = std::string(model) == "sound" ? 6000 : 3200;
        options.low_delay = (extras & 1) != 0;
        options.checksum = (extras & 2) != 0;
        options.weights_dir = folder;
        out.push_back({std::string("sound-") + model + "-" + std::to_string(channels) + (extras & 1 ? "-live" : "") + (extras & 2 ? "-checksum" : ""),
                       encoded(options, voice(8000, channels, 5000)).bytes()});
      }
    }
  }
  AudioEncoderOptions snippet;
  snippet.model = "bayes-sound";
  snippet.effort = 0;
  snippet.weights_dir = folder;
  out.push_back({"sound-bayes", encoded(snippet, voice(24000, 1, 700)).bytes()});
  AudioEncoderOptions options;
  options.bit_rate = 3200;
  options.weights_dir = folder;
  out.push_back({"sound-speech-index", encoded(options, voice(8000, 1, 8000 * 22)).bytes()});
}

void add_videos(const std::string& folder, std::vector<FeatureStream>& out) {
  int number = 0;
  for (const char* model : {"motion-lite", "motion", "stem"}) {
    for (const uint32_t depth : {8u, 10u}) {
      for (const int extras : {0, 1, 2, 3, 4, 5, 6, 7}) {
        VideoEncoderOptions options;
        options.model = model;
        options.quality = number * 11 % 64;
        options.keyint = extras & 1 ? 3 : 0;
        options.refresh = extras & 2 ? 2 : 0;
        options.checksum = (extras & 4) != 0;
        options.threads = 1;
        options.weights_dir = folder;
        Clip clip = moving_clip(17 + 16 * static_cast<uint32_t>(number % 3), 33, 6, depth);
        // A picture that stays: its frame has no symbols.
        clip.frames[4] = clip.frames[3];
        out.push_back({std::string("video-") + model + "-" + std::to_string(depth) + (extras & 1 ? "-keys" : "") + (extras & 2 ? "-refresh" : "") + (extras & 4 ? "-checksum" : ""),
                       encoded(options, clip).bytes()});
        ++number;
      }
    }
  }
  // Overfitted: the ideas that the stream tells of, with and without checksums, at 8 and 10 bits.
  for (const char* ideas : {"", "plain", "+skip,+affine"}) {
    VideoEncoderOptions options;
    options.model = "overfit-video";
    options.keyint = 3;
    options.fit_steps = 5;
    options.fit_without = ideas;
    options.checksum = *ideas != '\0';
    options.threads = 1;
    options.weights_dir = folder;
    out.push_back({std::string("overfit-video-") + (*ideas != '\0' ? ideas : "default"), encoded(options, moving_clip(33, 18, 5, *ideas == '+' ? 10 : 8)).bytes()});
  }
  // Packets whose quality changes.
  VideoEncoderOptions options;
  options.bit_rate = 20000;
  options.threads = 1;
  options.weights_dir = folder;
  out.push_back({"video-motion-lite-rate", encoded(options, moving_clip(48, 32, 12)).bytes()});
}

}  // namespace

std::vector<FeatureStream> feature_streams(const std::string& folder) {
  models::Still network(models::test::tiny_config());
  models::test::randomise(network, 3);
  models::export_still(network, folder + "/still.safetensors", "still", 1, "{}");
  write_weights(folder);
  write_video_weights(folder);
  models::inr::bayes::test::tiny_prior(folder + "/bayes.safetensors", false);
  models::inr::bayes::test::tiny_prior(folder + "/bayes-sound.safetensors", true);
  std::vector<FeatureStream> streams;
  add_pictures(folder, streams);
  add_sounds(folder, streams);
  add_videos(folder, streams);
  return streams;
}

}  // namespace tessera::test
