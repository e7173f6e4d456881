/* The conventions of the C interface: null pointers, structs of wrong, smaller and larger size, messages, versions, models. */
#include <stddef.h>
#include <stdlib.h>

#include "tests/capi/check.h"

static tsr_error error = TSR_INIT(tsr_error);

static void names(void) {
  CHECK(strcmp(tsr_version(), TSR_VERSION) == 0);
  CHECK(strcmp(tsr_code_name(TSR_OK), "ok") == 0 && strcmp(tsr_code_name(TSR_MODEL_MISSING), "model missing") == 0);
  for (int32_t code = TSR_OK; code <= TSR_CANCELLED; ++code) CHECK(strcmp(tsr_code_name(code), "unknown") != 0);
  CHECK(strcmp(tsr_code_name(-1), "unknown") == 0 && strcmp(tsr_code_name(11), "unknown") == 0);
  CHECK(strcmp(tsr_code_name(256), "unknown") == 0);
}

/* Nothing crashes for want of an argument, and results are set to null. */
static void nulls(void) {
  tsr_image_encoder* image_encoder = NULL;
  tsr_image_decoder* image_decoder = NULL;
  tsr_audio_decoder* audio_decoder = NULL;
  tsr_audio_encoder* audio_encoder = NULL;
  tsr_reader* reader = NULL;
  tsr_image_view view = TSR_INIT(tsr_image_view);
  tsr_metadata metadata = TSR_INIT(tsr_metadata);
  tsr_audio_view sound = TSR_INIT(tsr_audio_view);
  tsr_audio_packet packet = TSR_INIT(tsr_audio_packet);
  tsr_audio_format format = TSR_INIT(tsr_audio_format);
  tsr_audio_report report = TSR_INIT(tsr_audio_report);
  tsr_event event = TSR_INIT(tsr_event);
  tsr_image* image = (tsr_image*)(void*)&view;
  tsr_info* info = (tsr_info*)(void*)&view;
  uint8_t* stream = (uint8_t*)&view;
  const uint8_t* header = NULL;
  size_t size = 1;
  const uint8_t byte = 0;
  CHECK(tsr_image_encoder_create(NULL, NULL, NULL) == TSR_INVALID_ARGUMENT);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_decoder_create(NULL, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_create(NULL, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_create(NULL, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_create(NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_inspect(&byte, 1, NULL, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_inspect(NULL, 1, NULL, &info, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_models_list(NULL, NULL, &error));
  CHECK(info == NULL);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(NULL, &view, NULL, &stream, &size, NULL, &error));
  CHECK(stream == NULL && size == 0);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_decoder_decode(NULL, &byte, 1, &image, NULL, &error));
  CHECK(image == NULL);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_decoder_verify(NULL, &byte, 1, NULL, &error));
  CHECK(tsr_image_get_view(NULL, &view) == TSR_INVALID_ARGUMENT && tsr_image_get_metadata(NULL, &metadata) == TSR_INVALID_ARGUMENT);
  CHECK(tsr_info_sections(NULL) == 0 && tsr_models_count(NULL) == 0);
  CHECK(tsr_info_get(NULL, NULL) == TSR_INVALID_ARGUMENT && tsr_models_get(NULL, 0, NULL) == TSR_INVALID_ARGUMENT);
  CHECK(tsr_info_get_section(NULL, 0, NULL, NULL) == TSR_INVALID_ARGUMENT);

  CHECK_CODE(TSR_OK, error, tsr_image_encoder_create(NULL, &image_encoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, NULL, NULL, &stream, &size, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, &view, NULL, &stream, &size, NULL, &error));
  view.data = &byte;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, &view, NULL, &stream, &size, NULL, &error));
  view.width = view.height = view.channels = 1;
  view.bit_depth = 8;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, &view, NULL, &stream, &size, NULL, &error)); /* stride 0 */
  view.stride = 1;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, &view, NULL, NULL, &size, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, &view, NULL, &stream, NULL, NULL, &error));
  metadata.icc_size = 5;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, &view, &metadata, &stream, &size, NULL, &error));
  metadata.icc_size = 0;
  metadata.reserved = 1;
  CHECK_CODE(TSR_UNSUPPORTED, error, tsr_image_encoder_encode(image_encoder, &view, &metadata, &stream, &size, NULL, &error));
  metadata.reserved = 0;
  metadata.colour.full_range = 2;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_encoder_encode(image_encoder, &view, &metadata, &stream, &size, NULL, &error));
  CHECK_CODE(TSR_OK, error, tsr_image_encoder_encode(image_encoder, &view, NULL, &stream, &size, NULL, &error)); /* one pixel */
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_create(NULL, &image_decoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_decoder_decode(image_decoder, NULL, size, &image, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_decoder_decode(image_decoder, stream, size, NULL, NULL, &error));
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_decode(image_decoder, stream, size, &image, NULL, &error));
  CHECK(tsr_image_get_view(image, NULL) == TSR_INVALID_ARGUMENT);
  tsr_image_free(image);
  tsr_free(stream);
  tsr_image_decoder_free(image_decoder);
  tsr_image_encoder_free(image_encoder);

  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_send(NULL, &sound, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_flush(NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_receive(NULL, &packet, &error));
  CHECK(tsr_audio_encoder_get_header(NULL, &header, &size) == TSR_INVALID_ARGUMENT && size == 0);
  CHECK(tsr_audio_encoder_get_format(NULL, &format) == TSR_INVALID_ARGUMENT);
  CHECK(tsr_audio_encoder_get_report(NULL, &report) == TSR_INVALID_ARGUMENT);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_send(NULL, &byte, 1, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_open(NULL, &byte, 1, &error));
  /* Nothing works before the header. */
  CHECK_CODE(TSR_OK, error, tsr_audio_decoder_create(NULL, &audio_decoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_open(audio_decoder, NULL, 1, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_send(audio_decoder, &byte, 1, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_lost(audio_decoder, 1, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_flush(audio_decoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_receive(audio_decoder, &sound, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_seek(audio_decoder, 0, 0, &error));
  CHECK(tsr_audio_decoder_get_format(audio_decoder, &format) == TSR_INVALID_ARGUMENT);
  CHECK(tsr_audio_decoder_get_report(audio_decoder, &report) == TSR_INVALID_ARGUMENT);
  tsr_audio_decoder_free(audio_decoder);
  CHECK_CODE(TSR_OK, error, tsr_audio_encoder_create(NULL, &audio_encoder, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_send(audio_encoder, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_receive(audio_encoder, NULL, &error));
  sound.channels = 1;
  sound.sample_rate = 24000;
  sound.frames = 5;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_send(audio_encoder, &sound, &error));
  tsr_audio_encoder_free(audio_encoder);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_next(NULL, &event, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_push(NULL, &byte, 1, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_next(reader, NULL, &error));
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_push(reader, NULL, 1, &error));
  tsr_reader_free(reader);

  tsr_free(NULL);
  tsr_image_free(NULL);
  tsr_image_encoder_free(NULL);
  tsr_image_decoder_free(NULL);
  tsr_audio_encoder_free(NULL);
  tsr_audio_decoder_free(NULL);
  tsr_reader_free(NULL);
  tsr_info_free(NULL);
  tsr_models_free(NULL);
  tsr_image_encoder_options_init(NULL, 100);
}

/* Options as a later version may have them. */
typedef struct later_options {
  tsr_image_decoder_options now;
  uint64_t added[3];
} later_options;

typedef struct later_model_info {
  tsr_model_info now;
  uint64_t added[2];
} later_model_info;

static void sizes(void) {
  tsr_image_decoder_options options;
  later_options later;
  later_model_info model;
  tsr_image_decoder* decoder = NULL;
  tsr_models* models = NULL;
  tsr_error wrong = TSR_INIT(tsr_error);
  const size_t impossible[] = {0, 1, sizeof(size_t), offsetof(tsr_image_decoder_options, max_seconds) - 1, 4097, (size_t)-1};
  for (size_t i = 0; i < sizeof impossible / sizeof *impossible; ++i) {
    tsr_image_decoder_options_init(&options, sizeof options);
    options.struct_size = impossible[i];
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_image_decoder_create(&options, &decoder, &error));
    CHECK(decoder == NULL && strstr(error.message, "struct_size") != NULL);
    /* An error struct of such a size is not touched. */
    wrong.struct_size = impossible[i];
    wrong.code = 77;
    CHECK(tsr_image_decoder_create(NULL, &decoder, &wrong) == TSR_INVALID_ARGUMENT && wrong.code == 77);
  }
  /* The struct of the first version, and all that have grown since, work as well: what they lack has its default. */
  for (size_t size = offsetof(tsr_image_decoder_options, max_seconds); size <= sizeof options; ++size) {
    tsr_image_decoder_options_init(&options, size);
    CHECK_CODE(TSR_OK, error, tsr_image_decoder_create(&options, &decoder, &error));
    tsr_image_decoder_free(decoder);
    decoder = NULL;
  }
  /* A larger struct works as long as what is new is zero, and its defaults are zeros. */
  memset(&later, 0xAA, sizeof later);
  tsr_image_decoder_options_init(&later.now, sizeof later);
  CHECK(later.now.struct_size == sizeof later && later.added[0] == 0 && later.added[2] == 0);
  CHECK_CODE(TSR_OK, error, tsr_image_decoder_create(&later.now, &decoder, &error));
  tsr_image_decoder_free(decoder);
  later.added[2] = 1;
  CHECK_CODE(TSR_UNSUPPORTED, error, tsr_image_decoder_create(&later.now, &decoder, &error));
  CHECK(decoder == NULL);

  CHECK_CODE(TSR_OK, error, tsr_models_list(NULL, &models, &error));
  CHECK(tsr_models_count(models) > 0);
  memset(&model, 0xAA, sizeof model);
  model.now.struct_size = sizeof model;
  CHECK(tsr_models_get(models, 0, &model.now) == TSR_OK);
  CHECK(model.now.struct_size == sizeof model && model.now.name[0] != '\0' && model.added[0] == 0 && model.added[1] == 0);
  model.now.struct_size = 8;
  CHECK(tsr_models_get(models, 0, &model.now) == TSR_INVALID_ARGUMENT);
  tsr_models_free(models);
}

static void the_models(void) {
  tsr_models* models = NULL;
  tsr_model_info model = TSR_INIT(tsr_model_info);
  int still = 0, speech = 0;
  CHECK_CODE(TSR_OK, error, tsr_models_list(NULL, &models, &error));
  for (size_t i = 0; i < tsr_models_count(models); ++i) {
    CHECK(tsr_models_get(models, i, &model) == TSR_OK);
    CHECK(model.parameters > 0 && model.file_bytes > 0 && model.hash != 0 && model.file[0] == '/');
    still += strcmp(model.name, "still") == 0 && strcmp(model.media, "image") == 0 && model.decode_kmac_per_pixel > 0;
    speech += strcmp(model.name, "speech") == 0 && strcmp(model.media, "audio") == 0 && model.decode_mmac_per_second > 0;
  }
  CHECK(still == 1 && speech == 1);
  CHECK(tsr_models_get(models, tsr_models_count(models), &model) == TSR_INVALID_ARGUMENT);
  tsr_models_free(models);
  CHECK_CODE(TSR_OK, error, tsr_models_list("/there/is/no/such/folder", &models, &error));
  CHECK(tsr_models_count(models) == 0);
  tsr_models_free(models);
}

/* Long messages are cut; what is asked of a device that may or may not be there is answered either way. */
static void messages(void) {
  char name[2000];
  tsr_image_encoder_options options;
  tsr_image_encoder* encoder = NULL;
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  tsr_image_encoder_options_init(&options, sizeof options);
  options.model = name;
  CHECK_CODE(TSR_MODEL_MISSING, error, tsr_image_encoder_create(&options, &encoder, &error));
  CHECK(strlen(error.message) == TSR_MESSAGE_BYTES - 1);
  /* Two bytes a character: not cut in the middle. */
  for (size_t i = 0; i + 2 < sizeof name; i += 2) memcpy(name + i, "\xC3\xA9", 2);
  name[sizeof name - 2] = '\0';
  for (int shift = 0; shift < 2; ++shift) {
    options.model = name + 2 * shift;
    if (shift == 1) name[2] = 'a', name[3] = 'a', options.model = name + 3;
    CHECK_CODE(TSR_MODEL_MISSING, error, tsr_image_encoder_create(&options, &encoder, &error));
    const size_t length = strlen(error.message);
    CHECK(length >= TSR_MESSAGE_BYTES - 2 && (unsigned char)error.message[length - 1] == 0xA9);
  }
  const tsr_code cuda = tsr_cuda_available(&error);
  CHECK(cuda == TSR_OK || (cuda == TSR_DEVICE && strstr(error.message, "CUDA") != NULL));
}

int main(void) {
  names();
  nulls();
  sizes();
  the_models();
  messages();
  return checked("struct_test");
}
