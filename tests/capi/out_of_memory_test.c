/* Memory that runs out at the n-th request, while a golden stream is decoded or a small one encoded through the C interface: each call succeeds or is
 * TSR_OUT_OF_MEMORY, nothing crashes, and with memory again the same comes out as ever.
 *
 *   capi_out_of_memory_test FOLDER STREAM [TRIES]     FOLDER: golden streams
 *   capi_out_of_memory_test FOLDER encode:MEDIUM [TRIES]     MEDIUM: image, sound or video
 *   ... TRIES REQUEST[+]                              in this process, for a debugger: this request only; with a + all behind as well; weights not loaded
 *
 * Each try is a process of its own (fork), once before the weights are loaded and once after. Requests fail in the calling thread only: libtorch's
 * own threads end the program when they get no memory, which no library can mend; decoding with one thread has none of them. In half of the tries
 * one request fails, in the other all from the n-th on. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/capi/check.h"
#include "tests/capi/out_of_memory.h"

/* ---- The allocator: glibc's, with a counter -------------------------------------------------------------------------------------- */

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* block, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

static _Thread_local int counting = 0, forever = 0;
static _Thread_local long requests = 0, failing_request = 0; /* the n-th; 0: none */

static int refused(void) {
  if (!counting) return 0;
  ++requests;
  return failing_request > 0 && (forever ? requests >= failing_request : requests == failing_request);
}

static void* none(void) {
  errno = ENOMEM;
  return NULL;
}

void* malloc(size_t size) { return refused() ? none() : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return refused() ? none() : __libc_calloc(count, size); }
void* realloc(void* block, size_t size) { return refused() ? none() : __libc_realloc(block, size); }
void* aligned_alloc(size_t alignment, size_t size) { return refused() ? none() : __libc_memalign(alignment, size); }
void* memalign(size_t alignment, size_t size);
void* memalign(size_t alignment, size_t size) { return refused() ? none() : __libc_memalign(alignment, size); }
int posix_memalign(void** block, size_t alignment, size_t size) {
  void* made = refused() ? NULL : __libc_memalign(alignment, size);
  if (made == NULL) return ENOMEM;
  *block = made;
  return 0;
}

/* ---- The work ------------------------------------------------------------------------------------------------------------------------ */

uint8_t stream[kMost];
size_t stream_size = 0;
tsr_error error = TSR_INIT(tsr_error);
const char* weights = NULL;

static int encoding = 0;
static const char* folder = "";       /* of the golden streams */
static const char* first_stream = ""; /* a picture whose model is not the one under test */
static const char* medium = ""; /* image, sound, video */

/* The medium is told by the stream's name; tsr_inspect() says it too, but would load weights. */
static const char* medium_of(const char* name) {
  if (strstr(name, "video") != NULL || strncmp(name, "lite", 4) == 0 || strncmp(name, "motion", 6) == 0) return "video";
  return strstr(name, "speech") != NULL || strstr(name, "sound") != NULL ? "sound" : "image";
}

static outcome work(void) {
  if (strcmp(medium, "image") == 0) return encoding ? encode_image() : decode_image();
  if (strcmp(medium, "sound") == 0) return encoding ? encode_sound() : decode_packets(0);
  return encoding ? encode_video() : decode_packets(1);
}

static outcome work_with(long n, int all_behind) {
  outcome o;
  requests = 0;
  failing_request = n;
  forever = all_behind;
  counting = 1;
  o = work();
  counting = 0;
  return o;
}

/* ---- Tries --------------------------------------------------------------------------------------------------------------------------- */

static outcome whole;

static int read_stream(const char* from, const char* name);

/* What glibc and libtorch request once and cannot do without: destructors of a thread's variables, libtorch's pool of threads and what it knows of
 * the processor, which it takes for broken for ever where the first request fails. Work without weights makes the former, a picture that needs other
 * weights the latter. */
static void first_calls(void) {
  const char* installed = weights;
  static uint8_t kept[kMost];
  const size_t kept_size = stream_size;
  weights = "/no such folder";
  (void)work();
  weights = installed;
  memcpy(kept, stream, sizeof kept);
  if (read_stream(folder, first_stream)) (void)decode_image();
  memcpy(stream, kept, sizeof kept);
  stream_size = kept_size;
}

/* In a process of its own: 0 when all is well. */
static int attempt(long n, int all_behind) {
  outcome o, again;
  failures = 0;
  first_calls();
  o = work_with(n, all_behind);
  if (o.code != TSR_OK && o.code != TSR_OUT_OF_MEMORY) {
    fprintf(stderr, "request %ld%s: \"%s\" (%s)\n", n, all_behind ? " and all behind" : "", tsr_code_name(o.code), error.message);
    return 1;
  }
  if (o.code != TSR_OK && error.code != (int32_t)o.code) return 1;
  if (o.code == TSR_OK && (o.checksum != whole.checksum || o.output != whole.output)) {
    fprintf(stderr, "request %ld: something else comes out\n", n);
    return 1;
  }
  again = work();
  if (again.code != TSR_OK || again.checksum != whole.checksum || again.output != whole.output) {
    fprintf(stderr, "request %ld%s: afterwards %s (%s)\n", n, all_behind ? " and all behind" : "", tsr_code_name(again.code), error.message);
    return 1;
  }
  return failures;
}

/* Runs `work` in a child; false when it fails or does not come to its end. */
static int in_child(long n, int all_behind) {
  int status = 0;
  const pid_t child = fork();
  if (child < 0) return 0;
  if (child == 0) {
    alarm(120);
    _exit(attempt(n, all_behind));
  }
  if (waitpid(child, &status, 0) != child) return 0;
  if (WIFSIGNALED(status)) fprintf(stderr, "request %ld%s: signal %d\n", n, all_behind ? " and all behind" : "", WTERMSIG(status));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What the whole work takes and gives, learnt in a child so that this process stays without weights. */
static long learn(int* pipes) {
  long count = 0;
  const pid_t child = fork();
  if (child == 0) {
    first_calls();
    whole = work_with(0, 0);
    if (whole.code != TSR_OK) fprintf(stderr, "%s\n", error.message);
    if (write(pipes[1], &whole, sizeof whole) < 0 || write(pipes[1], &requests, sizeof requests) < 0) _exit(1);
    _exit(0);
  }
  if (child < 0 || read(pipes[0], &whole, sizeof whole) != sizeof whole || read(pipes[0], &count, sizeof count) != sizeof count) return -1;
  waitpid(child, NULL, 0);
  return count;
}

/* Every request of the first ones, then fewer and fewer: what allocates most repeats itself. */
static void tries(long count, long most, const char* when) {
  const double growth = count > most ? 1.0 + 6.0 / (double)most : 1.0;
  long made = 0;
  double step = 1;
  CHECK(count > 0);
  for (double n = 1; n <= (double)count; n += step, step *= growth) {
    CHECK(in_child((long)n, made % 2));
    ++made;
  }
  printf("%s: %ld requests, %ld tries\n", when, count, made);
}

/* Reads the golden stream; false when it cannot be. */
static int read_stream(const char* from, const char* name) {
  char path[4096];
  FILE* file;
  snprintf(path, sizeof path, "%s/%s.tsr", from, name);
  file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "%s cannot be opened\n", path);
    return 0;
  }
  stream_size = fread(stream, 1, sizeof stream, file);
  fclose(file);
  return 1;
}

int main(int argc, char** argv) {
  int pipes[2];
  long count, most;
  if (argc < 3) {
    fprintf(stderr, "usage: %s FOLDER STREAM [TRIES]\n       %s FOLDER encode:MEDIUM [TRIES]\n", argv[0], argv[0]);
    return 2;
  }
  most = argc > 3 ? atol(argv[3]) : 40;
  folder = argv[1];
  encoding = strncmp(argv[2], "encode:", 7) == 0;
  medium = encoding ? argv[2] + 7 : medium_of(argv[2]);
  first_stream = strncmp(argv[2], "bayes", 5) == 0 ? "grey" : "bayes_rgb";
  if (pipe(pipes) != 0 || (!encoding && !read_stream(folder, argv[2]))) return 2;
  count = learn(pipes);
  if (argc > 4) return attempt(atol(argv[4]), strchr(argv[4], '+') != NULL);
  if (whole.code == TSR_MODEL_MISSING) return 77;
  CHECK(whole.code == TSR_OK && whole.output > 0);
  if (failures == 0) tries(count, most, "before the weights are loaded");
  (void)work();
  whole = work_with(0, 0);
  CHECK(whole.code == TSR_OK);
  if (failures == 0) tries(requests, most, "with the weights loaded");
  return checked("out_of_memory_test");
}
