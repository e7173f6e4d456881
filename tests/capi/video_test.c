/* Video through the C interface: video_test WEIGHTS, a folder with those of a small untrained network. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/capi/check.h"

enum { kFrames = 7, kMost = 1 << 20 };
#include "tests/capi/bytes.h"

static tsr_error error = TSR_INIT(tsr_error);
static const char* weights;

/* One picture, planes without gaps. */
typedef struct picture {
  uint16_t samples[3][96 * 64];
} picture;

static tsr_video_format format_of(uint32_t width, uint32_t height, uint32_t depth) {
  tsr_video_format format;
  tsr_video_format_init(&format, sizeof format);
  format.width = width;
  format.height = height;
  format.bit_depth = depth;
  format.rate_numerator = 30000;
  format.rate_denominator = 1001;
  format.aspect_numerator = 4;
  format.aspect_denominator = 3;
  format.chroma_location = 2;
  format.rotation = 90;
  return format;
}

static uint32_t plane_width(const tsr_video_format* f, int plane) { return plane == 0 ? f->width : (f->width + 1) / 2; }
static uint32_t plane_height(const tsr_video_format* f, int plane) { return plane == 0 ? f->height : (f->height + 1) / 2; }

/* Waves that move. The view points into `out`, 8-bit samples packed as bytes. */
static tsr_video_view made_frame(const tsr_video_format* f, int number, picture* out) {
  tsr_video_view view = TSR_INIT(tsr_video_view);
  const size_t bytes_a_sample = f->bit_depth > 8 ? 2 : 1;
  const double most = (double)((1u << f->bit_depth) - 1);
  for (int p = 0; p < 3; ++p) {
    const uint32_t width = plane_width(f, p), height = plane_height(f, p);
    const double step = p == 0 ? 1 : 2;
    for (uint32_t y = 0; y < height; ++y) {
      for (uint32_t x = 0; x < width; ++x) {
        const double u = x * step - 1.5 * number, v = y * step + number;
        const uint16_t sample = (uint16_t)(most * (0.5 + 0.2 * sin(0.21 * u + p) + 0.2 * sin(0.13 * v - 0.05 * u)) + 0.5);
        if (bytes_a_sample == 2) {
          out->samples[p][y * width + x] = sample;
        } else {
          ((uint8_t*)out->samples[p])[y * width + x] = (uint8_t)sample;
        }
      }
    }
    view.planes[p] = out->samples[p];
    view.strides[p] = width * bytes_a_sample;
  }
  view.time = (uint64_t)number;
  return view;
}

static double luma_psnr(const tsr_video_format* f, const tsr_video_view* a, const tsr_video_view* b) {
  double sum = 0;
  for (uint32_t y = 0; y < f->height; ++y) {
    const uint8_t* p = (const uint8_t*)a->planes[0] + y * a->strides[0];
    const uint8_t* q = (const uint8_t*)b->planes[0] + y * b->strides[0];
    for (uint32_t x = 0; x < f->width; ++x) {
      const double d = f->bit_depth > 8 ? (double)((const uint16_t*)(const void*)p)[x] - ((const uint16_t*)(const void*)q)[x] : (double)p[x] - q[x];
      sum += d * d;
    }
  }
  const double most = (double)((1u << f->bit_depth) - 1);
  return 10 * log10(most * most * f->width * f->height / (sum + 1e-9));
}

static tsr_video_encoder* encoder_of(const tsr_video_format* format) {
  tsr_video_encoder_options options;
  tsr_video_encoder* encoder = NULL;
  tsr_video_encoder_options_init(&options, sizeof options);
  options.weights_dir = weights;
  options.quality = 50;
  options.threads = 1;
  CHECK_CODE(TSR_OK, error, tsr_video_encoder_create(&options, format, &encoder, &error));
  if (encoder == NULL) exit(checked("video_test"));
  return encoder;
}

/* A whole stream, with a second key frame that the caller asks for. */
static void encode(const tsr_video_format* format, bytes* stream) {
  static picture made;
  tsr_video_encoder* encoder = encoder_of(format);
  tsr_video_packet packet = TSR_INIT(tsr_video_packet);
  tsr_video_report report = TSR_INIT(tsr_video_report);
  tsr_video_format own = TSR_INIT(tsr_video_format);
  const uint8_t* header = NULL;
  size_t size = 0;
  int keys = 0, indices = 0;
  stream->size = 0;
  CHECK(tsr_video_encoder_get_header(encoder, &header, &size) == TSR_OK && size > 0);
  CHECK(tsr_video_encoder_get_format(encoder, &own) == TSR_OK && own.width == format->width && own.rotation == 90 && own.rate_numerator == 30000);
  append(stream, header, size);
  for (int i = 0; i < kFrames; ++i) {
    tsr_video_view view = made_frame(format, i, &made);
    view.key = i == 4;
    CHECK_CODE(TSR_OK, error, tsr_video_encoder_send(encoder, &view, &error));
    CHECK_CODE(TSR_OK, error, tsr_video_encoder_receive(encoder, &packet, &error));
    CHECK(packet.data != NULL && packet.time == (uint64_t)i && packet.index == 0 && packet.key == (uint32_t)(i % 4 == 0));
    keys += (int)packet.key;
    append(stream, packet.data, packet.size);
    CHECK_CODE(TSR_OK, error, tsr_video_encoder_receive(encoder, &packet, &error));
    CHECK(packet.data == NULL);
  }
  {
    tsr_video_view view = made_frame(format, 3, &made); /* time does not go back */
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_send(encoder, &view, &error));
    view.time = 100;
    view.planes[1] = NULL;
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_send(encoder, &view, &error));
    view = made_frame(format, 20, &made);
    view.key = 2;
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_send(encoder, &view, &error));
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_send(encoder, NULL, &error));
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_receive(encoder, NULL, &error));
  }
  CHECK_CODE(TSR_OK, error, tsr_video_encoder_flush(encoder, &error));
  for (;;) {
    CHECK_CODE(TSR_OK, error, tsr_video_encoder_receive(encoder, &packet, &error));
    if (packet.data == NULL) break;
    indices += (int)packet.index;
    append(stream, packet.data, packet.size);
  }
  CHECK(tsr_video_encoder_get_report(encoder, &report) == TSR_OK);
  CHECK(keys == 2 && indices == 1 && report.frames == kFrames && report.key_frames == 2 && report.bytes == stream->size && report.symbols_coded > 0);
  tsr_video_encoder_free(encoder);
}

static tsr_video_decoder* decoder_of_one_thread(void) {
  tsr_video_decoder_options options;
  tsr_video_decoder* decoder = NULL;
  tsr_video_decoder_options_init(&options, sizeof options);
  options.weights_dir = weights;
  options.threads = 1;
  CHECK_CODE(TSR_OK, error, tsr_video_decoder_create(&options, &decoder, &error));
  return decoder;
}

typedef struct decoded {
  int frames, concealed, keys, lost;
  double psnr; /* the least */
} decoded;

static void take(tsr_video_decoder* decoder, const tsr_video_format* format, decoded* out) {
  static picture made;
  tsr_video_view view = TSR_INIT(tsr_video_view);
  for (;;) {
    CHECK_CODE(TSR_OK, error, tsr_video_decoder_receive(decoder, &view, &error));
    if (view.planes[0] == NULL) return;
    const tsr_video_view original = made_frame(format, (int)view.time, &made);
    ++out->frames;
    out->keys += view.key;
    out->concealed += view.concealed;
    if (!view.concealed) out->psnr = fmin(out->psnr, luma_psnr(format, &original, &view));
  }
}

/* Through the reader, which passes over damage. */
static tsr_code decode(const bytes* stream, const tsr_video_format* format, decoded* out) {
  tsr_reader* reader = NULL;
  tsr_video_decoder* decoder = decoder_of_one_thread();
  tsr_event event = TSR_INIT(tsr_event);
  tsr_video_format told = TSR_INIT(tsr_video_format);
  tsr_video_report report = TSR_INIT(tsr_video_report);
  tsr_code code = TSR_OK;
  memset(out, 0, sizeof *out);
  out->psnr = 1000;
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_push(reader, stream->data, stream->size, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_finish(reader, &error));
  do {
    code = tsr_reader_next(reader, &event, &error);
    if (event.kind == TSR_EVENT_HEADER) {
      CHECK_CODE(TSR_OK, error, tsr_video_decoder_open(decoder, event.data, event.size, &error));
      CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_open(decoder, event.data, event.size, &error));
      CHECK(tsr_video_decoder_get_format(decoder, &told) == TSR_OK);
      CHECK(told.width == format->width && told.height == format->height && told.bit_depth == format->bit_depth && told.rotation == 90);
      CHECK(told.rate_numerator == 30000 && told.rate_denominator == 1001 && told.aspect_numerator == 4 && told.aspect_denominator == 3);
      CHECK(told.chroma_location == 2 && told.colour.matrix == 1 && told.colour.full_range == 0);
    } else if (event.kind == TSR_EVENT_PACKET) {
      CHECK_CODE(TSR_OK, error, tsr_video_decoder_send(decoder, event.data, event.size, &error));
      take(decoder, format, out);
    } else if (event.kind == TSR_EVENT_LOST) {
      CHECK(code != TSR_OK && event.lost > 0);
      out->lost += (int)event.lost;
      CHECK_CODE(TSR_OK, error, tsr_video_decoder_lost(decoder, event.lost, &error));
      take(decoder, format, out);
    }
  } while (event.kind != TSR_EVENT_END);
  CHECK_CODE(TSR_OK, error, tsr_video_decoder_flush(decoder, &error));
  take(decoder, format, out);
  CHECK(tsr_video_decoder_get_report(decoder, &report) == TSR_OK && report.concealed == (uint64_t)out->concealed);
  tsr_video_decoder_free(decoder);
  tsr_reader_free(reader);
  return code;
}

static bytes whole, broken;
static decoded one;

static void round_trip(uint32_t width, uint32_t height, uint32_t depth) {
  const tsr_video_format format = format_of(width, height, depth);
  tsr_info* info = NULL;
  tsr_stream_info s = TSR_INIT(tsr_stream_info);
  encode(&format, &whole);
  CHECK(decode(&whole, &format, &one) == TSR_OK);
  if (!(one.psnr > 25)) fprintf(stderr, "%u x %u, %u bits: %.2f dB\n", width, height, depth, one.psnr);
  CHECK(one.frames == kFrames && one.keys == 2 && one.concealed == 0 && one.lost == 0 && one.psnr > 25);
  CHECK_CODE(TSR_OK, error, tsr_inspect(whole.data, whole.size, weights, &info, &error));
  CHECK(tsr_info_get(info, &s) == TSR_OK && strcmp(s.media, "video") == 0 && strcmp(s.model, "motion-lite") == 0);
  CHECK(s.width == width && s.height == height && s.bit_depth == depth);
  tsr_info_free(info);
}

/* One packet is damaged: it is concealed, and so is what depends on it, up to the next key frame. */
static void damage(void) {
  const tsr_video_format format = format_of(96, 64, 8);
  tsr_video_decoder* decoder = decoder_of_one_thread();
  encode(&format, &whole);
  broken = whole;
  broken.data[broken.size / 2] ^= 0x10;
  (void)decode(&broken, &format, &one);
  CHECK(one.lost > 0 && one.concealed >= one.lost && one.frames == kFrames);
  broken = whole;
  broken.size = whole.size / 2;
  CHECK(decode(&broken, &format, &one) != TSR_OK);
  CHECK(one.frames > 0 && one.frames < kFrames);
  CHECK_CODE(TSR_TRUNCATED, error, tsr_video_decoder_open(decoder, whole.data, 5, &error));
  broken.data[7] ^= 0xFF;
  CHECK_CODE(TSR_CORRUPT, error, tsr_video_decoder_open(decoder, broken.data, 60, &error));
  tsr_video_decoder_free(decoder);
}

static void wrong_options(void) {
  const tsr_video_format good = format_of(32, 32, 8);
  tsr_video_format format = good;
  tsr_video_encoder_options options;
  tsr_video_decoder_options decoding;
  tsr_video_encoder* encoder = NULL;
  tsr_video_decoder* decoder = NULL;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_create(NULL, NULL, &encoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_create(NULL, &good, NULL, &error));
#define REFUSED(code, change)                                                                     \
  do {                                                                                            \
    tsr_video_encoder_options_init(&options, sizeof options);                                     \
    options.weights_dir = weights;                                                                \
    format = good;                                                                                \
    change;                                                                                       \
    CHECK_CODE(code, error, tsr_video_encoder_create(&options, &format, &encoder, &error));       \
    CHECK(encoder == NULL);                                                                       \
  } while (0)
  REFUSED(TSR_INVALID_ARGUMENT, options.quality = 64);
  REFUSED(TSR_INVALID_ARGUMENT, options.scene_cuts = 2);
  REFUSED(TSR_INVALID_ARGUMENT, options.threads = -1);
  REFUSED(TSR_INVALID_ARGUMENT, options.device = 7);
  REFUSED(TSR_UNSUPPORTED, options.reserved = 1);
  REFUSED(TSR_INVALID_ARGUMENT, format.width = 0);
  REFUSED(TSR_INVALID_ARGUMENT, format.bit_depth = 9);
  REFUSED(TSR_INVALID_ARGUMENT, format.rotation = 45);
  REFUSED(TSR_INVALID_ARGUMENT, format.chroma_location = 6);
  REFUSED(TSR_INVALID_ARGUMENT, format.rate_numerator = 0);
  REFUSED(TSR_INVALID_ARGUMENT, format.colour.full_range = 2);
  REFUSED(TSR_INVALID_ARGUMENT, format.struct_size = 3);
  REFUSED(TSR_UNSUPPORTED, format.reserved = 1);
  REFUSED(TSR_MODEL_MISSING, options.model = "nothing");
  REFUSED(TSR_MODEL_MISSING, options.weights_dir = "/there/is/no/such/folder");
  tsr_video_decoder_options_init(&decoding, sizeof decoding);
  decoding.strict = 2;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_create(&decoding, &decoder, &error));
  tsr_video_decoder_options_init(&decoding, sizeof decoding);
  decoding.weights_dir = weights;
  decoding.max_pixels = 100;
  CHECK_CODE(TSR_OK, error, tsr_video_decoder_create(&decoding, &decoder, &error));
  CHECK_CODE(TSR_LIMIT, error, tsr_video_decoder_open(decoder, whole.data, whole.size, &error));
  tsr_video_decoder_free(decoder);
}

static void nulls(void) {
  tsr_video_decoder* decoder = NULL;
  tsr_video_view view = TSR_INIT(tsr_video_view);
  tsr_video_packet packet = TSR_INIT(tsr_video_packet);
  tsr_video_format format = TSR_INIT(tsr_video_format);
  tsr_video_report report = TSR_INIT(tsr_video_report);
  const uint8_t* header = NULL;
  const uint8_t byte = 0;
  size_t size = 1;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_create(NULL, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_send(NULL, &view, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_flush(NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_encoder_receive(NULL, &packet, &error));
  CHECK(tsr_video_encoder_get_header(NULL, &header, &size) == TSR_INVALID_ARGUMENT && size == 0);
  CHECK(tsr_video_encoder_get_format(NULL, &format) == TSR_INVALID_ARGUMENT && tsr_video_encoder_get_report(NULL, &report) == TSR_INVALID_ARGUMENT);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_open(NULL, &byte, 1, &error));
  /* Nothing works before the header. */
  CHECK_CODE(TSR_OK, error, tsr_video_decoder_create(NULL, &decoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_open(decoder, NULL, 1, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_send(decoder, &byte, 1, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_lost(decoder, 1, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_flush(decoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_receive(decoder, &view, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_video_decoder_seek(decoder, 0, &error));
  CHECK(tsr_video_decoder_get_format(decoder, &format) == TSR_INVALID_ARGUMENT && tsr_video_decoder_get_report(decoder, &report) == TSR_INVALID_ARGUMENT);
  tsr_video_decoder_free(decoder);
  tsr_video_encoder_free(NULL);
  tsr_video_decoder_free(NULL);
  tsr_video_format_init(NULL, 100);
  tsr_video_encoder_options_init(NULL, 100);
  tsr_video_decoder_options_init(NULL, 100);
}

static double resident_mib(void) {
  long pages = 0, total = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &total, &pages) == 2);
  if (file != NULL) fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* A thousand decoders that are closed in mid-stream hold no memory. */
static void many_decoders(void) {
  const tsr_video_format format = format_of(32, 32, 8);
  tsr_reader* reader = NULL;
  tsr_event event = TSR_INIT(tsr_event);
  static bytes header, key;
  double before = 0;
  encode(&format, &whole);
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_push(reader, whole.data, whole.size, &error));
  CHECK(tsr_reader_next(reader, &event, NULL) == TSR_OK && event.kind == TSR_EVENT_HEADER);
  append(&header, event.data, event.size);
  CHECK(tsr_reader_next(reader, &event, NULL) == TSR_OK && event.kind == TSR_EVENT_PACKET);
  append(&key, event.data, event.size);
  tsr_reader_free(reader);
  for (int i = 0; i < 1100; ++i) {
    tsr_video_decoder* decoder = decoder_of_one_thread();
    CHECK_CODE(TSR_OK, error, tsr_video_decoder_open(decoder, header.data, header.size, &error));
    if (i % 10 == 0) CHECK_CODE(TSR_OK, error, tsr_video_decoder_send(decoder, key.data, key.size, &error));
    if (i % 10 == 1) CHECK_CODE(TSR_TRUNCATED, error, tsr_video_decoder_send(decoder, key.data, key.size - 1, &error));
    tsr_video_decoder_free(decoder);
    if (i == 99) before = resident_mib();
  }
  const double grown = resident_mib() - before;
  if (!(grown < 4)) fprintf(stderr, "1000 decoders hold %.1f MiB\n", grown);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed, and looks for leaks itself */
  CHECK(grown < 4);
#endif
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  weights = argv[1];
  round_trip(96, 64, 8);
  round_trip(35, 21, 10);
  damage();
  wrong_options();
  nulls();
  many_decoders();
  return checked("video_test");
}
