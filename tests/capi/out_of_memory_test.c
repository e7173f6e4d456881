/* Memory that runs out at the n-th request, while a golden stream is decoded through the C interface: each call succeeds or is TSR_OUT_OF_MEMORY,
 * nothing crashes, and with memory again the same handles decode the stream as ever.
 *
 *   capi_out_of_memory_test FOLDER STREAM [TRIES]     FOLDER: golden streams
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

/* ---- Decoding ------------------------------------------------------------------------------------------------------------------------ */

enum { kMost = 1 << 16 };
static uint8_t stream[kMost];
static size_t stream_size = 0;
static tsr_error error = TSR_INIT(tsr_error);
static const char* weights = NULL; /* folder; NULL: the installed one */

typedef struct outcome {
  tsr_code code;
  uint32_t checksum; /* of the symbols */
  uint64_t output;   /* bytes or samples */
} outcome;

static outcome decode_image(void) {
  outcome o = {TSR_OK, 0, 0};
  tsr_image_decoder_options options;
  tsr_image_decoder* decoder = NULL;
  tsr_image* image = NULL;
  tsr_image_report report = TSR_INIT(tsr_image_report);
  tsr_image_view view = TSR_INIT(tsr_image_view);
  tsr_image_decoder_options_init(&options, sizeof options);
  options.threads = 1;
  options.weights_dir = weights;
  o.code = tsr_image_decoder_create(&options, &decoder, &error);
  if (o.code == TSR_OK) o.code = tsr_image_decoder_decode(decoder, stream, stream_size, &image, &report, &error);
  if (o.code == TSR_OK) {
    CHECK(tsr_image_get_view(image, &view) == TSR_OK);
    o.output = view.stride * view.height;
    o.checksum = report.symbol_checksum;
  }
  tsr_image_free(image);
  tsr_image_decoder_free(decoder);
  return o;
}

/* An event of the reader goes to one of the decoders; errors of memory end the decoding, others are not expected of a golden stream. */
static tsr_code decode_event(const tsr_event* event, int video, tsr_audio_decoder* sound, tsr_video_decoder* pictures, outcome* o) {
  tsr_audio_view samples = TSR_INIT(tsr_audio_view);
  tsr_video_view frame = TSR_INIT(tsr_video_view);
  tsr_code code;
  if (event->kind == TSR_EVENT_HEADER) {
    return video ? tsr_video_decoder_open(pictures, event->data, event->size, &error) : tsr_audio_decoder_open(sound, event->data, event->size, &error);
  }
  if (event->kind == TSR_EVENT_PACKET) {
    code = video ? tsr_video_decoder_send(pictures, event->data, event->size, &error) : tsr_audio_decoder_send(sound, event->data, event->size, &error);
  } else {
    code = video ? tsr_video_decoder_flush(pictures, &error) : tsr_audio_decoder_flush(sound, &error);
  }
  while (code == TSR_OK) {
    code = video ? tsr_video_decoder_receive(pictures, &frame, &error) : tsr_audio_decoder_receive(sound, &samples, &error);
    if (code != TSR_OK || (video ? frame.planes[0] == NULL : samples.samples == NULL)) return code;
    o->output += video ? 1 : samples.frames;
  }
  return code;
}

static outcome decode_packets(int video) {
  outcome o = {TSR_OK, 0, 0};
  tsr_reader* reader = NULL;
  tsr_audio_decoder* sound = NULL;
  tsr_video_decoder* pictures = NULL;
  tsr_video_decoder_options options;
  tsr_audio_decoder_options sound_options;
  tsr_video_decoder_options_init(&options, sizeof options);
  tsr_audio_decoder_options_init(&sound_options, sizeof sound_options);
  options.threads = 1;
  options.weights_dir = sound_options.weights_dir = weights;
  o.code = tsr_reader_create(&reader, &error);
  if (o.code == TSR_OK) o.code = video ? tsr_video_decoder_create(&options, &pictures, &error) : tsr_audio_decoder_create(&sound_options, &sound, &error);
  if (o.code == TSR_OK) o.code = tsr_reader_push(reader, stream, stream_size, &error);
  if (o.code == TSR_OK) o.code = tsr_reader_finish(reader, &error);
  for (;;) {
    tsr_event event = TSR_INIT(tsr_event);
    if (o.code == TSR_OK) o.code = tsr_reader_next(reader, &event, &error);
    if (o.code == TSR_OK) o.code = decode_event(&event, video, sound, pictures, &o);
    if (o.code != TSR_OK || event.kind == TSR_EVENT_END) break;
  }
  if (o.code == TSR_OK && video) {
    tsr_video_report report = TSR_INIT(tsr_video_report);
    CHECK(tsr_video_decoder_get_report(pictures, &report) == TSR_OK);
    o.checksum = report.symbol_checksum;
  } else if (o.code == TSR_OK) {
    tsr_audio_report report = TSR_INIT(tsr_audio_report);
    CHECK(tsr_audio_decoder_get_report(sound, &report) == TSR_OK);
    o.checksum = report.symbol_checksum;
  }
  tsr_video_decoder_free(pictures);
  tsr_audio_decoder_free(sound);
  tsr_reader_free(reader);
  return o;
}

/* The medium is the byte behind magic, version, length and flags; tsr_inspect() says it too, but would load weights. */
static const char* medium = "";
static outcome decode(void) { return strcmp(medium, "image") == 0 ? decode_image() : decode_packets(strcmp(medium, "video") == 0); }

static outcome decode_with(long n, int all_behind) {
  outcome o;
  requests = 0;
  failing_request = n;
  forever = all_behind;
  counting = 1;
  o = decode();
  counting = 0;
  return o;
}

/* ---- Tries --------------------------------------------------------------------------------------------------------------------------- */

static outcome whole;

/* What glibc and libtorch request once and cannot do without: destructors of a thread's variables, libtorch's pool of threads, which it takes for
 * broken for ever where its first request fails, and makes anew in a forked process. A decoding without weights makes them. */
static void first_calls(void) {
  const char* installed = weights;
  weights = "/no such folder";
  (void)decode();
  weights = installed;
}

/* In a process of its own: 0 when all is well. */
static int attempt(long n, int all_behind) {
  outcome o, again;
  first_calls();
  o = decode_with(n, all_behind);
  if (o.code != TSR_OK && o.code != TSR_OUT_OF_MEMORY) {
    fprintf(stderr, "request %ld%s: \"%s\" (%s)\n", n, all_behind ? " and all behind" : "", tsr_code_name(o.code), error.message);
    return 1;
  }
  if (o.code != TSR_OK && error.code != (int32_t)o.code) return 1;
  if (o.code == TSR_OK && (o.checksum != whole.checksum || o.output != whole.output)) {
    fprintf(stderr, "request %ld: something else is decoded\n", n);
    return 1;
  }
  again = decode();
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

/* What a whole decoding takes and gives, learnt in a child so that this process stays without weights. */
static long learn(int* pipes) {
  long count = 0;
  const pid_t child = fork();
  if (child == 0) {
    first_calls();
    whole = decode_with(0, 0);
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

int main(int argc, char** argv) {
  int pipes[2];
  char path[4096];
  FILE* file;
  long count, most;
  if (argc < 3) {
    fprintf(stderr, "usage: %s FOLDER STREAM [TRIES]\n", argv[0]);
    return 2;
  }
  most = argc > 3 ? atol(argv[3]) : 40;
  medium = strncmp(argv[2], "speech", 6) == 0 || strncmp(argv[2], "sound", 5) == 0  ? "audio"
           : strncmp(argv[2], "lite", 4) == 0 || strncmp(argv[2], "motion", 6) == 0 ? "video"
                                                                                    : "image";
  snprintf(path, sizeof path, "%s/%s.tsr", argv[1], argv[2]);
  file = fopen(path, "rb");
  if (file == NULL || pipe(pipes) != 0) {
    fprintf(stderr, "%s cannot be opened\n", path);
    return 2;
  }
  stream_size = fread(stream, 1, sizeof stream, file);
  fclose(file);
  count = learn(pipes);
  if (whole.code == TSR_MODEL_MISSING) return 77;
  CHECK(whole.code == TSR_OK);
  if (failures == 0) tries(count, most, "before the weights are loaded");
  (void)decode();
  whole = decode_with(0, 0);
  CHECK(whole.code == TSR_OK);
  if (failures == 0) tries(requests, most, "with the weights loaded");
  return checked("out_of_memory_test");
}
