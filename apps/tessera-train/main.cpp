// tessera-train: trains the models in the box.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "apps/tessera-train/audio_pack.h"
#include "apps/tessera-train/audio_trainer.h"
#include "apps/tessera-train/bayes_trainer.h"
#include "apps/tessera-train/average.h"
#include "apps/tessera-train/compact.h"
#include "apps/tessera-train/kinds.h"
#include "apps/tessera-train/index_trainer.h"
#include "apps/tessera-train/recipe.h"
#include "apps/tessera-train/still_trainer.h"
#include "apps/tessera-train/video_trainer.h"

int main(int argc, char** argv) {
  CLI::App app{"Trains a Tessera model from a recipe. Resumable: give the checkpoint of an interrupted run to --resume."};
  std::string recipe_path;
  tessera::train::RunOptions options;
  std::string device = "cpu";
  // tessera-train pack-audio: raw samples into a pack for the audio models.
  std::string pack_path;
  std::vector<std::string> raw_files;
  uint32_t pack_rate = 24000, pack_channels = 1;
  CLI::App* pack = app.add_subcommand("pack-audio", "Packs files of raw interleaved little-endian 16-bit samples");
  pack->add_option("--out", pack_path, "audio pack to write")->required();
  pack->add_option("--rate", pack_rate, "sample rate in Hz")->check(CLI::Range(1000, 768000));
  pack->add_option("--channels", pack_channels, "1 or 2")->check(CLI::Range(1, 2));
  pack->add_option("files", raw_files, "raw files, one clip each")->required();

  // tessera-train average: one video model out of several checkpoints of a run.
  std::vector<std::string> average_in;
  std::vector<double> average_shares;
  std::string average_out;
  int64_t average_revision = 0;
  CLI::App* average = app.add_subcommand("average", "The mean of several weights of one video model, such as checkpoints of its training");
  average->add_option("--in", average_in, "weights files")->required()->delimiter(',');
  average->add_option("--shares", average_shares, "of each file, any scale; equal without this")->delimiter(',')->check(CLI::NonNegativeNumber);
  average->add_option("--out", average_out, "weights file to write")->required();
  average->add_option("--revision", average_revision, "model revision in the weights file; 0: that of the first")->check(CLI::Range(0, 999999999));
  // tessera-train compact: the released form of an audio model.
  std::string compact_in, compact_out, compact_data;
  CLI::App* compact = app.add_subcommand("compact", "The released form of a model: an audio model's matrices in int8, without what only training needs; of every model the record, the name and the revision, where they are given");
  compact->add_option("--in", compact_in, "weights file")->required();
  compact->add_option("--out", compact_out, "weights file to write")->required();
  compact->add_option("--data-name", compact_data, "what the training record says of the data");
  std::string compact_name;
  compact->add_option("--name", compact_name, "model name in the weights file; as it is without this");
  std::string compact_config;
  compact->add_option("--config", compact_config, "JSON object whose fields replace those of the model's configuration, e.g. {\"vector_coding\": \"mixed\"}");
  std::vector<std::string> compact_int8;
  compact->add_option("--int8", compact_int8, "video models: the pixel path's matrices whose names begin so are stored in int8, e.g. analysis.,hyper_analysis.")->delimiter(',');
  int64_t compact_revision = 0;
  compact->add_option("--revision", compact_revision, "model revision in the weights file; 0: as it is")->check(CLI::Range(0, 999999999));

  // tessera-train index: the index model of an audio model.
  tessera::train::IndexOptions index_options;
  CLI::App* index = tessera::train::add_index_command(app, index_options);

  // tessera-train kinds: by what encoders tell speech from other sound.
  std::string kinds_speech, kinds_other, kinds_out;
  CLI::App* kinds = app.add_subcommand("kinds", "The table by which encoders tell speech from other sound, from two audio packs of one channel at 16 kHz");
  kinds->add_option("--speech", kinds_speech, "audio pack of speech")->required();
  kinds->add_option("--other", kinds_other, "audio pack of music and other sound")->required();
  kinds->add_option("--out", kinds_out, "header to write: models/audio/sound_kind_table.h")->required();

  // tessera-train bayes: the prior of the Bayesian codec.
  tessera::train::BayesOptions bayes_options;
  CLI::App* bayes = tessera::train::add_bayes_command(app, bayes_options);

  app.add_option("--recipe", recipe_path, "recipe file, e.g. data/recipes/still.json");
  app.add_option("--data", options.data, "dataset pack to train on (audio pack for audio models)");
  app.add_option("--eval", options.eval, "dataset pack to evaluate on at the end (never trained on)");
  app.add_option("--out", options.out, "folder for weights.safetensors, checkpoint.safetensors and log.txt");
  app.add_option("--init", options.init, "start from the values of this weights file");
  app.add_option("--resume", options.resume, "continue this checkpoint, optimiser state included");
  app.add_option("--device", device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  CLI::Option* name = app.add_option("--name", options.name, "model name in the weights file; the recipe's without this");
  app.add_option("--data-name", options.data_name, "what the training record says of the data");
  app.add_option("--revision", options.revision, "model revision in the weights file");
  app.add_option("--max-steps", options.max_steps, "stop after this many steps instead of by the clock");
  app.add_option("--checkpoint-minutes", options.checkpoint_minutes, "minutes between checkpoints");
  app.add_option("--log-every", options.log_every, "steps between log lines")->check(CLI::PositiveNumber);
  app.add_option("--clock-scale", options.clock_scale, "multiplies the minutes of every phase (for trials)");
  tessera::train::VideoRunOptions video;
  app.add_option("--pictures", video.pictures, "video models: picture pack for synthetic motion");
  app.add_option("--eval-frames", video.eval_frames, "video models: evaluate at most so many frames of each clip");
  app.add_flag("!--no-graph", options.graph, "CUDA: run each step kernel by kernel instead of as one graph (slower; for looking for faults)");
  app.add_flag("--evaluate-only", video.evaluate_only, "video models: evaluate the weights --init on --eval, train nothing");
  CLI11_PARSE(app, argc, argv);
  options.cuda = device == "cuda";
  try {
    if (pack->parsed()) {
      tessera::train::write_audio_pack(pack_path, raw_files, pack_rate, pack_channels);
      return 0;
    }
    if (average->parsed()) {
      tessera::train::average_weights(average_in, average_shares, average_out, average_revision);
      return 0;
    }
    if (compact->parsed()) {
      tessera::train::compact_weights(compact_in, compact_out, compact_data, compact_revision, compact_name, compact_config, compact_int8);
      return 0;
    }
    if (kinds->parsed()) {
      tessera::train::make_kinds(kinds_speech, kinds_other, kinds_out);
      return 0;
    }
    if (index->parsed()) return tessera::train::train_index(index_options);
    if (bayes->parsed()) return tessera::train::train_bayes(bayes_options);
    if (video.evaluate_only) {
      if (options.init.empty() || options.eval.empty()) {
        std::fprintf(stderr, "tessera-train: --evaluate-only needs --init and --eval\n");
        return 2;
      }
      video.run = options;
      return tessera::train::evaluate_video(video);
    }
    if (recipe_path.empty() || options.data.empty() || options.out.empty()) {
      std::fprintf(stderr, "tessera-train: --recipe, --data and --out are needed\n");
      return 2;
    }
    const std::string model = tessera::train::recipe_model(recipe_path);
    if (name->count() == 0) options.name = model;
    if (tessera::train::is_video_recipe(recipe_path)) {
      video.run = options;
      return tessera::train::train_video(tessera::train::load_video_recipe(recipe_path), video);
    }
    if (model != "still") return tessera::train::train_audio(tessera::train::load_audio_recipe(recipe_path), options);
    return tessera::train::train_still(tessera::train::load_still_recipe(recipe_path), options);
  } catch (const std::exception& e) {
    const std::string text = e.what();  // libtorch's have a stack trace behind the first line
    std::fprintf(stderr, "tessera-train: %s\n", text.substr(0, text.find('\n')).c_str());
    return 2;
  }
}
