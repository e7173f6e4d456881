// tessera-train: trains the models in the box.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "apps/tessera-train/recipe.h"
#include "apps/tessera-train/still_trainer.h"

int main(int argc, char** argv) {
  CLI::App app{"Trains a Tessera model from a recipe. Resumable: give the checkpoint of an interrupted run to --resume."};
  std::string recipe_path;
  tessera::train::RunOptions options;
  std::string device = "cpu";
  app.add_option("--recipe", recipe_path, "recipe file, e.g. data/recipes/still.json")->required();
  app.add_option("--data", options.data, "dataset pack to train on")->required();
  app.add_option("--eval", options.eval, "dataset pack to evaluate on at the end (never trained on)");
  app.add_option("--out", options.out, "folder for weights.safetensors, checkpoint.safetensors and log.txt")->required();
  app.add_option("--init", options.init, "start from the values of this weights file");
  app.add_option("--resume", options.resume, "continue this checkpoint, optimiser state included");
  app.add_option("--device", device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--name", options.name, "model name in the weights file");
  app.add_option("--data-name", options.data_name, "what the training record says of the data");
  app.add_option("--revision", options.revision, "model revision in the weights file");
  app.add_option("--max-steps", options.max_steps, "stop after this many steps instead of by the clock");
  app.add_option("--checkpoint-minutes", options.checkpoint_minutes, "minutes between checkpoints");
  app.add_option("--log-every", options.log_every, "steps between log lines")->check(CLI::PositiveNumber);
  app.add_option("--clock-scale", options.clock_scale, "multiplies the minutes of every phase (for trials)");
  CLI11_PARSE(app, argc, argv);
  options.cuda = device == "cuda";
  try {
    return tessera::train::train_still(tessera::train::load_recipe(recipe_path), options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tessera-train: %s\n", e.what());
    return 2;
  }
}
