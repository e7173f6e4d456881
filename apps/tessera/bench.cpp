// `tessera bench`: how long encoding and decoding take in this process, and what they give.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "apps/tessera/convert.h"
#include "apps/tessera/exit_codes.h"
#include "apps/tessera/jobs.h"
#include "apps/tessera/media_kind.h"
#include "apps/tessera/message.h"
#include "apps/tessera/model_media.h"
#include "apps/tessera/options.h"
#include "apps/tessera/psnr.h"
#include "apps/tessera/sound.h"
#include "apps/tessera/throughput.h"
#include "apps/tessera/video.h"
#include "data/picture_io.h"

namespace tessera::cli {
namespace {

struct Row {
  std::string file;
  uint32_t width = 0, height = 0;
  int quality = 0;
  double bpp = 0;
  double psnr_db = 0;
  double encode_seconds = 0, decode_seconds = 0;  // medians
  double decode_network_seconds = 0, decode_entropy_seconds = 0;
  Throughput throughput = {};  // when several pictures are coded at once
};

template <class Work>
double seconds_of(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Encodes and decodes one picture `repetitions` times, after one round that only warms up.
Result<Row> measure(const std::string& file, const media::Picture& picture, int repetitions,
                    ImageEncoder& encoder, ImageDecoder& decoder) {
  Result<Bytes> stream = Status();
  Result<Image> image = Status();
  Report report;
  std::vector<double> encode_times, decode_times, network_times, entropy_times;
  for (int i = 0; i <= repetitions; ++i) {
    const double encode_time =
        seconds_of([&] { stream = encoder.encode(view_of(picture), metadata_of(picture)); });
    if (!stream) return stream.status();
    const double decode_time = seconds_of([&] { image = decoder.decode(*stream, &report); });
    if (!image) return image.status();
    if (i == 0) continue;
    encode_times.push_back(encode_time);
    decode_times.push_back(decode_time);
    network_times.push_back(report.seconds_network);
    entropy_times.push_back(report.seconds_entropy);
  }
  Row row{file, picture.width, picture.height};
  row.bpp = 8.0 * static_cast<double>(stream->size()) / (static_cast<double>(picture.width) * picture.height);
  row.psnr_db = psnr(picture, picture_of(std::move(*image)));
  row.encode_seconds = median(encode_times);
  row.decode_seconds = median(decode_times);
  row.decode_network_seconds = median(network_times);
  row.decode_entropy_seconds = median(entropy_times);
  return row;
}

nlohmann::ordered_json to_json(const Row& row) {
  nlohmann::ordered_json json;
  json["file"] = row.file;
  json["width"] = row.width;
  json["height"] = row.height;
  json["quality"] = row.quality;
  json["bpp"] = row.bpp;
  json["psnr_db"] = std::isfinite(row.psnr_db) ? nlohmann::json(row.psnr_db) : nlohmann::json();
  json["encode_seconds"] = row.encode_seconds;
  json["decode_seconds"] = row.decode_seconds;
  json["decode_network_seconds"] = row.decode_network_seconds;
  json["decode_entropy_seconds"] = row.decode_entropy_seconds;
  if (row.throughput.decoded > 0) {
    json["encoded_per_second"] = row.throughput.encoded;
    json["decoded_per_second"] = row.throughput.decoded;
  }
  return json;
}

void print(const Row& row) {
  const double megapixels = static_cast<double>(row.width) * row.height / 1e6;
  say(stdout, "{:>3} {:>9.4f} {:>9.3f} {:>10.1f} {:>10.1f} {:>9.2f} {:>9.2f}  {}\n", row.quality, row.bpp,
             row.psnr_db, row.encode_seconds * 1e3, row.decode_seconds * 1e3, megapixels / row.encode_seconds,
             megapixels / row.decode_seconds, row.file);
  if (row.throughput.decoded > 0) {
    say(stdout, "    several at once: {:.1f} encoded, {:.1f} decoded a second\n", row.throughput.encoded, row.throughput.decoded);
  }
}

Status bench_file(const std::string& file, int quality, const BenchOptions& options, ImageEncoder& encoder,
                  ImageDecoder& decoder, const EncoderOptions& encoder_options, const DecoderOptions& decoder_options,
                  nlohmann::ordered_json& list) {
  auto picture = media::read_picture(file);
  if (!picture) return picture.status();
  auto row = measure(file, *picture, options.repetitions, encoder, decoder);
  if (!row) return row.status();
  row->quality = quality;
  if (options.parallel > 1) {
    const auto throughput = measure_throughput(view_of(*picture), metadata_of(*picture), encoder_options, decoder_options, options.parallel, options.repetitions);
    if (!throughput) return throughput.status();
    row->throughput = *throughput;
  }
  if (options.common.json) {
    list.push_back(to_json(*row));
  } else {
    print(*row);
  }
  return {};
}

// Sound is timed apart: its rows have other columns.
void bench_sound(const std::vector<std::string>& files, const BenchOptions& options, nlohmann::ordered_json& list, int& code) {
  if (!options.common.json) say(stdout, "{:<12} {:>9} {:>9} {:>8} {:>10} {:>10}  file\n", "model", "asked", "kbit/s", "s", "enc x", "dec x");
  for (const double rate : options.bit_rates) {
    for (const std::string& file : files) {
      const auto row = time_sound(file, rate, options);
      if (!row) {
        const int failed = fail(named(file, explained(row.status(), MediaType::sound, options.model, options.common.weights_dir)));
        if (code == kExitOk) code = failed;
        continue;
      }
      if (options.common.json) {
        list.push_back({{"file", file}, {"model", row->model}, {"asked", row->asked}, {"bit_rate", row->bit_rate}, {"seconds", row->seconds},
                        {"encode_seconds", row->encode_seconds}, {"decode_seconds", row->decode_seconds}});
      } else {
        say(stdout, "{:<12} {:>9.2f} {:>9.3f} {:>8.2f} {:>10.1f} {:>10.1f}  {}\n", row->model, row->asked / 1e3, row->bit_rate / 1e3, row->seconds,
                   row->seconds / row->encode_seconds, row->seconds / row->decode_seconds, file);
      }
    }
  }
}

nlohmann::ordered_json to_json(const VideoTimes& row) {
  const double frames = static_cast<double>(row.frames);
  nlohmann::ordered_json json = {{"file", row.file}, {"model", row.model}, {"width", row.width}, {"height", row.height}, {"frames", row.frames},
                                 {"key_frames", row.key_frames}};
  if (row.asked > 0) {
    json["asked"] = row.asked;
  } else {
    json["quality"] = row.quality;
  }
  json["bit_rate"] = row.bit_rate;
  json["bpp"] = row.bpp;
  json["psnr_y_db"] = row.psnr_y;
  json["psnr_u_db"] = row.psnr_u;
  json["psnr_v_db"] = row.psnr_v;
  json["psnr_611_db"] = row.psnr();
  json["encode_seconds"] = row.encode_seconds;
  json["decode_seconds"] = row.decode_seconds;
  json["encode_frames_per_second"] = frames / row.encode_seconds;
  json["decode_frames_per_second"] = frames / row.decode_seconds;
  json["encode_network_seconds"] = row.encode_network_seconds;
  json["encode_search_seconds"] = row.encode_search_seconds;
  json["encode_entropy_seconds"] = row.encode_entropy_seconds;
  json["decode_network_seconds"] = row.decode_network_seconds;
  json["decode_entropy_seconds"] = row.decode_entropy_seconds;
  return json;
}

// Video at each quality, or at each bit rate where some are named.
void bench_video(const std::vector<std::string>& files, const BenchOptions& options, nlohmann::ordered_json& list, int& code) {
  struct Point {
    int quality;
    double bit_rate;
  };
  std::vector<Point> points;
  for (const double rate : options.bit_rates) {
    if (rate > 0) points.push_back({EncodeOptions{}.quality, rate});
  }
  if (points.empty()) {
    for (const int quality : options.qualities) points.push_back({quality, 0});
  }
  if (!options.common.json) {
    say(stdout, "{:<12} {:>3} {:>9} {:>8} {:>7} {:>7} {:>7} {:>8} {:>9} {:>9}  file\n", "model", "q", "kbit/s", "bpp", "Y dB", "U dB", "V dB", "6:1:1 dB",
               "enc fps", "dec fps");
  }
  for (const Point& point : points) {
    for (const std::string& file : files) {
      const auto row = time_video(file, point.quality, point.bit_rate, options);
      if (!row) {
        const int failed = fail(named(file, explained(row.status(), MediaType::video, options.model, options.common.weights_dir)));
        if (code == kExitOk) code = failed;
        continue;
      }
      if (options.common.json) {
        list.push_back(to_json(*row));
        continue;
      }
      const double frames = static_cast<double>(row->frames);
      say(stdout, "{:<12} {:>3} {:>9.1f} {:>8.4f} {:>7.3f} {:>7.3f} {:>7.3f} {:>8.3f} {:>9.2f} {:>9.2f}  {}\n", row->model,
                 point.bit_rate > 0 ? "-" : std::to_string(row->quality), row->bit_rate / 1e3, row->bpp, row->psnr_y, row->psnr_u, row->psnr_v, row->psnr(),
                 frames / row->encode_seconds, frames / row->decode_seconds, file);
    }
  }
}

}  // namespace

int bench_command(const BenchOptions& options) {
  DecoderOptions decoder_options;
  decoder_options.device = options.common.device;
  decoder_options.threads = options.common.threads;
  decoder_options.weights_dir = options.common.weights_dir;
  auto decoder = ImageDecoder::create(decoder_options);
  if (!decoder) return fail(decoder.status());
  auto list = nlohmann::ordered_json::array();
  int code = kExitOk;
  std::vector<std::string> pictures, sounds, videos;
  for (const std::string& file : options.common.files) {
    const auto type = is_pipe(file) ? Result<MediaType>(Status(ErrorCode::invalid_argument, "bench reads its inputs several times, which a pipe does not allow"))
                                  : type_of_input(file);
    if (!type) {
      const int failed = fail(named(file, type.status()));
      if (code == kExitOk) code = failed;
      continue;
    }
    const MediaType kind = *type;
    (kind == MediaType::sound ? sounds : kind == MediaType::video ? videos : pictures).push_back(file);
  }
  if (!videos.empty()) bench_video(videos, options, list, code);
  if (!sounds.empty()) bench_sound(sounds, options, list, code);
  if (!options.common.json && !pictures.empty()) {
    say(stdout, "{:>3} {:>9} {:>9} {:>10} {:>10} {:>9} {:>9}  file\n", "q", "bpp", "PSNR dB", "enc ms",
               "dec ms", "enc MP/s", "dec MP/s");
  }
  std::set<std::string> failures;
  for (int quality : options.qualities) {
    if (pictures.empty()) break;
    EncoderOptions encoder_options;
    if (!options.model.empty()) encoder_options.model = options.model;
    encoder_options.quality = quality;
    encoder_options.device = options.common.device;
    encoder_options.threads = options.common.threads;
    encoder_options.effort = options.effort;
    encoder_options.weights_dir = options.common.weights_dir;
    auto encoder = ImageEncoder::create(encoder_options);
    if (!encoder) return fail(explained(encoder.status(), MediaType::picture, options.model, options.common.weights_dir));
    for (const std::string& file : pictures) {
      const Status status = named(file, bench_file(file, quality, options, *encoder, *decoder, encoder_options, decoder_options, list));
      if (status.ok()) continue;
      const int failed = fail(status);
      if (code == kExitOk) code = failed;
      failures.insert(file);
    }
    // What failed once is not tried with the other qualities.
    std::erase_if(pictures, [&](const std::string& file) { return failures.contains(file); });
  }
  if (options.common.json)
    say(stdout, "{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return code;
}

}  // namespace tessera::cli
