/* Still images through the C interface: round trips, what travels with them, damage, limits, cancelling, two threads. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <unistd.h>

#include "tests/capi/check.h"
#include "tests/capi/made_picture.h"

static tsr_error error = TSR_INIT(tsr_error);

static tsr_image_encoder* encoder_at(int32_t quality) {
  tsr_image_encoder_options options;
  tsr_image_encoder* encoder = NULL;
  tsr_image_encoder_options_init(&options, sizeof options);
  options.quality = quality;
  options.threads = 1;
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_create(&options, &encoder, &error));
  return encoder;
}

static tsr_image_decoder* decoder_of_one_thread(void) {
  tsr_image_decoder_options options;
  tsr_image_decoder* decoder = NULL;
  tsr_image_decoder_options_init(&options, sizeof options);
  options.threads = 1;
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_create(&options, &decoder, &error));
  return decoder;
}

static void round_trip(uint32_t width, uint32_t height, uint32_t channels, uint32_t depth) {
  tsr_image_view picture = made_picture(width, height, channels, depth), view = TSR_INIT(tsr_image_view);
  tsr_image_encoder* encoder = encoder_at(50);
  tsr_image_decoder* decoder = decoder_of_one_thread();
  tsr_image_report sent = TSR_INIT(tsr_image_report), got = TSR_INIT(tsr_image_report), proved = TSR_INIT(tsr_image_report);
  uint8_t* stream = NULL;
  size_t size = 0;
  tsr_image* image = NULL;
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_encode(encoder, &picture, NULL, &stream, &size, &sent, &error));
  CHECK(stream != NULL && size > 20 && size < (size_t)picture.stride * height);
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_decode(decoder, stream, size, &image, &got, &error));
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_verify(decoder, stream, size, &proved, &error));
  CHECK(sent.symbols_coded > 0 && got.symbol_checksum == sent.symbol_checksum && proved.symbol_checksum == sent.symbol_checksum);
  CHECK(got.quality == 50);
  /* A picture outlives its decoder. */
  tsr_image_decoder_free(decoder);
  CHECK(tsr_image_get_view(image, &view) == TSR_OK);
  CHECK(view.width == width && view.height == height && view.channels == channels && view.bit_depth == depth);
  CHECK(view.stride == picture.stride && view.data != NULL);
  if (view.data != NULL) {
    const double psnr = made_psnr(&picture, &view);
    if (!(psnr > 30)) fprintf(stderr, "%u x %u, %u channels, %u bits: %.2f dB\n", width, height, channels, depth, psnr);
    CHECK(psnr > 30);
  }
  tsr_image_free(image);
  tsr_free(stream);
  tsr_image_encoder_free(encoder);
  free((void*)picture.data);
}

static void metadata_and_description(void) {
  tsr_image_view picture = made_picture(70, 50, 3, 8);
  tsr_image_encoder* encoder = encoder_at(20);
  tsr_image_decoder* decoder = decoder_of_one_thread();
  tsr_metadata metadata = TSR_INIT(tsr_metadata), back = TSR_INIT(tsr_metadata);
  tsr_stream_info info = TSR_INIT(tsr_stream_info);
  tsr_info* description = NULL;
  const char* name = NULL;
  uint8_t* stream = NULL;
  size_t size = 0;
  uint64_t bytes = 0, sum = 0;
  tsr_image* image = NULL;
  metadata.xmp = (const uint8_t*)"<x/>";
  metadata.xmp_size = 4;
  metadata.icc = (const uint8_t*)"not really a profile";
  metadata.icc_size = 20;
  metadata.colour.primaries = 9;
  metadata.colour.transfer = 16;
  metadata.colour.full_range = 1;
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_encode(encoder, &picture, &metadata, &stream, &size, NULL, &error));
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_decode(decoder, stream, size, &image, NULL, &error));
  CHECK(tsr_image_get_metadata(image, &back) == TSR_OK);
  CHECK(back.xmp_size == 4 && memcmp(back.xmp, "<x/>", 4) == 0);
  CHECK(back.icc_size == 20 && memcmp(back.icc, "not really a profile", 20) == 0);
  CHECK(back.exif == NULL && back.exif_size == 0);
  CHECK(memcmp(&back.colour, &metadata.colour, sizeof back.colour) == 0);
  CHECK_CODE(TSR_OK, error, tsr_inspect(stream, size, NULL, &description, &error));
  CHECK(tsr_info_get(description, &info) == TSR_OK);
  CHECK(strcmp(info.media, "image") == 0 && strcmp(info.model, "still") == 0);
  CHECK(info.width == 70 && info.height == 50 && info.channels == 3 && info.bit_depth == 8 && info.quality == 20);
  CHECK(info.file_bytes == size && info.model_available == 1 && info.has_checksum == 1 && info.decode_kmac_per_pixel > 0);
  CHECK(tsr_info_sections(description) >= 3);
  for (size_t i = 0; i < tsr_info_sections(description); ++i) {
    CHECK(tsr_info_get_section(description, i, &name, &bytes) == TSR_OK && name[0] != '\0');
    sum += bytes;
  }
  CHECK(sum == size);
  CHECK(tsr_info_get_section(description, tsr_info_sections(description), &name, &bytes) == TSR_INVALID_ARGUMENT);
  tsr_info_free(description);
  tsr_image_free(image);
  tsr_free(stream);
  tsr_image_encoder_free(encoder);
  tsr_image_decoder_free(decoder);
  free((void*)picture.data);
}

static void damage(void) {
  tsr_image_view picture = made_picture(64, 64, 3, 8);
  tsr_image_encoder* encoder = encoder_at(40);
  tsr_image_decoder* decoder = decoder_of_one_thread();
  uint8_t* stream = NULL;
  size_t size = 0;
  tsr_image* image = NULL;
  tsr_info* info = NULL;
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_encode(encoder, &picture, NULL, &stream, &size, NULL, &error));
  CHECK_CODE(TSR_TRUNCATED, error, tsr_image_decoder_decode(decoder, stream, size / 2, &image, NULL, &error));
  CHECK_CODE(TSR_TRUNCATED, error, tsr_image_decoder_verify(decoder, NULL, 0, NULL, &error));
  CHECK_CODE(TSR_TRUNCATED, error, tsr_inspect(stream, size - 1, NULL, &info, &error));
  CHECK(image == NULL && info == NULL);
  stream[size - 10] ^= 0x10;
  CHECK_CODE(TSR_CORRUPT, error, tsr_image_decoder_decode(decoder, stream, size, &image, NULL, &error));
  stream[size - 10] ^= 0x10;
  stream[0] ^= 0xFF;
  CHECK_CODE(TSR_CORRUPT, error, tsr_image_decoder_decode(decoder, stream, size, &image, NULL, &error));
  stream[0] ^= 0xFF;
  CHECK(image == NULL);
  /* The decoder is as good as new. */
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_decode(decoder, stream, size, &image, NULL, &error));
  tsr_image_free(image);
  tsr_free(stream);
  tsr_image_encoder_free(encoder);
  tsr_image_decoder_free(decoder);
  free((void*)picture.data);
}

static int calls = 0;
static int stop_at_once(double done, void* user) {
  CHECK(done >= 0 && done <= 1 && user == &calls);
  ++calls;
  return 0;
}
static int go_on(double done, void* user) {
  CHECK(done >= 0 && done <= 1 && user == &calls);
  ++calls;
  return 1;
}

static void options_are_obeyed(void) {
  tsr_image_view picture = made_picture(64, 64, 3, 8);
  tsr_image_encoder_options encoding;
  tsr_image_decoder_options decoding;
  tsr_image_encoder* encoder = NULL;
  tsr_image_decoder* decoder = NULL;
  tsr_image* image = NULL;
  uint8_t* stream = NULL;
  size_t size = 0;
  tsr_image_encoder_options_init(&encoding, sizeof encoding);
  CHECK(encoding.quality == 32 && encoding.effort == 5 && encoding.checksum == 1 && encoding.struct_size == sizeof encoding);
  encoding.progress = stop_at_once;
  encoding.progress_user = &calls;
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_create(&encoding, &encoder, &error));
  CHECK_CODE(TSR_CANCELLED, error, tsr_image_encoder_encode(encoder, &picture, NULL, &stream, &size, NULL, &error));
  CHECK(calls == 1 && stream == NULL && size == 0);
  tsr_image_encoder_free(encoder);
  encoding.progress = go_on;
  encoding.model = "still";
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_create(&encoding, &encoder, &error));
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_encode(encoder, &picture, NULL, &stream, &size, NULL, &error));
  CHECK(calls > 1);
  tsr_image_encoder_free(encoder);

  tsr_image_decoder_options_init(&decoding, sizeof decoding);
  CHECK(decoding.max_pixels == (uint64_t)1 << 28 && decoding.max_dimension == 65535);
  decoding.max_pixels = 64 * 64 - 1;
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_create(&decoding, &decoder, &error));
  CHECK_CODE(TSR_LIMIT, error, tsr_image_decoder_decode(decoder, stream, size, &image, NULL, &error));
  tsr_image_decoder_free(decoder);
  tsr_image_decoder_options_init(&decoding, sizeof decoding);
  CHECK(decoding.max_seconds == 0);
  decoding.max_seconds = 1e-9;
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_create(&decoding, &decoder, &error));
  CHECK_CODE(TSR_LIMIT, error, tsr_image_decoder_decode(decoder, stream, size, &image, NULL, &error));
  tsr_image_decoder_free(decoder);
  decoding.max_seconds = -1;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_decoder_create(&decoding, &decoder, &error));
  tsr_image_decoder_options_init(&decoding, sizeof decoding);
  decoding.weights_dir = "/there/is/no/such/folder";
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_create(&decoding, &decoder, &error));
  CHECK_CODE(TSR_MODEL_MISSING, error, tsr_image_decoder_decode(decoder, stream, size, &image, NULL, &error));
  CHECK(strstr(error.message, "still") != NULL);
  tsr_image_decoder_free(decoder);
  tsr_free(stream);
  free((void*)picture.data);
}

static void wrong_options(void) {
  tsr_image_encoder_options o;
  tsr_image_encoder* encoder = (tsr_image_encoder*)(void*)&o;
  struct {
    int32_t* field;
    int32_t value;
  } wrong[] = {{&o.quality, 64}, {&o.quality, -1}, {&o.device, 7}, {&o.threads, -1}, {&o.effort, 10}, {&o.checksum, 2}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    tsr_image_encoder_options_init(&o, sizeof o);
    *wrong[i].field = wrong[i].value;
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_create(&o, &encoder, &error));
    CHECK(encoder == NULL);
  }
  tsr_image_encoder_options_init(&o, sizeof o);
  o.tile = 65;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_create(&o, &encoder, &error));
  tsr_image_encoder_options_init(&o, sizeof o);
  o.bpp = -1;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_create(&o, &encoder, &error));
  tsr_image_encoder_options_init(&o, sizeof o);
  o.model = "no-such";
  CHECK_CODE(TSR_MODEL_MISSING, error, tsr_image_encoder_create(&o, &encoder, &error));
  CHECK(strstr(error.message, "no-such") != NULL);
}

/* Two threads with handles of their own give what one alone gives. */
typedef struct job {
  int32_t quality;
  uint8_t* stream;
  size_t size;
  double psnr;
} job;

static void* work(void* argument) {
  job* j = argument;
  tsr_image_view picture = made_picture(96, 80, 3, 8), view = TSR_INIT(tsr_image_view);
  tsr_image_encoder_options options;
  tsr_image_encoder* encoder = NULL;
  tsr_image_decoder* decoder = NULL;
  tsr_image* image = NULL;
  tsr_image_encoder_options_init(&options, sizeof options);
  options.quality = j->quality;
  if (tsr_image_encoder_create(&options, &encoder, NULL) == TSR_OK &&
      tsr_image_encoder_encode(encoder, &picture, NULL, &j->stream, &j->size, NULL, NULL) == TSR_OK &&
      tsr_image_decoder_create(NULL, &decoder, NULL) == TSR_OK &&
      tsr_image_decoder_decode(decoder, j->stream, j->size, &image, NULL, NULL) == TSR_OK && tsr_image_get_view(image, &view) == TSR_OK) {
    j->psnr = made_psnr(&picture, &view);
  }
  tsr_image_free(image);
  tsr_image_encoder_free(encoder);
  tsr_image_decoder_free(decoder);
  free((void*)picture.data);
  return NULL;
}

static void two_threads(void) {
  job alone[2] = {{.quality = 10}, {.quality = 45}}, together[2] = {{.quality = 10}, {.quality = 45}};
  pthread_t thread[2];
  for (int i = 0; i < 2; ++i) work(&alone[i]);
  for (int i = 0; i < 2; ++i) CHECK(pthread_create(&thread[i], NULL, work, &together[i]) == 0);
  for (int i = 0; i < 2; ++i) CHECK(pthread_join(thread[i], NULL) == 0);
  for (int i = 0; i < 2; ++i) {
    CHECK(alone[i].psnr > 20 && together[i].psnr == alone[i].psnr);
    CHECK(together[i].size == alone[i].size && memcmp(together[i].stream, alone[i].stream, alone[i].size) == 0);
    tsr_free(alone[i].stream);
    tsr_free(together[i].stream);
  }
}

/* Bytes of memory that the process holds, as the kernel counts them. */
static double resident_mib(void) {
  long pages = 0, total = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &total, &pages) == 2);
  if (file != NULL) fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* A thousand decoders, opened, used and closed, hold no memory: one in ten decodes a picture, the others fail at a stream that is cut off. */
static void many_decoders(void) {
  tsr_image_view picture = made_picture(64, 64, 3, 8);
  tsr_image_encoder* encoder = encoder_at(30);
  uint8_t* stream = NULL;
  size_t size = 0;
  double before = 0;
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_encode(encoder, &picture, NULL, &stream, &size, NULL, &error));
  for (int i = 0; i < 1100; ++i) {
    tsr_image* image = NULL;
    tsr_image_decoder* decoder = decoder_of_one_thread();
    const int whole = i % 10 == 0;
    CHECK_CODE(whole ? TSR_OK : TSR_TRUNCATED, error, tsr_image_decoder_decode(decoder, stream, whole ? size : size - 1, &image, NULL, &error));
    CHECK((image != NULL) == whole);
    tsr_image_free(image);
    tsr_image_decoder_free(decoder);
    if (i == 99) before = resident_mib();
  }
  const double grown = resident_mib() - before;
  if (!(grown < 4)) fprintf(stderr, "1000 decoders hold %.1f MiB\n", grown);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed, and looks for leaks itself */
  CHECK(grown < 4);
#endif
  tsr_free(stream);
  tsr_image_encoder_free(encoder);
  free((void*)picture.data);
}

int main(void) {
  round_trip(96, 80, 3, 8);
  round_trip(65, 33, 4, 8);
  round_trip(40, 40, 1, 16);
  metadata_and_description();
  damage();
  options_are_obeyed();
  wrong_options();
  two_threads();
  many_decoders();
  return checked("image_test");
}
