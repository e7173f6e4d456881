// tessera-pack: media files into the packs that tessera-train reads.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/tessera-pack/pack_video.h"
#include "data/pack_writer.h"

int main(int argc, char** argv) {
  CLI::App app{"Makes dataset packs for tessera-train."};
  app.require_subcommand(1);
  std::string out, folder;
  std::vector<std::string> files;

  CLI::App* pictures = app.add_subcommand("pictures", "Every picture below a folder, as 8-bit RGB");
  tessera::media::PackOptions picture_options;
  pictures->add_option("--out", out, "picture pack to write")->required();
  pictures->add_flag("--half-size", picture_options.half_size, "also each picture at half its size");
  pictures->add_option("--min-side", picture_options.min_side, "pixels; smaller pictures are left out");
  pictures->add_option("folder", folder)->required();

  CLI::App* video = app.add_subcommand("video", "Video files, as 8-bit 4:2:0, one clip a file");
  tessera::train::PackVideoOptions video_options;
  video->add_option("--out", out, "video pack to write")->required();
  video->add_option("--max-side", video_options.max_side, "luma samples; larger pictures are made smaller by a whole factor");
  video->add_option("--max-frames", video_options.max_frames, "of each file");
  video->add_option("--clip-frames", video_options.clip_frames, "begin a new clip every so many frames");
  video->add_option("files", files)->required();
  CLI11_PARSE(app, argc, argv);

  const auto result = pictures->parsed() ? tessera::media::pack_folder(folder, out, picture_options) : tessera::train::pack_video(out, files, video_options);
  if (!result) {
    std::fprintf(stderr, "tessera-pack: %s\n", result.status().message().c_str());
    return 1;
  }
  std::printf("%zu %s\n", *result, pictures->parsed() ? "pictures" : "clips");
  return 0;
}
