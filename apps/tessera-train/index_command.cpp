#include <CLI/CLI.hpp>

#include "apps/tessera-train/index_trainer.h"

namespace tessera::train {

CLI::App* add_index_command(CLI::App& app, IndexOptions& options) {
  CLI::App* index = app.add_subcommand("index", "Trains the exact model of an audio model's codebook indices, which makes its streams shorter");
  index->add_option("--model", options.model, "weights file of the audio model")->required();
  index->add_option("--data", options.data, "audio pack to train on")->required();
  index->add_option("--eval", options.eval, "audio pack to report on (never trained on)");
  index->add_option("--out", options.out, "weights file to write: the audio model with its index model")->required();
  index->add_option("--minutes", options.minutes, "minutes of training")->check(CLI::PositiveNumber);
  index->add_option("--packet", options.packet, "frames coded together")->check(CLI::Range(4, 256));
  index->add_option("--embedding", options.embedding, "channels of an embedding, a multiple of 16; 0: what keeps the model small");
  index->add_option("--context", options.context, "channels of the context, a multiple of 16")->check(CLI::Range(16, 512));
  index->add_option("--copies", options.copies, "of the data: all but the first have another level and speed")->check(CLI::Range(1, 16));
  index->add_option("--seed", options.seed, "of the random numbers");
  return index;
}

}  // namespace tessera::train
