/* Sound through the C interface, with the installed speech model: a round trip of one second, damage, loss, wrong use. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "tests/capi/check.h"

enum { kRate = 24000, kFrames = 24000, kMost = 1 << 16 };
#include "tests/capi/bytes.h"
static const double kPi = 3.14159265358979323846;
static tsr_error error = TSR_INIT(tsr_error);

static void take_packets(tsr_audio_encoder* encoder, bytes* stream) {
  tsr_audio_packet packet = TSR_INIT(tsr_audio_packet);
  for (;;) {
    CHECK_CODE(TSR_OK, error, tsr_audio_encoder_receive(encoder, &packet, &error));
    if (packet.data == NULL) return;
    append(stream, packet.data, packet.size);
  }
}

/* A stream of one second of a buzz that rises from 110 to 170 Hz, with its overtones, sent in pieces of `piece` frames; a time is stored every `times` seconds. */
static void encode_with_times(size_t piece, double times, bytes* stream) {
  static float sound[kFrames];
  tsr_audio_encoder_options options;
  tsr_audio_encoder* encoder = NULL;
  tsr_audio_format format = TSR_INIT(tsr_audio_format);
  tsr_audio_report report = TSR_INIT(tsr_audio_report);
  tsr_audio_view view = TSR_INIT(tsr_audio_view);
  const uint8_t* header = NULL;
  size_t size = 0;
  for (int i = 0; i < kFrames; ++i) {
    /* Like a voice, that never keeps its pitch: what becomes of a steady tone is no matter of a model of speech, and changes by decibels with its weights. */
    const double t = (double)i / kRate, phase = 2 * kPi * (110 + 30 * t) * t;
    double sum = 0;
    for (int k = 1; k <= 30; ++k) sum += sin(k * phase) / k;
    sound[i] = (float)(0.15 * sum);
  }
  stream->size = 0;
  tsr_audio_encoder_options_init(&options, sizeof options);
  CHECK(options.channels == 1 && options.checksum == 1 && options.source_bit_depth == 16 && options.times == 0);
  options.bit_rate = 6000;
  options.times = times;
  CHECK_CODE(TSR_OK, error, tsr_audio_encoder_create(&options, &encoder, &error));
  if (encoder == NULL) exit(checked("audio_test"));
  CHECK(tsr_audio_encoder_get_format(encoder, &format) == TSR_OK);
  CHECK(format.sample_rate == kRate && format.channels == 1 && format.bit_rate == 6000 && format.delay > 0);
  CHECK(tsr_audio_encoder_get_header(encoder, &header, &size) == TSR_OK && size > 0);
  append(stream, header, size);
  view.channels = 1;
  view.sample_rate = kRate;
  for (size_t at = 0; at < kFrames; at += piece) {
    view.samples = sound + at;
    view.frames = at + piece < kFrames ? piece : kFrames - at;
    CHECK_CODE(TSR_OK, error, tsr_audio_encoder_send(encoder, &view, &error));
    take_packets(encoder, stream);
  }
  view.sample_rate = 48000;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_send(encoder, &view, &error));
  view.sample_rate = kRate;
  view.channels = 0;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_send(encoder, &view, &error));
  view.channels = 1;
  view.frames = (size_t)-1;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_send(encoder, &view, &error));
  view.frames = 1;
  CHECK_CODE(TSR_OK, error, tsr_audio_encoder_flush(encoder, &error));
  take_packets(encoder, stream);
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_send(encoder, &view, &error));
  CHECK(tsr_audio_encoder_get_report(encoder, &report) == TSR_OK);
  CHECK(report.samples == kFrames && report.packets > 0 && report.bytes == stream->size && report.indices > 0);
  tsr_audio_encoder_free(encoder);
}

static void encode(size_t piece, bytes* stream) { encode_with_times(piece, 0, stream); }

typedef struct decoded {
  float samples[2 * kFrames];
  uint64_t frames, packets, lost;
  int damaged, sound;  /* events with a code other than TSR_OK; packets that the decoder refused */
} decoded;

static void take_samples(tsr_audio_decoder* decoder, decoded* out) {
  tsr_audio_view view = TSR_INIT(tsr_audio_view);
  for (;;) {
    CHECK_CODE(TSR_OK, error, tsr_audio_decoder_receive(decoder, &view, &error));
    if (view.samples == NULL) return;
    CHECK(view.channels == 1 && view.sample_rate == kRate && view.time == out->frames && out->frames + view.frames <= 2 * kFrames);
    if (out->frames + view.frames > 2 * kFrames) exit(1);
    memcpy(out->samples + out->frames, view.samples, view.frames * sizeof(float));
    out->frames += view.frames;
  }
}

/* Decodes a stream that arrives in pieces; the reader passes over damage. Returns the code of its end. */
static tsr_code decode(const bytes* stream, size_t piece, decoded* out) {
  tsr_reader* reader = NULL;
  tsr_audio_decoder* decoder = NULL;
  tsr_audio_format format = TSR_INIT(tsr_audio_format);
  tsr_audio_report report = TSR_INIT(tsr_audio_report);
  tsr_event event = TSR_INIT(tsr_event);
  tsr_code code = TSR_OK;
  size_t at = 0;
  memset(out, 0, sizeof *out);
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  CHECK_CODE(TSR_OK, error, tsr_audio_decoder_create(NULL, &decoder, &error));
  do {
    code = tsr_reader_next(reader, &event, &error);
    switch (event.kind) {
      case TSR_EVENT_NEED_BYTES: {
        const size_t size = at + piece < stream->size ? piece : stream->size - at;
        if (size == 0) {
          CHECK_CODE(TSR_OK, error, tsr_reader_finish(reader, &error));
          CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_reader_push(reader, stream->data, 1, &error));
        } else {
          CHECK_CODE(TSR_OK, error, tsr_reader_push(reader, stream->data + at, size, &error));
        }
        at += size;
        break;
      }
      case TSR_EVENT_HEADER:
        CHECK_CODE(TSR_OK, error, tsr_audio_decoder_open(decoder, event.data, event.size, &error));
        CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_decoder_open(decoder, event.data, event.size, &error));
        CHECK(tsr_audio_decoder_get_format(decoder, &format) == TSR_OK);
        CHECK(format.sample_rate == kRate && format.channels == 1 && format.block_samples > 0 && format.preroll > 0);
        break;
      case TSR_EVENT_PACKET:
        CHECK_CODE(TSR_OK, error, tsr_audio_decoder_send(decoder, event.data, event.size, &error));
        take_samples(decoder, out);
        break;
      case TSR_EVENT_LOST:
        ++out->damaged;
        CHECK(code != TSR_OK && event.lost > 0);
        CHECK_CODE(TSR_OK, error, tsr_audio_decoder_lost(decoder, event.lost, &error));
        take_samples(decoder, out);
        break;
      default:
        CHECK(event.kind == TSR_EVENT_END);
    }
  } while (event.kind != TSR_EVENT_END);
  CHECK_CODE(TSR_OK, error, tsr_audio_decoder_flush(decoder, &error));
  take_samples(decoder, out);
  CHECK(tsr_audio_decoder_get_report(decoder, &report) == TSR_OK);
  CHECK(report.samples == out->frames);
  out->packets = report.packets;
  out->lost = report.lost;
  tsr_audio_decoder_free(decoder);
  tsr_reader_free(reader);
  return code;
}

static double power(const float* samples, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += (double)samples[i] * samples[i];
  return sum / (double)count;
}

static bytes whole, again, broken;
static decoded one, other;

static void round_trip(void) {
  encode(kFrames, &whole);
  encode(777, &again);
  CHECK(again.size == whole.size && memcmp(again.data, whole.data, whole.size) == 0);
  CHECK(decode(&whole, kMost, &one) == TSR_OK);
  CHECK(one.frames == kFrames && one.lost == 0 && one.damaged == 0 && one.packets > 0);
  /* The power of the buzz, 0.01813, within 3 dB: loud where it was loud. */
  const double p = power(one.samples + kRate / 4, kRate / 2);
  if (!(p > 0.009092 && p < 0.036194)) fprintf(stderr, "power %.5f\n", p);
  CHECK(p > 0.009092 && p < 0.036194);
  CHECK(decode(&whole, 13, &other) == TSR_OK);
  CHECK(other.frames == one.frames && memcmp(other.samples, one.samples, sizeof one.samples) == 0);
}

static void description(void) {
  tsr_info* info = NULL;
  tsr_stream_info s = TSR_INIT(tsr_stream_info);
  CHECK_CODE(TSR_OK, error, tsr_inspect(whole.data, whole.size, NULL, &info, &error));
  CHECK(tsr_info_get(info, &s) == TSR_OK);
  CHECK(strcmp(s.media, "audio") == 0 && strcmp(s.model, "speech-hq") == 0 && s.sample_rate == kRate && s.samples == kFrames);
  CHECK(s.channels == 1 && s.packets == one.packets && s.decode_mmac_per_second > 0 && s.width == 0);
  tsr_info_free(info);
}

static void damage(void) {
  broken = whole;
  broken.data[broken.size / 3] ^= 0x40; /* not in the last packet, which says where the sound ends */
  (void)decode(&broken, kMost, &other);
  CHECK(other.damaged > 0 && other.lost > 0 && other.frames == kFrames);
  broken = whole;
  broken.size -= 3;
  const tsr_code code = decode(&broken, kMost, &other);
  CHECK(code == TSR_TRUNCATED || other.damaged > 0);

  tsr_audio_decoder* decoder = NULL;
  CHECK_CODE(TSR_OK, error, tsr_audio_decoder_create(NULL, &decoder, &error));
  CHECK_CODE(TSR_TRUNCATED, error, tsr_audio_decoder_open(decoder, whole.data, 5, &error));
  broken = whole;
  broken.data[0] ^= 0xFF;
  CHECK_CODE(TSR_CORRUPT, error, tsr_audio_decoder_open(decoder, broken.data, 60, &error));
  tsr_audio_decoder_free(decoder);
}

/* Decodes a stream whose first packet is not there, and nobody says so. Frames and packets that were concealed. */
static void decode_without_first(const bytes* stream, decoded* out) {
  tsr_reader* reader = NULL;
  tsr_audio_decoder* decoder = NULL;
  tsr_audio_report report = TSR_INIT(tsr_audio_report);
  tsr_event event = TSR_INIT(tsr_event);
  memset(out, 0, sizeof *out);
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  CHECK_CODE(TSR_OK, error, tsr_audio_decoder_create(NULL, &decoder, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_push(reader, stream->data, stream->size, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_finish(reader, &error));
  for (int packet = 0; tsr_reader_next(reader, &event, NULL) == TSR_OK && event.kind != TSR_EVENT_END;) {
    if (event.kind == TSR_EVENT_HEADER) CHECK_CODE(TSR_OK, error, tsr_audio_decoder_open(decoder, event.data, event.size, &error));
    if (event.kind == TSR_EVENT_PACKET && packet++ > 0) {
      CHECK_CODE(TSR_OK, error, tsr_audio_decoder_send(decoder, event.data, event.size, &error));
      take_samples(decoder, out);
    }
  }
  CHECK(event.kind == TSR_EVENT_END);
  CHECK_CODE(TSR_OK, error, tsr_audio_decoder_flush(decoder, &error));
  take_samples(decoder, out);
  CHECK(tsr_audio_decoder_get_report(decoder, &report) == TSR_OK);
  out->lost = report.lost;
  tsr_audio_decoder_free(decoder);
  tsr_reader_free(reader);
}

/* Sound behind a loss keeps its place when the packets store their times, and moves forward when they do not. */
static void stored_times(void) {
  decode_without_first(&whole, &other);
  CHECK(other.lost == 0 && other.frames < kFrames);
  encode_with_times(kFrames, 0.2, &again);
  CHECK(again.size != whole.size || memcmp(again.data, whole.data, whole.size) != 0);
  decode_without_first(&again, &other);
  CHECK(other.lost == 1 && other.frames == kFrames);

  /* The struct of the first version has no times: what lies behind it is not read. */
  tsr_audio_encoder_options options;
  tsr_audio_encoder* encoder = NULL;
  tsr_audio_encoder_options_init(&options, offsetof(tsr_audio_encoder_options, times));
  options.times = -1;
  CHECK_CODE(TSR_OK, error, tsr_audio_encoder_create(&options, &encoder, &error));
  tsr_audio_encoder_free(encoder);
  encoder = NULL;
  const double wrong[] = {-1, 3601, (double)NAN};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    tsr_audio_encoder_options_init(&options, sizeof options);
    options.times = wrong[i];
    CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_create(&options, &encoder, &error));
    CHECK(encoder == NULL);
  }
  options.struct_size = offsetof(tsr_audio_encoder_options, times) - 1;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_create(&options, &encoder, &error));
}

static void wrong_options(void) {
  tsr_audio_encoder_options options;
  tsr_audio_encoder* encoder = NULL;
  tsr_audio_encoder_options_init(&options, sizeof options);
  options.bit_rate = 100;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_create(&options, &encoder, &error));
  tsr_audio_encoder_options_init(&options, sizeof options);
  options.channels = 3;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_create(&options, &encoder, &error));
  tsr_audio_encoder_options_init(&options, sizeof options);
  options.low_delay = 2;
  CHECK_CODE(TSR_INVALID_ARGUMENT, error, tsr_audio_encoder_create(&options, &encoder, &error));
  tsr_audio_encoder_options_init(&options, sizeof options);
  options.reserved = 1;
  CHECK_CODE(TSR_UNSUPPORTED, error, tsr_audio_encoder_create(&options, &encoder, &error));
  tsr_audio_encoder_options_init(&options, sizeof options);
  options.model = "still"; /* of another medium */
  CHECK(tsr_audio_encoder_create(&options, &encoder, &error) != TSR_OK);
  CHECK(encoder == NULL);
}

/* A thousand decoders that are closed in mid-stream: what they leave behind is found by a sanitizer. */
static void many_decoders(void) {
  static bytes stream;
  static bytes header, packet;
  tsr_reader* reader = NULL;
  tsr_event event = TSR_INIT(tsr_event);
  encode(kFrames, &stream);
  CHECK_CODE(TSR_OK, error, tsr_reader_create(&reader, &error));
  CHECK_CODE(TSR_OK, error, tsr_reader_push(reader, stream.data, stream.size, &error));
  CHECK(tsr_reader_next(reader, &event, NULL) == TSR_OK && event.kind == TSR_EVENT_HEADER);
  append(&header, event.data, event.size);
  CHECK(tsr_reader_next(reader, &event, NULL) == TSR_OK && event.kind == TSR_EVENT_PACKET);
  append(&packet, event.data, event.size);
  tsr_reader_free(reader);
  for (int i = 0; i < 1100; ++i) {
    tsr_audio_decoder* decoder = NULL;
    CHECK_CODE(TSR_OK, error, tsr_audio_decoder_create(NULL, &decoder, &error));
    CHECK_CODE(TSR_OK, error, tsr_audio_decoder_open(decoder, header.data, header.size, &error));
    if (i % 10 == 0) CHECK_CODE(TSR_OK, error, tsr_audio_decoder_send(decoder, packet.data, packet.size, &error));
    if (i % 10 == 1) CHECK(tsr_audio_decoder_send(decoder, packet.data, packet.size - 1, &error) != TSR_OK);
    tsr_audio_decoder_free(decoder);
  }
}

int main(void) {
  round_trip();
  description();
  damage();
  stored_times();
  wrong_options();
  many_decoders();
  return checked("audio_test");
}
