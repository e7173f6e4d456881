// The C interface: video, frame by frame.
#include "codec/c_support.h"
#include "codec/tessera_c.h"
#include "codec/video.h"

using namespace tessera;
using namespace tessera::c;

struct tsr_video_encoder {
  VideoEncoder encoder;
  VideoPacket packet;  // the one that the caller looks at
};

struct tsr_video_decoder {
  VideoDecoder decoder;
  VideoFrame frame;
  bool opened = false;
};

namespace {

tsr_video_format format_defaults() {
  const VideoFormat d;
  tsr_video_format f = TSR_INIT(tsr_video_format);
  f.bit_depth = d.bit_depth;
  f.chroma_location = d.chroma_location;
  f.rate_numerator = d.rate_numerator;
  f.rate_denominator = d.rate_denominator;
  f.frame_ticks = d.frame_ticks;
  f.aspect_numerator = d.aspect_numerator;
  f.aspect_denominator = d.aspect_denominator;
  f.rotation = d.rotation;
  return f;
}

tsr_video_encoder_options encoder_defaults() {
  const VideoEncoderOptions d;
  tsr_video_encoder_options o = TSR_INIT(tsr_video_encoder_options);
  o.bit_rate = d.bit_rate;
  o.buffer = d.buffer;
  o.quality = d.quality;
  o.scene_cuts = d.scene_cuts;
  o.keyint = d.keyint;
  o.refresh = d.refresh;
  o.effort = d.effort;
  o.checksum = d.checksum;
  o.index = d.index;
  o.device = TSR_DEVICE_CPU;
  o.threads = d.threads;
  return o;
}

tsr_video_decoder_options decoder_defaults() {
  const VideoDecoderOptions d;
  tsr_video_decoder_options o = TSR_INIT(tsr_video_decoder_options);
  o.max_pixels = d.limits.max_pixels;
  o.max_memory = d.limits.max_memory;
  o.max_metadata = d.limits.max_metadata;
  o.max_seconds = d.limits.max_seconds;
  o.max_dimension = d.limits.max_dimension;
  o.device = TSR_DEVICE_CPU;
  o.threads = d.threads;
  o.strict = d.strict;
  o.symbols_only = d.symbols_only;
  o.ahead = d.ahead;
  return o;
}

Status format_of(const tsr_video_format* from, VideoFormat& out) {
  tsr_video_format f = format_defaults();
  TESSERA_RETURN_IF_ERROR(read_struct(from, "format", f));
  TESSERA_RETURN_IF_ERROR(check_reserved(f.reserved, "format"));
  if (f.chroma_location > 5) return invalid("there is no chroma location " + std::to_string(f.chroma_location));
  const tsr_colour& c = f.colour;
  TESSERA_RETURN_IF_ERROR(check_flag(c.full_range, "full_range"));
  if (c.primaries != 0 || c.transfer != 0 || c.matrix != 0 || c.full_range != 0) out.colour = {c.primaries, c.transfer, c.matrix, c.full_range != 0};
  out.width = f.width;
  out.height = f.height;
  out.bit_depth = f.bit_depth;
  out.chroma_location = static_cast<uint8_t>(f.chroma_location);
  out.rate_numerator = f.rate_numerator;
  out.rate_denominator = f.rate_denominator;
  out.frame_ticks = f.frame_ticks;
  out.aspect_numerator = f.aspect_numerator;
  out.aspect_denominator = f.aspect_denominator;
  out.rotation = f.rotation;
  return {};
}

Status store(const VideoFormat& f, tsr_video_format* out) {
  tsr_video_format o = format_defaults();
  o.width = f.width;
  o.height = f.height;
  o.bit_depth = f.bit_depth;
  o.colour = {f.colour.primaries, f.colour.transfer, f.colour.matrix, f.colour.full_range};
  o.chroma_location = f.chroma_location;
  o.rate_numerator = f.rate_numerator;
  o.rate_denominator = f.rate_denominator;
  o.frame_ticks = f.frame_ticks;
  o.aspect_numerator = f.aspect_numerator;
  o.aspect_denominator = f.aspect_denominator;
  o.rotation = f.rotation;
  return write_struct(out, "format", o);
}

Status store(const VideoReport& r, tsr_video_report* out) {
  tsr_video_report o = TSR_INIT(tsr_video_report);
  o.frames = r.frames;
  o.key_frames = r.key_frames;
  o.scene_cuts = r.scene_cuts;
  o.concealed = r.concealed;
  o.bytes = r.bytes;
  o.symbols_coded = r.symbols_coded;
  o.symbols_skipped = r.symbols_skipped;
  o.checked = r.checked;
  o.seconds_network = r.seconds_network;
  o.seconds_entropy = r.seconds_entropy;
  o.seconds_search = r.seconds_search;
  o.symbol_checksum = r.symbol_checksum;
  return write_struct(out, "report", o);
}

Status options_of(const tsr_video_encoder_options* from, VideoEncoderOptions& out) {
  tsr_video_encoder_options o = encoder_defaults();
  if (from != nullptr) TESSERA_RETURN_IF_ERROR(read_struct(from, "options", o));
  TESSERA_RETURN_IF_ERROR(check_reserved(o.reserved, "options"));
  TESSERA_RETURN_IF_ERROR(check_flag(o.scene_cuts, "scene_cuts"));
  TESSERA_RETURN_IF_ERROR(check_flag(o.checksum, "checksum"));
  TESSERA_RETURN_IF_ERROR(check_flag(o.index, "index"));
  TESSERA_RETURN_IF_ERROR(device_of(o.device, out.device));
  TESSERA_RETURN_IF_ERROR(threads_of(o.threads, out.threads));
  out.weights_dir = or_empty(o.weights_dir);
  out.model = o.model != nullptr ? o.model : choose_video_model(out.device, out.weights_dir);
  out.quality = o.quality;
  out.bit_rate = o.bit_rate;
  out.buffer = o.buffer;
  out.keyint = o.keyint;
  out.scene_cuts = o.scene_cuts != 0;
  out.refresh = o.refresh;
  out.effort = o.effort;
  out.checksum = o.checksum != 0;
  out.index = o.index != 0;
  return {};
}

Status opened(const tsr_video_decoder* decoder) {
  if (decoder == nullptr) return invalid("decoder is null");
  return decoder->opened ? Status() : invalid("the decoder has not got the stream's header yet");
}

}  // namespace

void tsr_video_format_init(tsr_video_format* format, size_t struct_size) { init_struct(format, struct_size, format_defaults()); }

void tsr_video_encoder_options_init(tsr_video_encoder_options* options, size_t struct_size) {
  init_struct(options, struct_size, encoder_defaults());
}

tsr_code tsr_video_encoder_create(const tsr_video_encoder_options* options, const tsr_video_format* format, tsr_video_encoder** encoder,
                                  tsr_error* error) {
  if (encoder != nullptr) *encoder = nullptr;
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    VideoEncoderOptions e;
    TESSERA_RETURN_IF_ERROR(options_of(options, e));
    TESSERA_RETURN_IF_ERROR(format_of(format, e.format));
    auto made = VideoEncoder::create(std::move(e));
    if (!made) return made.status();
    *encoder = new tsr_video_encoder{std::move(*made), {}};
    return {};
  });
}

void tsr_video_encoder_free(tsr_video_encoder* encoder) { delete encoder; }

tsr_code tsr_video_encoder_get_format(const tsr_video_encoder* encoder, tsr_video_format* format) {
  return call(nullptr, [&]() -> Status { return encoder == nullptr ? invalid("encoder is null") : store(encoder->encoder.format(), format); });
}

tsr_code tsr_video_encoder_get_report(const tsr_video_encoder* encoder, tsr_video_report* report) {
  return call(nullptr, [&]() -> Status { return encoder == nullptr ? invalid("encoder is null") : store(encoder->encoder.report(), report); });
}

tsr_code tsr_video_encoder_get_header(const tsr_video_encoder* encoder, const uint8_t** header, size_t* size) {
  if (header != nullptr) *header = nullptr;
  if (size != nullptr) *size = 0;
  return call(nullptr, [&]() -> Status {
    if (encoder == nullptr || header == nullptr || size == nullptr) return invalid("encoder, header or size is null");
    *header = encoder->encoder.header().data();
    *size = encoder->encoder.header().size();
    return {};
  });
}

tsr_code tsr_video_encoder_send(tsr_video_encoder* encoder, const tsr_video_view* frame, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    tsr_video_view v = TSR_INIT(tsr_video_view);
    TESSERA_RETURN_IF_ERROR(read_struct(frame, "frame", v));
    TESSERA_RETURN_IF_ERROR(check_reserved(v.reserved, "frame"));
    TESSERA_RETURN_IF_ERROR(check_flag(v.key, "key"));
    VideoFrameView view{.time = v.time};
    for (int p = 0; p < 3; ++p) {
      view.planes[p] = v.planes[p];
      view.strides[p] = v.strides[p];
    }
    return encoder->encoder.send(view, v.key != 0);
  });
}

tsr_code tsr_video_encoder_flush(tsr_video_encoder* encoder, tsr_error* error) {
  return call(error, [&]() -> Status { return encoder == nullptr ? invalid("encoder is null") : encoder->encoder.flush(); });
}

tsr_code tsr_video_encoder_receive(tsr_video_encoder* encoder, tsr_video_packet* packet, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    tsr_video_packet p = TSR_INIT(tsr_video_packet);
    // Before a packet is taken from the encoder: it would be lost.
    TESSERA_RETURN_IF_ERROR(write_struct(packet, "packet", p));
    auto next = encoder->encoder.receive();
    if (!next) return {};
    encoder->packet = std::move(*next);
    p.data = encoder->packet.bytes.data();
    p.size = encoder->packet.bytes.size();
    p.time = encoder->packet.time;
    p.quality = encoder->packet.quality;
    p.key = encoder->packet.key;
    p.index = encoder->packet.index;
    return write_struct(packet, "packet", p);
  });
}

void tsr_video_decoder_options_init(tsr_video_decoder_options* options, size_t struct_size) {
  init_struct(options, struct_size, decoder_defaults());
}

tsr_code tsr_video_decoder_create(const tsr_video_decoder_options* options, tsr_video_decoder** decoder, tsr_error* error) {
  if (decoder != nullptr) *decoder = nullptr;
  return call(error, [&]() -> Status {
    if (decoder == nullptr) return invalid("decoder is null");
    tsr_video_decoder_options o = decoder_defaults();
    if (options != nullptr) TESSERA_RETURN_IF_ERROR(read_struct(options, "options", o));
    TESSERA_RETURN_IF_ERROR(check_flag(o.strict, "strict"));
    TESSERA_RETURN_IF_ERROR(check_flag(o.symbols_only, "symbols_only"));
    VideoDecoderOptions d;
    TESSERA_RETURN_IF_ERROR(device_of(o.device, d.device));
    TESSERA_RETURN_IF_ERROR(threads_of(o.threads, d.threads));
    d.weights_dir = or_empty(o.weights_dir);
    TESSERA_RETURN_IF_ERROR(check_seconds(o.max_seconds));
    d.limits = {.max_pixels = o.max_pixels, .max_dimension = o.max_dimension, .max_memory = o.max_memory, .max_metadata = o.max_metadata, .max_seconds = o.max_seconds};
    d.strict = o.strict != 0;
    d.symbols_only = o.symbols_only != 0;
    d.ahead = o.ahead;
    auto made = VideoDecoder::create(std::move(d));
    if (!made) return made.status();
    *decoder = new tsr_video_decoder{std::move(*made), {}, false};
    return {};
  });
}

void tsr_video_decoder_free(tsr_video_decoder* decoder) { delete decoder; }

tsr_code tsr_video_decoder_open(tsr_video_decoder* decoder, const uint8_t* header, size_t size, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (decoder == nullptr) return invalid("decoder is null");
    if (decoder->opened) return invalid("the decoder has got a header already");
    TESSERA_RETURN_IF_ERROR(check_bytes(header, size, "header"));
    TESSERA_RETURN_IF_ERROR(decoder->decoder.open({header, size}));
    decoder->opened = true;
    return {};
  });
}

tsr_code tsr_video_decoder_get_format(const tsr_video_decoder* decoder, tsr_video_format* format) {
  return call(nullptr, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return store(decoder->decoder.format(), format);
  });
}

tsr_code tsr_video_decoder_get_report(const tsr_video_decoder* decoder, tsr_video_report* report) {
  return call(nullptr, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return store(decoder->decoder.report(), report);
  });
}

tsr_code tsr_video_decoder_send(tsr_video_decoder* decoder, const uint8_t* packet, size_t size, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    TESSERA_RETURN_IF_ERROR(check_bytes(packet, size, "packet"));
    return decoder->decoder.send({packet, size});
  });
}

tsr_code tsr_video_decoder_lost(tsr_video_decoder* decoder, uint64_t packets, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return decoder->decoder.lost(packets);
  });
}

tsr_code tsr_video_decoder_flush(tsr_video_decoder* decoder, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return decoder->decoder.flush();
  });
}

tsr_code tsr_video_decoder_receive(tsr_video_decoder* decoder, tsr_video_view* frame, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    tsr_video_view v = TSR_INIT(tsr_video_view);
    // Before a frame is taken from the decoder: it would be lost.
    TESSERA_RETURN_IF_ERROR(write_struct(frame, "frame", v));
    auto next = decoder->decoder.receive();
    if (!next) return {};
    decoder->frame = std::move(*next);
    const VideoFormat& format = decoder->decoder.format();
    const uint8_t* plane = decoder->frame.samples.data();
    for (int p = 0; p < 3; ++p) {
      v.planes[p] = plane;
      v.strides[p] = format.plane_width(p) * format.sample_bytes();
      plane += format.plane_bytes(p);
    }
    v.time = decoder->frame.time;
    v.quality = decoder->frame.quality;
    v.key = decoder->frame.key;
    v.concealed = decoder->frame.concealed;
    return write_struct(frame, "frame", v);
  });
}

tsr_code tsr_video_decoder_seek(tsr_video_decoder* decoder, uint64_t first, tsr_error* error) {
  return call(error, [&]() -> Status {
    TESSERA_RETURN_IF_ERROR(opened(decoder));
    return decoder->decoder.seek(first);
  });
}
