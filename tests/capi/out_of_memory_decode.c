/* Whole decodings for out_of_memory_test.c. */
#include "tests/capi/check.h"
#include "tests/capi/out_of_memory.h"

outcome decode_image(void) {
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

outcome decode_packets(int video) {
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
