#include "apps/tessera/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "apps/tessera/exit_codes.h"
#include "apps/tessera/message.h"
#include "apps/tessera/options.h"
#include "bitstream/header.h"

namespace tessera::cli {
namespace {

// Options that most sub-commands share.
void add_files(CLI::App& command, Common& common, const char* help) {
  command.add_option("files", common.files, help)->required()->type_name("FILE");
}

void add_weights(CLI::App& command, Common& common) {
  command.add_option("--weights-dir", common.weights_dir, "Folder of the models' weights")
      ->envname("TESSERA_WEIGHTS")
      ->type_name("DIR");
}

void add_machine(CLI::App& command, Common& common) {
  add_weights(command, common);
  const auto set_device = [&common](const std::string& name) {
    common.device = name == "cuda" ? Device::cuda : Device::cpu;
  };
  command
      .add_option_function<std::string>("--device", set_device, "Where the networks run: cpu or cuda (cpu)")
      ->transform(CLI::IsMember({"cpu", "cuda"}, CLI::ignore_case).description(""))
      ->type_name("NAME");
  command.add_option("--threads", common.threads, "Threads for all files together; 0: all cores (0)")
      ->check(CLI::Range(0, 1024).description(""))
      ->type_name("N");
}

void add_json(CLI::App& command, Common& common) { command.add_flag("--json", common.json, "Print JSON"); }

void add_quiet(CLI::App& command, Common& common) {
  command.add_flag("--quiet", common.quiet, "Print errors only");
}

void add_output(CLI::App& command, Output& output, const char* force_help) {
  command.add_option("--out-dir", output.out_dir, "Folder for the outputs: every FILE is an input")
      ->type_name("DIR");
  auto* force = command.add_flag("-y,--force", output.overwrite, force_help);
  command.add_flag("-n,--no-overwrite", output.keep_existing, "Fail where an output exists")->excludes(force);
}

// As CLI::Range, but without NaN and without trailing zeros.
CLI::Validator within(double least, double most) {
  return CLI::Validator(
      [=](const std::string& text) {
        char* end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        if (end != text.c_str() && *end == '\0' && value >= least && value <= most) return std::string();
        return fmt::format("Value {} not in range {} to {}", text, least, most);
      },
      "");
}

// "6000", "6k", "6.5K", "1.5M" in bit/s. Throws CLI::ValidationError.
double bit_rate_of(const std::string& text, const char* option = "--bitrate") {
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (end != text.c_str() && (*end == 'k' || *end == 'K')) value *= 1000, ++end;
  if (end != text.c_str() && *end == 'M') value *= 1e6, ++end;
  if (end == text.c_str() || *end != '\0' || !(value > 0 && value < 1e9)) {
    throw CLI::ValidationError(option, text + " is no bit rate: 6000, 6k or 1.5M");
  }
  return value;
}

void add_encode(CLI::App& app, EncodeOptions& o, int& code) {
  auto* c = app.add_subcommand("encode", "Encode pictures (PNG, JPEG, WebP, TIFF, PPM, BMP), sound and video (what FFmpeg reads) to .tsr streams");
  add_files(*c, o.common, "IN [OUT.tsr], or IN... with --out-dir; - for a standard stream");
  auto* quality = c->add_option("-q,--quality", o.quality, "0 (smallest) to 63 (best) (32)")
                      ->check(CLI::Range(0, 63).description(""))
                      ->type_name("Q");
  c->add_option("--bpp", o.bpp, "Bits per pixel to aim at, instead of a quality")
      ->check(within(0.001, 48))
      ->excludes(quality)
      ->type_name("X");
  c->add_option_function<std::string>("--bitrate", [&o](const std::string& text) { o.bit_rate = bit_rate_of(text); },
                                      "Sound and video: bit/s of the whole file, or with a k or M (speech: 6k, sound: 12k)")
      ->excludes(quality)
      ->type_name("RATE");
  c->add_flag("--low-delay", o.low_delay, "Sound: packets of about 25 ms, and the model's causal variant");
  c->add_option("--keyint,--gop", o.keyint, "Video: frames from one key frame to the next at most; 0: only at scene cuts (0)")->type_name("N");
  c->add_flag_callback("--no-scenecut", [&o] { o.scene_cuts = false; }, "Video: no key frames at scene cuts");
  auto* silent = c->add_flag_callback("--no-sound", [&o] { o.sound = false; }, "Video: without its sound");
  c->add_option_function<std::string>("--sound-bitrate", [&o](const std::string& text) { o.sound_bit_rate = bit_rate_of(text, "--sound-bitrate"); },
                                      "Video to .tsr: bit/s of its sound, as for --bitrate (12k)")
      ->excludes(silent)
      ->type_name("RATE");
  c->add_option("--buffer", o.buffer, "Video with --bitrate: seconds of it that a receiver's buffer holds (1)")
      ->check(within(0.02, 3600))
      ->type_name("S");
  c->add_option("--model,--codec", o.model,
                "Model (still; sound: speech, speech-hq or sound; video: motion-lite or motion); see tessera models; overfit, overfit-video: train a network for the file; bayes: for small pictures and snippets of sound")
      ->type_name("NAME");
  c->add_option("--effort", o.effort, "0 to 9 (5); pictures: from 7 on the latents are refined, 25, 75, 250 rounds; video: the motion search; sound: the search for codes, from 7 on the latents too; overfit: 60 to 100 000 steps, overfit-video: 30 to 50 000, bayes: 30 to 4000")
      ->check(CLI::Range(0, 9).description(""))
      ->type_name("N");
  c->add_option("--without", o.without, "overfit-video, for comparison: leave out sine, separable, even, warm, entropy, rounding, or plain (the first two and warm); take in +skip, +affine")
      ->type_name("LIST");
  c->add_option("--front", o.front, "overfit: front end of the synthesis, plain, rbf or metric (plain)")->type_name("NAME");
  c->add_option("--tile", o.tile, "Tile side in pixels, a multiple of 64; 0: chosen by the size (0)")
      ->type_name("N");
  c->add_flag_callback("--no-checksum", [&o] { o.checksum = false; }, "Do not store a checksum of the symbols");
  add_output(*c, o.output, "Overwrite existing outputs (the default)");
  add_machine(*c, o.common);
  add_quiet(*c, o.common);
  c->callback([&] { code = encode_command(o); });
}

void add_decode(CLI::App& app, DecodeOptions& o, int& code) {
  auto* c = app.add_subcommand("decode", "Decode .tsr streams to pictures, sound and video");
  add_files(*c, o.common, "IN.tsr [OUT], or IN.tsr... with --out-dir; - for a standard stream");
  c->add_option("--format", o.format,
                "png, jpg, webp, tif, ppm, pgm, bmp; wav, flac, opus, mp4; y4m, mp4, mkv (by the output's extension, or png, wav and mp4)")
      ->transform(CLI::IsMember({"png", "jpg", "jpeg", "webp", "tif", "tiff", "ppm", "pgm", "bmp", "wav", "flac", "opus", "mp4", "m4a", "y4m", "mkv"}, CLI::ignore_case)
                  .description(""))
      ->type_name("EXT");
  c->add_option("--max-pixels", o.max_pixels, "Refuse larger pictures (268435456)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40).description(""))
      ->type_name("N");
  c->add_option("--max-memory", o.max_memory_mib, "Refuse streams that need more memory, in MiB (8192)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40).description(""))
      ->type_name("MIB");
  c->add_option("--max-time", o.max_seconds, "Give a stream up that takes longer to decode, in seconds; 0: any time (0)")
      ->check(within(0, 1e9))
      ->type_name("S");
  c->add_flag_callback("--no-sound", [&o] { o.sound = false; }, "Video: without its sound");
  add_output(*c, o.output, "Overwrite existing outputs (the default for those that are named, or in --out-dir)");
  add_machine(*c, o.common);
  add_quiet(*c, o.common);
  c->callback([&] { code = decode_command(o); });
}

void add_info(CLI::App& app, InfoOptions& o, int& code) {
  auto* c = app.add_subcommand("info", "Show what streams say about themselves");
  add_files(*c, o.common, "Streams; - for standard input");
  c->add_flag("--check", o.check, "Also decode the symbols and compare their checksum");
  add_json(*c, o.common);
  add_machine(*c, o.common);
  c->callback([&] { code = info_command(o); });
}

void add_verify(CLI::App& app, Common& o, int& code) {
  auto* c = app.add_subcommand("verify", "Decode the symbols and prove their checksum");
  add_files(*c, o, "Streams; - for standard input");
  add_machine(*c, o);
  add_quiet(*c, o);
  c->callback([&] { code = verify_command(o); });
}

void add_models(CLI::App& app, Common& o, int& code) {
  auto* c = app.add_subcommand("models", "List the installed models");
  add_json(*c, o);
  add_weights(*c, o);
  c->callback([&] { code = models_command(o); });
}

void add_bench(CLI::App& app, BenchOptions& o, int& code) {
  auto* c = app.add_subcommand("bench", "Time encoding and decoding in this process");
  add_files(*c, o.common, "Pictures, sound and video");
  c->add_option("-q,--quality", o.qualities, "Qualities, separated by commas (16,32,48)")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->check(CLI::Range(0, 63).description(""))
      ->type_name("Q,...");
  c->add_option("--repeat", o.repetitions, "Repetitions; the median counts (5)")
      ->check(CLI::Range(1, 10000).description(""))
      ->type_name("N");
  c->add_option_function<std::vector<std::string>>("--bitrate", [&o](const std::vector<std::string>& texts) {
     o.bit_rates.clear();
     for (const std::string& text : texts) o.bit_rates.push_back(bit_rate_of(text));
   }, "Sound and video: bit rates, separated by commas (speech: 6k, sound: 12k)")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->type_name("RATE,...");
  c->add_option("--parallel", o.parallel, "Also code so many pictures at once, and print how many a second (1)")
      ->check(CLI::Range(1, 64).description(""))
      ->type_name("N");
  c->add_option("--frames", o.frames, "Video: at most so many frames; 0: all (0)")
      ->check(CLI::Range(uint64_t{0}, uint64_t{1} << 40).description(""))
      ->type_name("N");
  c->add_option("--model", o.model, "Model (still; sound: speech, speech-hq or sound; video: motion-lite or motion)")->type_name("NAME");
  c->add_option("--effort", o.effort, "0 to 9 (5)")->check(CLI::Range(0, 9).description(""))->type_name("N");
  add_json(*c, o.common);
  add_machine(*c, o.common);
  c->callback([&] { code = bench_command(o); });
}

// What is wrong with the command line, where CLI11's own words do not say it.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error, const std::string& first) {
  const auto commands = app.get_subcommands();
  if (commands.empty() || first.starts_with('-')) {
    std::string names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) names += (names.empty() ? "" : ", ") + command->get_name();
    const std::string what = first.empty() ? "no command" : first[0] == '-' ? "a command has to come before " + first : "\"" + first + "\" is no command";
    return what + ": " + names + " (see tessera --help)";
  }
  std::string what = error.what();
  if (what == "files is required") {
    const auto unknown = commands[0]->remaining();
    what = unknown.empty() ? "no input file" : unknown[0] + " is no option; a file of such a name goes behind --";
  }
  return what + " (see tessera " + commands[0]->get_name() + " --help)";
}

int parse_and_run(int argc, const char* const* argv) {
  CLI::App app("Tessera, a learned media codec", "tessera");
  app.set_version_flag("--version", fmt::format("tessera {} (stream format {}.{})", TESSERA_VERSION,
                                                bitstream::kVersionMajor, bitstream::kVersionMinor));
  app.require_subcommand(1);
  app.footer(exit_code_help());
  app.fallthrough(false);

  int code = kExitOk;
  EncodeOptions encode;
  DecodeOptions decode;
  InfoOptions info;
  Common verify, models;
  BenchOptions bench;
  add_encode(app, encode, code);
  add_decode(app, decode, code);
  add_info(app, info, code);
  add_verify(app, verify, code);
  add_models(app, models, code);
  add_bench(app, bench, code);
  for (CLI::App* command : app.get_subcommands({})) command->footer(exit_code_help());
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    fail({ErrorCode::invalid_argument, usage_error(app, error, argc > 1 ? argv[1] : "")});
    return kExitUsage;
  }
  // What was printed may still wait in a buffer: a full disk shows here.
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    return fail({ErrorCode::io, "standard output: cannot write"});
  }
  return code;
}

}  // namespace

int run(int argc, const char* const* argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const std::bad_alloc&) {
    return fail({ErrorCode::out_of_memory, "out of memory"});
  } catch (const std::exception& error) {
    say(stderr, "tessera: unexpected failure: {}\n", error.what());
    return kExitUnexpected;
  }
}

}  // namespace tessera::cli
