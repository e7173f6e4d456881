/* Whole encodings of a few samples for out_of_memory_test.c. */
#include <stdlib.h>

#include "tests/capi/check.h"
#include "tests/capi/out_of_memory.h"

/* FNV-1a over what is written. */
static void take(outcome* o, const uint8_t* data, size_t size) {
  size_t i;
  if (o->output == 0) o->checksum = 2166136261u;
  for (i = 0; i < size; ++i) o->checksum = (o->checksum ^ data[i]) * 16777619u;
  o->output += size;
}

/* Something like a texture. */
static uint8_t texture(size_t x, size_t y, size_t t) { return (uint8_t)(128 + (int)((x * 7 + y * 3 + t * 5) % 64) - (int)((x * y) % 32)); }

outcome encode_image(void) {
  enum { kWidth = 72, kHeight = 56 };
  static uint8_t samples[kWidth * kHeight * 3];
  outcome o = {TSR_OK, 0, 0};
  tsr_image_encoder_options options;
  tsr_image_encoder* encoder = NULL;
  tsr_image_view view = TSR_INIT(tsr_image_view);
  uint8_t* written = NULL;
  size_t size = 0, i;
  for (i = 0; i < sizeof samples; ++i) samples[i] = texture(i / 3 % kWidth, i / 3 / kWidth, i % 3);
  view.data = samples;
  view.width = kWidth;
  view.height = kHeight;
  view.channels = 3;
  view.bit_depth = 8;
  view.stride = kWidth * 3;
  tsr_image_encoder_options_init(&options, sizeof options);
  options.threads = 1;
  options.weights_dir = weights;
  o.code = tsr_image_encoder_create(&options, &encoder, &error);
  if (o.code == TSR_OK) o.code = tsr_image_encoder_encode(encoder, &view, NULL, &written, &size, NULL, &error);
  if (o.code == TSR_OK) take(&o, written, size);
  tsr_free(written);
  tsr_image_encoder_free(encoder);
  return o;
}

static tsr_code take_sound(tsr_audio_encoder* encoder, outcome* o) {
  tsr_audio_packet packet = TSR_INIT(tsr_audio_packet);
  for (;;) {
    const tsr_code code = tsr_audio_encoder_receive(encoder, &packet, &error);
    if (code != TSR_OK || packet.data == NULL) return code;
    take(o, packet.data, packet.size);
  }
}

outcome encode_sound(void) {
  enum { kFrames = 24000 };
  static float samples[kFrames];
  outcome o = {TSR_OK, 0, 0};
  tsr_audio_encoder_options options;
  tsr_audio_encoder* encoder = NULL;
  tsr_audio_view view = TSR_INIT(tsr_audio_view);
  size_t i;
  for (i = 0; i < kFrames; ++i) samples[i] = (float)(texture(i * i / 4096, i / 64, 0) - 128) / 256.0f;
  view.samples = samples;
  view.frames = kFrames;
  view.channels = 1;
  view.sample_rate = 24000;
  tsr_audio_encoder_options_init(&options, sizeof options);
  options.weights_dir = weights;
  options.model = "speech";
  o.code = tsr_audio_encoder_create(&options, &encoder, &error);
  if (o.code == TSR_OK) o.code = tsr_audio_encoder_send(encoder, &view, &error);
  if (o.code == TSR_OK) o.code = take_sound(encoder, &o);
  if (o.code == TSR_OK) o.code = tsr_audio_encoder_flush(encoder, &error);
  if (o.code == TSR_OK) o.code = take_sound(encoder, &o);
  tsr_audio_encoder_free(encoder);
  return o;
}

static tsr_code take_video(tsr_video_encoder* encoder, outcome* o) {
  tsr_video_packet packet = TSR_INIT(tsr_video_packet);
  for (;;) {
    const tsr_code code = tsr_video_encoder_receive(encoder, &packet, &error);
    if (code != TSR_OK || packet.data == NULL) return code;
    take(o, packet.data, packet.size);
  }
}

outcome encode_video(void) {
  enum { kWidth = 64, kHeight = 48, kFrames = 3 };
  static uint8_t samples[kWidth * kHeight * 3 / 2];
  outcome o = {TSR_OK, 0, 0};
  tsr_video_encoder_options options;
  tsr_video_encoder* encoder = NULL;
  tsr_video_format format;
  tsr_video_view view = TSR_INIT(tsr_video_view);
  size_t i, t;
  tsr_video_format_init(&format, sizeof format);
  format.width = kWidth;
  format.height = kHeight;
  tsr_video_encoder_options_init(&options, sizeof options);
  options.threads = 1;
  options.weights_dir = weights;
  options.model = "motion-lite";
  view.planes[0] = samples;
  view.planes[1] = samples + kWidth * kHeight;
  view.planes[2] = samples + kWidth * kHeight * 5 / 4;
  view.strides[0] = kWidth;
  view.strides[1] = view.strides[2] = kWidth / 2;
  o.code = tsr_video_encoder_create(&options, &format, &encoder, &error);
  for (t = 0; o.code == TSR_OK && t < kFrames; ++t) {
    for (i = 0; i < sizeof samples; ++i) samples[i] = texture(i % kWidth + t, i / kWidth, 0);
    view.time = t;
    o.code = tsr_video_encoder_send(encoder, &view, &error);
    if (o.code == TSR_OK) o.code = take_video(encoder, &o);
  }
  if (o.code == TSR_OK) o.code = tsr_video_encoder_flush(encoder, &error);
  if (o.code == TSR_OK) o.code = take_video(encoder, &o);
  tsr_video_encoder_free(encoder);
  return o;
}
