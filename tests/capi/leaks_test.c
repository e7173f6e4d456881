/* leaks_test ROUNDS STREAM.tsr...: ROUNDS decoders are opened and closed for each stream, through the C interface, most of them in mid-stream or
 * at broken bytes. It is built with AddressSanitizer, whose heap the whole process uses: what is left behind it reports at the end, and what stays
 * reachable is counted here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tessera_c.h"

#ifdef __SANITIZE_ADDRESS__
/* Of the sanitizer's run-time library, which gcc has no header for. */
size_t __sanitizer_get_current_allocated_bytes(void);
static size_t held(void) { return __sanitizer_get_current_allocated_bytes(); }
#else
static size_t held(void) { return 0; }
#endif

enum { kMostPackets = 4096, kWays = 10, kWarm = 2 * kWays, kWholeEvery = 5 * kWays };

typedef struct part {
  const uint8_t* data;
  size_t size;
} part;

static tsr_error error = TSR_INIT(tsr_error);
/* The stream in hand, and its parts where it is sound or video. */
static const char* name;
static uint8_t* bytes;
static size_t size;
static part header, packets[kMostPackets];
static size_t count;
static unsigned long outputs;

static void die(const char* sentence) {
  fprintf(stderr, "leaks_test: %s: %s\n", name, sentence);
  exit(1);
}
/* The call has this code; `wanted` -1: any error. */
static void check(int code, int wanted, const char* what) {
  if (code == wanted || (wanted == -1 && code != TSR_OK)) return;
  fprintf(stderr, "leaks_test: %s: %s gives \"%s\" (%s)\n", name, what, tsr_code_name(code), error.message);
  exit(1);
}
#define CHECK(wanted, call) check(call, wanted, #call)

static void read_stream(void) {
  FILE* file = fopen(name, "rb");
  long end = 0;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) <= 0) die("cannot be read");
  rewind(file);
  size = (size_t)end;
  bytes = malloc(size);
  if (bytes == NULL || fread(bytes, 1, size, file) != size) die("cannot be read");
  fclose(file);
}

/* Copies of the parts: those of the reader last until its next call. */
static part copied(const tsr_event* event) {
  uint8_t* copy = malloc(event->size);
  if (copy == NULL) die("out of memory");
  memcpy(copy, event->data, event->size);
  return (part){copy, event->size};
}

static void take_apart(void) {
  tsr_reader* reader = NULL;
  tsr_event event = TSR_INIT(tsr_event);
  count = 0;
  CHECK(TSR_OK, tsr_reader_create(&reader, &error));
  CHECK(TSR_OK, tsr_reader_push(reader, bytes, size, &error));
  CHECK(TSR_OK, tsr_reader_finish(reader, &error));
  do {
    CHECK(TSR_OK, tsr_reader_next(reader, &event, &error));
    if (event.kind == TSR_EVENT_HEADER) header = copied(&event);
    if (event.kind == TSR_EVENT_PACKET && count < kMostPackets) packets[count++] = copied(&event);
  } while (event.kind != TSR_EVENT_END);
  tsr_reader_free(reader);
  if (count < 2) die("too few packets");
}

/* A damaged copy, which the caller frees. */
static uint8_t* damaged(const uint8_t* data, size_t length, size_t at) {
  uint8_t* copy = malloc(length);
  if (copy == NULL) die("out of memory");
  memcpy(copy, data, length);
  copy[at] ^= 0x5A;
  return copy;
}

static int stop(double done, void* user) {
  (void)done;
  (void)user;
  return 0;
}

static void image(int round) {
  const int way = round % kWays, whole = round % kWholeEvery == 0;
  tsr_image_decoder_options options;
  tsr_image_decoder* decoder = NULL;
  tsr_image* picture = NULL;
  tsr_image_decoder_options_init(&options, sizeof options);
  options.threads = 1;
  if (way == 6) options.max_memory = 1;
  if (way == 7) options.weights_dir = "/no/such/folder";
  if (way == 8) options.progress = stop;
  CHECK(TSR_OK, tsr_image_decoder_create(&options, &decoder, &error));
  if (whole) {
    CHECK(TSR_OK, tsr_image_decoder_decode(decoder, bytes, size, &picture, NULL, &error));
    ++outputs;
  } else if (way == 2 || way == 3) {
    CHECK(TSR_TRUNCATED, tsr_image_decoder_decode(decoder, bytes, way == 2 ? size / 2 : size - 1, &picture, NULL, &error));
  } else if (way == 4 || way == 5) {
    uint8_t* copy = damaged(bytes, size, way == 4 ? 0 : size - 5);
    CHECK(-1, tsr_image_decoder_decode(decoder, copy, size, &picture, NULL, &error));
    free(copy);
  } else if (way == 6) {
    CHECK(TSR_LIMIT, tsr_image_decoder_decode(decoder, bytes, size, &picture, NULL, &error));
  } else if (way == 7 || way == 8) {
    /* An overfitted picture brings its network along, and a small one is done before it can be stopped. */
    const tsr_code code = tsr_image_decoder_decode(decoder, bytes, size, &picture, NULL, &error);
    check(code, picture != NULL ? TSR_OK : way == 7 ? TSR_MODEL_MISSING : TSR_CANCELLED, "a decoder without weights, or stopped,");
  } else if (way == 9) {
    CHECK(TSR_OK, tsr_image_decoder_verify(decoder, bytes, size, NULL, &error));
  }
  tsr_image_free(picture);
  tsr_image_decoder_free(decoder);
}

/* The functions of sound and video differ in name only. */
typedef struct medium {
  void* (*create)(const char* weights);
  int (*open)(void* decoder, const uint8_t* data, size_t length);
  int (*send)(void* decoder, const uint8_t* data, size_t length);
  int (*lost)(void* decoder);
  int (*flush)(void* decoder);
  int (*seek)(void* decoder);
  void (*take)(void* decoder);
  void (*close)(void* decoder);
} medium;

#define MEDIUM(what, first, seek)                                                                                                       \
  static void* what##_create(const char* weights) {                                                                                     \
    tsr_##what##_decoder_options options;                                                                                               \
    tsr_##what##_decoder* decoder = NULL;                                                                                               \
    tsr_##what##_decoder_options_init(&options, sizeof options);                                                                        \
    options.weights_dir = weights;                                                                                                      \
    CHECK(TSR_OK, tsr_##what##_decoder_create(&options, &decoder, &error));                                                             \
    return decoder;                                                                                                                     \
  }                                                                                                                                     \
  static int what##_open(void* d, const uint8_t* data, size_t length) { return tsr_##what##_decoder_open(d, data, length, &error); }    \
  static int what##_send(void* d, const uint8_t* data, size_t length) { return tsr_##what##_decoder_send(d, data, length, &error); }    \
  static int what##_lost(void* d) { return tsr_##what##_decoder_lost(d, 1, &error); }                                                   \
  static int what##_flush(void* d) { return tsr_##what##_decoder_flush(d, &error); }                                                    \
  static int what##_seek(void* d) { return seek; }                                                                                      \
  static void what##_take(void* d) {                                                                                                    \
    tsr_##what##_view view = TSR_INIT(tsr_##what##_view);                                                                               \
    for (CHECK(TSR_OK, tsr_##what##_decoder_receive(d, &view, &error)); view.first != NULL; ++outputs)                                  \
      CHECK(TSR_OK, tsr_##what##_decoder_receive(d, &view, &error));                                                                    \
  }                                                                                                                                     \
  static void what##_close(void* d) { tsr_##what##_decoder_free(d); }                                                                   \
  static const medium what = {what##_create, what##_open, what##_send, what##_lost, what##_flush, what##_seek, what##_take, what##_close};
MEDIUM(audio, samples, tsr_audio_decoder_seek(d, 0, 0, &error))
MEDIUM(video, planes[0], tsr_video_decoder_seek(d, 0, &error))

/* What a decoder sees before it is closed; `way`, from 0: nothing else, no header, a packet, packets whose frames wait, half a packet, a damaged one, a
 * lost one, a seek, broken headers, no weights. Now and then the whole stream. */
static void sound_or_video(const medium* m, int round) {
  const int way = round % kWays, whole = round % kWholeEvery == 0;
  const size_t sent = whole ? count : way == 2 ? 1 : way == 3 ? 2 : 0;
  const part* first = &packets[0];
  void* decoder = m->create(way == 9 ? "/no/such/folder" : NULL);
  if (way == 8) {
    uint8_t* copy = damaged(header.data, header.size, 6);
    CHECK(-1, m->open(decoder, copy, header.size));
    free(copy);
    CHECK(-1, m->open(decoder, header.data, header.size - 1));
  } else if (way != 1) {
    CHECK(way == 9 ? TSR_MODEL_MISSING : TSR_OK, m->open(decoder, header.data, header.size));
  }
  for (size_t i = 0; i < sent; ++i) {
    CHECK(TSR_OK, m->send(decoder, packets[i].data, packets[i].size));
    if (way != 3) m->take(decoder);
  }
  if (way == 4) CHECK(TSR_TRUNCATED, m->send(decoder, first->data, first->size / 2));
  if (way == 5) {
    uint8_t* copy = damaged(first->data, first->size, first->size / 2);
    CHECK(TSR_CORRUPT, m->send(decoder, copy, first->size));
    free(copy);
  }
  if (way == 6) CHECK(TSR_OK, m->lost(decoder));
  if (way == 7) CHECK(TSR_OK, m->seek(decoder));
  if (whole) {
    CHECK(TSR_OK, m->flush(decoder));
    m->take(decoder);
  }
  m->close(decoder);
}

static void open_and_close(const char* kind, int round) {
  if (strcmp(kind, "image") == 0) {
    image(round);
  } else {
    sound_or_video(strcmp(kind, "audio") == 0 ? &audio : &video, round);
  }
}

#ifdef TESSERA_LEAK /* Shows that a leak is found. */
static void leak(void) {
  tsr_video_decoder* decoder = NULL;
  CHECK(TSR_OK, tsr_video_decoder_create(NULL, &decoder, &error));
}
#endif

/* Bytes that the decoders of this stream have left on the heap. */
static long try_stream(int rounds) {
  tsr_info* info = NULL;
  tsr_stream_info stream = TSR_INIT(tsr_stream_info);
  size_t before = 0;
  long grown = 0;
  read_stream();
  CHECK(TSR_OK, tsr_inspect(bytes, size, NULL, &info, &error));
  CHECK(TSR_OK, tsr_info_get(info, &stream));
  if (strcmp(stream.media, "image") != 0) take_apart();
  /* The first ones load the weights, which all decoders share from then on. */
  for (int round = 0; round < kWarm; ++round) open_and_close(stream.media, round);
  before = held();
  outputs = 0;
  for (int round = 0; round < rounds; ++round) open_and_close(stream.media, round);
  grown = (long)held() - (long)before;
  printf("%s, %s by %s: %d decoders opened and closed, %lu outputs, %ld bytes more on the heap\n", strrchr(name, '/') ? strrchr(name, '/') + 1 : name,
         stream.media, stream.model, rounds, outputs, grown);
  free((void*)header.data);
  while (count > 0) free((void*)packets[--count].data);
  free(bytes);
  header.data = bytes = NULL;
  tsr_info_free(info);
  return grown;
}

int main(int argc, char** argv) {
  const int rounds = argc > 2 ? atoi(argv[1]) : 0;
  if (rounds <= 0) {
    fprintf(stderr, "leaks_test ROUNDS STREAM.tsr...\n");
    return 2;
  }
  for (int i = 2; i < argc; ++i) {
    name = argv[i];
#ifdef TESSERA_LEAK
    leak();
#endif
    /* One byte for each decoder would be a leak that no report shows. */
    if (try_stream(rounds) >= rounds) die("the decoders keep memory");
  }
  return 0;
}
