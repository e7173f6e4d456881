#include "apps/tessera/command_line.h"

int main(int argc, char** argv) { return tessera::cli::run(argc, argv); }
