#include "apps/tessera/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "data/temporary_file.h"

namespace tessera::cli {
namespace {

void end(int number) {
  media::remove_temporaries();
  std::signal(number, SIG_DFL);
  std::raise(number);  // so that whoever waits for the program sees what ended it
}

// A number that is free would go to the next file that is opened, and messages into it. The wrong direction keeps reads and writes failing.
void occupy(int descriptor, int flags) {
  if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) return;
  (void)::open("/dev/null", flags);  // takes the lowest free number; the lower ones are taken
}

}  // namespace

void prepare_process() {
  occupy(STDIN_FILENO, O_WRONLY);
  occupy(STDOUT_FILENO, O_RDONLY);
  occupy(STDERR_FILENO, O_RDONLY);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    if (std::signal(number, end) == SIG_IGN) std::signal(number, SIG_IGN);
  }
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace tessera::cli
