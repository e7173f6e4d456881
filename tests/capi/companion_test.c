/* The sound inside a video's stream through the C interface: companion_test GOLDEN, the folder of the golden streams. */
#include <stdlib.h>

#include "tests/capi/check.h"

enum { kMost = 1 << 18, kParts = 64, kChecksum = 4 };
#include "tests/capi/bytes.h"

static tsr_error error = TSR_INIT(tsr_error);

static void load(const char* folder, const char* name, bytes* out) {
  char path[1024];
  FILE* file = NULL;
  if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path) file = fopen(path, "rb");
  if (file == NULL) exit(1);
  out->size = fread(out->data, 1, kMost, file);
  fclose(file);
}

/* What a reader makes of a stream: its header and packets, and its companions one after the other. */
typedef struct seen {
  bytes media, sound;
  size_t ends[kParts]; /* in media: of the header and of each packet */
  int parts, companions, damaged;
  uint64_t lost;
  tsr_code end;
} seen;

static void read_in_pieces(const bytes* stream, size_t piece, int wanted, seen* out) {
  tsr_reader* reader = NULL;
  tsr_event event = TSR_INIT(tsr_event);
  size_t at = 0;
  memset(out, 0, sizeof *out);
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  if (wanted >= 0) CHECK_CODE(TSR_OK, error, tsr_reader_want_companions(reader, wanted, &error));
  do {
    out->end = tsr_reader_next(reader, &event, &error);
    if (event.kind == TSR_EVENT_NEED_BYTES) {
      const size_t left = stream->size - at, size = left < piece ? left : piece;
      if (left == 0) {
        CHECK_CODE(TSR_OK, error, tsr_reader_finish(reader, &error));
      } else {
        CHECK_CODE(TSR_OK, error, tsr_reader_push(reader, stream->data + at, size, &error));
      }
      at += size;
    } else if (event.kind == TSR_EVENT_HEADER || event.kind == TSR_EVENT_PACKET) {
      append(&out->media, event.data, event.size);
      if (out->parts < kParts) out->ends[out->parts] = out->media.size;
      ++out->parts;
    } else if (event.kind == TSR_EVENT_COMPANION) {
      CHECK(out->end == TSR_OK && event.size > 0);
      append(&out->sound, event.data, event.size);
      ++out->companions;
    } else if (event.kind == TSR_EVENT_LOST) {
      CHECK(out->end == TSR_CORRUPT);
      out->lost += event.lost;
      ++out->damaged;
    }
  } while (event.kind != TSR_EVENT_END);
  tsr_reader_free(reader);
}

/* CRC-32C, a bit at a time. */
static uint32_t crc32c(const uint8_t* data, size_t size) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

/* A packet of kind 9 with CRC-32C, neither time stamp nor quality. */
static void append_companion(bytes* to, const uint8_t* payload, size_t size) {
  const size_t start = to->size;
  uint8_t head[4] = {9 | 0x40};
  size_t length = 1;
  for (size_t left = size; length == 1 || left > 0; left >>= 7) head[length++] = (uint8_t)((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
  append(to, head, length);
  append(to, payload, size);
  const uint32_t crc = crc32c(to->data + start, to->size - start);
  const uint8_t stored[kChecksum] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
  append(to, stored, sizeof stored);
}

static seen video, sound, got, again;
static bytes stream, file;

/* The header of the sound, then a packet of it before each of the first frames. Returns where the last companion ends. */
static size_t interleave(void) {
  size_t last = 0;
  stream.size = 0;
  for (int i = 0; i < video.parts || i < sound.parts; ++i) {
    const size_t v = i == 0 ? 0 : video.ends[i - 1], s = i == 0 ? 0 : sound.ends[i - 1];
    if (i == 0) append(&stream, video.media.data, video.ends[0]);
    if (i < sound.parts) append_companion(&stream, sound.media.data + s, sound.ends[i] - s), last = stream.size;
    if (i > 0 && i < video.parts) append(&stream, video.media.data + v, video.ends[i] - v);
  }
  return last;
}

static int same(const bytes* a, const bytes* b) { return a->size == b->size && memcmp(a->data, b->data, a->size) == 0; }

static void passed_over_unless_wanted(void) {
  const int wanted[] = {-1, 0};
  for (int i = 0; i < 2; ++i) {
    read_in_pieces(&stream, 1000, wanted[i], &got);
    CHECK(got.end == TSR_OK && got.companions == 0 && got.damaged == 0 && same(&got.media, &video.media));
  }
}

static void given_out_however_the_bytes_arrive(void) {
  const size_t pieces[] = {1, 7, 1000, kMost};
  for (int i = 0; i < 4; ++i) {
    read_in_pieces(&stream, pieces[i], 1, &got);
    CHECK(got.end == TSR_OK && got.companions == sound.parts && got.damaged == 0 && same(&got.media, &video.media));
    CHECK(same(&got.sound, &sound.media));
  }
  /* Its own reader takes them apart. */
  read_in_pieces(&got.sound, 100, 1, &again);
  CHECK(again.end == TSR_OK && again.parts == sound.parts && again.companions == 0 && same(&again.media, &sound.media));
}

static void damage_costs_no_frame(size_t last) {
  stream.data[last - kChecksum - 1] ^= 0x20;
  read_in_pieces(&stream, 7, 1, &got);
  CHECK(got.end == TSR_OK && got.damaged == 1 && got.lost == 0 && got.companions == sound.parts - 1 && same(&got.media, &video.media));
  CHECK(memcmp(got.sound.data, sound.media.data, got.sound.size) == 0);
  read_in_pieces(&stream, 7, 0, &got);
  CHECK(got.end == TSR_OK && got.damaged == 1 && got.lost == 0 && same(&got.media, &video.media));
  stream.data[last - kChecksum - 1] ^= 0x20;
}

static void cut_off(size_t last) {
  file.size = 0;
  append(&file, stream.data, last - 1);
  read_in_pieces(&file, 50, 1, &got);
  CHECK(got.end == TSR_TRUNCATED && got.damaged == 0 && got.companions == sound.parts - 1 && got.parts == sound.parts - 1);
}

/* A stream of sound has none, and one that is there all the same is skipped. */
static void in_sound(void) {
  file.size = 0;
  append(&file, sound.media.data, sound.ends[0]);
  append_companion(&file, (const uint8_t*)"nothing", 7);
  append(&file, sound.media.data + sound.ends[0], sound.media.size - sound.ends[0]);
  read_in_pieces(&file, 50, 1, &got);
  CHECK(got.end == TSR_OK && got.companions == 0 && same(&got.media, &sound.media));
}

static void wrong_arguments(void) {
  tsr_reader* reader = NULL;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_want_companions(NULL, 1, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_want_companions(reader, 2, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_want_companions(reader, -1, &error));
  CHECK(tsr_reader_want_companions(reader, 1, NULL) == TSR_OK);
  tsr_reader_free(reader);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  load(argv[1], "lite_q32.tsr", &file);
  read_in_pieces(&file, kMost, 0, &video);
  load(argv[1], "sound_12k.tsr", &file);
  read_in_pieces(&file, kMost, 0, &sound);
  CHECK(video.end == TSR_OK && sound.end == TSR_OK && sound.parts >= 3 && sound.parts < video.parts && video.parts <= kParts);
  if (failures > 0) return checked("companion_test");
  const size_t last = interleave();
  passed_over_unless_wanted();
  given_out_however_the_bytes_arrive();
  damage_costs_no_frame(last);
  cut_off(last);
  in_sound();
  wrong_arguments();
  return checked("companion_test");
}
