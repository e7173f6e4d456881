#include "apps/tessera/command_line.h"
#include "apps/tessera/process.h"

int main(int argc, char** argv) {
  tessera::cli::prepare_process();
  return tessera::cli::run(argc, argv);
}
