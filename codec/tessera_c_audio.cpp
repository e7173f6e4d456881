// The C interface: sound, packet by packet, and the reader that takes its streams apart.
#include "bitstream/header.h"
#include "bitstream/stream_reader.h"
#include "codec/audio.h"
#include "codec/c_support.h"
#include "codec/tessera_c.h"

using namespace tessera;
using namespace tessera::c;
using tessera::bitstream::StreamReader;

struct tsr_audio_encoder {
  AudioEncoder encoder;
  AudioPacket packet;  // the one that the caller looks at
};

struct tsr_audio_decoder {
  AudioDecoder decoder;
  AudioBlock block;
  uint64_t priming = 0;
  bool opened = false;
};

struct tsr_reader {
  StreamReader reader;
  bool finished = false;
};

namespace {

tsr_audio_encoder_options encoder_defaults() {
  const AudioEncoderOptions d;
  tsr_audio_encoder_options o = TSR_INIT(tsr_audio_encoder_options);
  o.bit_rate = d.bit_rate;
  o.lookahead = d.lookahead;
  o.channels = d.channels;
  o.source_bit_depth = d.source_bit_depth;
  o.low_delay = d.low_delay;
  o.checksum = d.checksum;
  o.index = d.index;
  o.effort = d.effort;
  o.times = d.times;
  return o;
}

tsr_audio_decoder_options decoder_defaults() {
  tsr_audio_decoder_options o = TSR_INIT(tsr_audio_decoder_options);
  o.symbols_only = AudioDecoderOptions().symbols_only;
  o.max_seconds = AudioDecoderOptions().max_seconds;
  return o;
}

Status store(const AudioReport& r, tsr_audio_report* out) {
  tsr_audio_report o = TSR_INIT(tsr_audio_report);
  o.packets = r.packets;
  o.lost = r.lost;
  o.bytes = r.bytes;
  o.samples = r.samples;
  o.indices = r.indices;
  o.replaced = r.replaced;
  o.checked = r.checked;
  o.levels = r.levels;
  o.symbol_checksum = r.symbol_checksum;
  return write_struct(out, "report", o);
}

Status opened(const tsr_audio_decoder* decoder) {
  if (decoder == nullptr) return invalid("decoder is null");
  return decoder->opened ? Status() : invalid("the decoder has not got the stream's header yet");
}

}  // namespace

void tsr_audio_encoder_options_init(tsr_audio_encoder_options* options, size_t struct_size) {
  init_struct(options, struct_size, encoder_defaults());
}

tsr_code tsr_audio_encoder_create(const tsr_audio_encoder_options* options, tsr_audio_encoder** encoder, tsr_error* error) {
  if (encoder != nullptr) *encoder = nullptr;
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    tsr_audio_encoder_options o = encoder_defaults();
    if (options != nullptr) TESSERA_RETURN_IF_ERROR(read_struct(options, "options", o));
    TESSERA_RETURN_IF_ERROR(check_reserved(o.reserved | o.reserved2, "options"));
    TESSERA_RETURN_IF_ERROR(check_flag(o.low_delay, "low_delay"));
    TESSERA_RETURN_IF_ERROR(check_flag(o.checksum, "checksum"));
    TESSERA_RETURN_IF_ERROR(check_flag(o.index, "index"));
    AudioEncoderOptions e;
    e.model = o.model != nullptr ? o.model : choose_audio_model(o.channels, o.bit_rate);
    e.weights_dir = or_empty(o.weights_dir);
    e.bit_rate = o.bit_rate;
    e.lookahead = o.lookahead;
    e.channels = o.channels;
    e.source_bit_depth = o.source_bit_depth;
    e.low_delay = o.low_delay != 0;
    e.checksum = o.checksum != 0;
    e.index = o.index != 0;
    e.effort = o.effort;
    e.times = o.times;
    auto made = AudioEncoder::create(std::move(e));
    if (!made) return made.status();
    *encoder = new tsr_audio_encoder{std::move(*made), {}};
    return {};
  });
}

void tsr_audio_encoder_free(tsr_audio_encoder* encoder) { delete encoder; }

tsr_code tsr_audio_encoder_get_format(const tsr_audio_encoder* encoder, tsr_audio_format* format) {
  return call(nullptr, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    const auto header = bitstream::parse_header(encoder->encoder.header(), {});
    if (!header) return header.status();
    tsr_audio_format f = TSR_INIT(tsr_audio_format);
    f.block_samples = header->audio.block_samples;
    f.priming = header->audio.priming;
    f.bit_rate = encoder->encoder.bit_rate();
    f.delay = encoder->encoder.delay();
    f.sample_rate = encoder->encoder.sample_rate();
    f.channels = encoder->encoder.channels();
    return write_struct(format, "format", f);
  });
}

tsr_code tsr_audio_encoder_get_report(const tsr_audio_encoder* encoder, tsr_audio_report* report) {
  return call(nullptr, [&]() -> Status { return encoder == nullptr ? invalid("encoder is null") : store(encoder->encoder.report(), report); });
}

tsr_code tsr_audio_encoder_get_header(const tsr_audio_encoder* encoder, const uint8_t** header, size_t* size) {
  if (header != nullptr) *header = nullptr;
  if (size != nullptr) *size = 0;
  return call(nullptr, [&]() -> Status {
    if (encoder == nullptr || header == nullptr || size == nullptr) return invalid("encoder, header or size is null");
    *header = encoder->encoder.header().data();
    *size = encoder->encoder.header().size();
    return {};
  });
}

tsr_code tsr_audio_encoder_send(tsr_audio_encoder* encoder, const tsr_audio_view* samples, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    tsr_audio_view v = TSR_INIT(tsr_audio_view);
    TESSERA_RETURN_IF_ERROR(read_struct(samples, "samples", v));
    TESSERA_RETURN_IF_ERROR(check_bytes(v.samples, v.frames, "samples"));
    if (v.channels < 1 || v.channels > 64) return invalid("the samples have an impossible number of channels");
    if (v.frames > PTRDIFF_MAX / sizeof(float) / v.channels) return invalid("there are more samples than memory can hold");
    return encoder->encoder.send({{v.samples, v.frames * v.channels}, v.channels, v.sample_rate});
  });
}

tsr_code tsr_audio_encoder_flush(tsr_audio_encoder* encoder, tsr_error* error) {
  return call(error, [&]() -> Status { return encoder == nullptr ? invalid("encoder is null") : encoder->encoder.flush(); });
}

tsr_code tsr_audio_encoder_receive(tsr_audio_encoder* encoder, tsr_audio_packet* packet, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    tsr_audio_packet p = TSR_INIT(tsr_audio_packet);
    // Before a packet is taken from the encoder: it would be lost.
    TESSERA_RETURN_IF_ERROR(write_struct(packet, "packet", p));
    auto next = encoder->encoder.receive();
    if (!next) return {};
    encoder->packet = std::move(*next);
    p.data = encoder->packet.bytes.data();
    p.size = encoder->packet.bytes.size();
    p.time = encoder->packet.time;
    p.index = encoder->packet.index;
    return write_struct(packet, "packet", p);
  });
}

void tsr_audio_decoder_options_init(tsr_audio_decoder_options* options, size_t struct_size) {
  init_struct(options, struct_size, decoder_defaults());
}

tsr_code tsr_audio_decoder_create(const tsr_audio_decoder_options* options, tsr_audio_decoder** decoder, tsr_error* error) {
  if (decoder != nullptr) *decoder = nullptr;
  return call(error, [&]() -> Status {
    if (decoder == nullptr) return invalid("decoder is null");
    tsr_audio_decoder_options o = decoder_defaults();
    if (options != nullptr) TESSERA_RETURN_IF_ERROR(read_struct(options, "options", o));
    TESSERA_RETURN_IF_ERROR(check_reserved(o.reserved, "options"));
    TESSERA_RETURN_IF_ERROR(check_flag(o.symbols_only, "symbols_only"));
    TESSERA_RETURN_IF_ERROR(check_seconds(o.max_seconds));
    AudioDecoderOptions d;
    d.weights_dir = or_empty(o.weights_dir);
    d.symbols_only = o.symbols_only != 0;
    d.max_seconds = o.max_seconds;
    auto made = AudioDecoder::create(std::move(d));
    if (!made) return made.status();
    *decoder = new tsr_audio_decoder{std::move(*made), {}, 0, false};
    return {};
  });
}

void tsr_audio_decoder_free(tsr_audio_decoder* decoder) { delete decoder; }

tsr_code tsr_audio_decoder_open(tsr_audio_decoder* decoder, const uint8_t* header, size_t size, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (decoder == nullptr) return invalid("decoder is null");
    if (decoder->opened) return invalid("the decoder has got a header already");
    TESSERA_RETURN_IF_ERROR(check_bytes(header, size, "header"));
    TESSERA_RETURN_IF_ERROR(decoder->decoder.open({header, size}));
    // The decoder has found it right.
    decoder->priming = bitstream::parse_header({header, size}, {})->audio.priming;
    decoder->opened = true;
    return {};
  });
}

tsr_code tsr_audio_decoder_get_format(const tsr_audio_decoder* decoder, tsr_audio_format* format) {
  return call(nullptr, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    tsr_audio_format f = TSR_INIT(tsr_audio_format);
    const AudioDecoder& d = decoder->decoder;
    f.channel_mask = d.channel_mask();
    f.block_samples = d.block_samples();
    f.preroll = d.preroll();
    f.sample_rate = d.sample_rate();
    f.channels = d.channels();
    f.causal = d.causal();
    f.priming = decoder->priming;
    return write_struct(format, "format", f);
  });
}

tsr_code tsr_audio_decoder_get_report(const tsr_audio_decoder* decoder, tsr_audio_report* report) {
  return call(nullptr, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return store(decoder->decoder.report(), report);
  });
}

tsr_code tsr_audio_decoder_send(tsr_audio_decoder* decoder, const uint8_t* packet, size_t size, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    TESSERA_RETURN_IF_ERROR(check_bytes(packet, size, "packet"));
    return decoder->decoder.send({packet, size});
  });
}

tsr_code tsr_audio_decoder_lost(tsr_audio_decoder* decoder, uint64_t packets, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return decoder->decoder.lost(packets);
  });
}

tsr_code tsr_audio_decoder_flush(tsr_audio_decoder* decoder, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return decoder->decoder.flush();
  });
}

tsr_code tsr_audio_decoder_receive(tsr_audio_decoder* decoder, tsr_audio_view* samples, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    tsr_audio_view v = TSR_INIT(tsr_audio_view);
    v.channels = decoder->decoder.channels();
    v.sample_rate = decoder->decoder.sample_rate();
    // Before samples are taken from the decoder: they would be lost.
    TESSERA_RETURN_IF_ERROR(write_struct(samples, "samples", v));
    auto block = decoder->decoder.receive();
    if (!block) return {};
    decoder->block = std::move(*block);
    v.samples = decoder->block.samples.data();
    v.frames = decoder->block.frames();
    v.time = decoder->block.time;
    return write_struct(samples, "samples", v);
  });
}

tsr_code tsr_audio_decoder_seek(tsr_audio_decoder* decoder, uint64_t packet_time, uint64_t first, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return decoder->decoder.seek(packet_time, first);
  });
}

tsr_code tsr_reader_create(tsr_reader** reader, tsr_error* error) {
  if (reader != nullptr) *reader = nullptr;
  return call(error, [&]() -> Status {
    if (reader == nullptr) return invalid("reader is null");
    *reader = new tsr_reader;
    return {};
  });
}

void tsr_reader_free(tsr_reader* reader) { delete reader; }

tsr_code tsr_reader_want_companions(tsr_reader* reader, int32_t wanted, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (reader == nullptr) return invalid("reader is null");
    if (wanted != 0 && wanted != 1) return invalid("wanted is 0 or 1");
    reader->reader.want_companions(wanted == 1);
    return {};
  });
}

tsr_code tsr_reader_push(tsr_reader* reader, const uint8_t* bytes, size_t size, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (reader == nullptr) return invalid("reader is null");
    if (reader->finished) return invalid("bytes after the end of the stream");
    TESSERA_RETURN_IF_ERROR(check_bytes(bytes, size, "bytes"));
    reader->reader.push({bytes, size});
    return {};
  });
}

tsr_code tsr_reader_finish(tsr_reader* reader, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (reader == nullptr) return invalid("reader is null");
    reader->finished = true;
    reader->reader.finish();
    return {};
  });
}

static_assert(TSR_EVENT_NEED_BYTES == int(StreamReader::Kind::need_bytes) && TSR_EVENT_HEADER == int(StreamReader::Kind::header) &&
              TSR_EVENT_PACKET == int(StreamReader::Kind::packet) && TSR_EVENT_LOST == int(StreamReader::Kind::lost) &&
              TSR_EVENT_END == int(StreamReader::Kind::end) && TSR_EVENT_COMPANION == int(StreamReader::Kind::companion));

tsr_code tsr_reader_next(tsr_reader* reader, tsr_event* event, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (reader == nullptr) return invalid("reader is null");
    tsr_event e = TSR_INIT(tsr_event);
    TESSERA_RETURN_IF_ERROR(write_struct(event, "event", e));
    const StreamReader::Event next = reader->reader.next();
    e.kind = static_cast<int32_t>(next.kind);
    e.data = next.bytes.empty() ? nullptr : next.bytes.data();
    e.size = next.bytes.size();
    e.lost = next.lost;
    TESSERA_RETURN_IF_ERROR(write_struct(event, "event", e));
    return next.damage;
  });
}
