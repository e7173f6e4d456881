// The C interface: still images.
#include <cstdlib>

#include "codec/c_support.h"
#include "codec/tessera.h"
#include "codec/tessera_c.h"

using namespace tessera;
using namespace tessera::c;

struct tsr_image_encoder {
  ImageEncoder encoder;
};

struct tsr_image_decoder {
  ImageDecoder decoder;
};

struct tsr_image {
  Image image;
};

namespace {

tsr_image_encoder_options encoder_defaults() {
  const EncoderOptions d;
  tsr_image_encoder_options o = TSR_INIT(tsr_image_encoder_options);
  o.quality = d.quality;
  o.device = TSR_DEVICE_CPU;
  o.threads = d.threads;
  o.effort = d.effort;
  o.checksum = d.checksum;
  o.tile = d.tile;
  return o;
}

tsr_image_decoder_options decoder_defaults() {
  const DecoderOptions d;
  tsr_image_decoder_options o = TSR_INIT(tsr_image_decoder_options);
  o.max_pixels = d.limits.max_pixels;
  o.max_memory = d.limits.max_memory;
  o.max_metadata = d.limits.max_metadata;
  o.max_seconds = d.limits.max_seconds;
  o.max_dimension = d.limits.max_dimension;
  o.device = TSR_DEVICE_CPU;
  o.threads = d.threads;
  return o;
}

Progress progress_of(tsr_progress progress, void* user) {
  if (progress == nullptr) return {};
  return [progress, user](double done) { return progress(done, user) != 0; };
}

// The encoder checks format and size of the samples; only what C adds is checked here.
Status view_of(const tsr_image_view* from, ImageView& out) {
  tsr_image_view v = TSR_INIT(tsr_image_view);
  TESSERA_RETURN_IF_ERROR(read_struct(from, "image", v));
  if (v.data == nullptr) return invalid("the image has no samples: data is null");
  out = {v.data, v.width, v.height, v.channels, v.bit_depth, v.stride};
  return {};
}

Status copy_block(const uint8_t* from, size_t size, const char* name, Bytes& to) {
  TESSERA_RETURN_IF_ERROR(check_bytes(from, size, name));
  if (size > 0) to.assign(from, from + size);
  return {};
}

Status metadata_of(const tsr_metadata* from, ImageMetadata& out) {
  if (from == nullptr) return {};
  tsr_metadata m = TSR_INIT(tsr_metadata);
  TESSERA_RETURN_IF_ERROR(read_struct(from, "metadata", m));
  TESSERA_RETURN_IF_ERROR(check_reserved(m.reserved, "metadata"));
  const tsr_colour& c = m.colour;
  TESSERA_RETURN_IF_ERROR(check_flag(c.full_range, "full_range"));
  if (c.primaries != 0 || c.transfer != 0 || c.matrix != 0 || c.full_range != 0) out.colour = {c.primaries, c.transfer, c.matrix, c.full_range != 0};
  TESSERA_RETURN_IF_ERROR(copy_block(m.icc, m.icc_size, "icc", out.icc));
  TESSERA_RETURN_IF_ERROR(copy_block(m.exif, m.exif_size, "exif", out.exif));
  return copy_block(m.xmp, m.xmp_size, "xmp", out.xmp);
}

void store(const Report& r, tsr_image_report* out) {
  if (out == nullptr) return;
  tsr_image_report o = TSR_INIT(tsr_image_report);
  o.symbols_coded = r.symbols_coded;
  o.symbols_skipped = r.symbols_skipped;
  o.seconds_network = r.seconds_network;
  o.seconds_entropy = r.seconds_entropy;
  o.symbol_checksum = r.symbol_checksum;
  o.quality = r.quality;
  (void)write_struct(out, "report", o);  // its size was checked before the work
}

}  // namespace

void tsr_image_encoder_options_init(tsr_image_encoder_options* options, size_t struct_size) {
  init_struct(options, struct_size, encoder_defaults());
}

tsr_code tsr_image_encoder_create(const tsr_image_encoder_options* options, tsr_image_encoder** encoder, tsr_error* error) {
  if (encoder != nullptr) *encoder = nullptr;
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    tsr_image_encoder_options o = encoder_defaults();
    if (options != nullptr) TESSERA_RETURN_IF_ERROR(read_struct(options, "options", o));
    EncoderOptions e;
    if (o.model != nullptr) e.model = o.model;
    e.weights_dir = or_empty(o.weights_dir);
    e.progress = progress_of(o.progress, o.progress_user);
    if (o.bpp != 0) e.bpp = o.bpp;
    e.quality = o.quality;
    TESSERA_RETURN_IF_ERROR(device_of(o.device, e.device));
    TESSERA_RETURN_IF_ERROR(threads_of(o.threads, e.threads));
    e.effort = o.effort;
    TESSERA_RETURN_IF_ERROR(check_flag(o.checksum, "checksum"));
    e.checksum = o.checksum != 0;
    e.tile = o.tile;
    auto made = ImageEncoder::create(std::move(e));
    if (!made) return made.status();
    *encoder = new tsr_image_encoder{std::move(*made)};
    return {};
  });
}

void tsr_image_encoder_free(tsr_image_encoder* encoder) { delete encoder; }

tsr_code tsr_image_encoder_encode(tsr_image_encoder* encoder, const tsr_image_view* image, const tsr_metadata* metadata, uint8_t** stream,
                                  size_t* size, tsr_image_report* report, tsr_error* error) {
  if (stream != nullptr) *stream = nullptr;
  if (size != nullptr) *size = 0;
  return call(error, [&]() -> Status {
    if (encoder == nullptr) return invalid("encoder is null");
    if (stream == nullptr || size == nullptr) return invalid("stream or size is null");
    TESSERA_RETURN_IF_ERROR(check_optional(report, "report"));
    ImageView view;
    TESSERA_RETURN_IF_ERROR(view_of(image, view));
    ImageMetadata carried;
    TESSERA_RETURN_IF_ERROR(metadata_of(metadata, carried));
    Report done;
    const auto bytes = encoder->encoder.encode(view, carried, &done);
    if (!bytes) return bytes.status();
    auto* copy = static_cast<uint8_t*>(std::malloc(bytes->size()));
    if (copy == nullptr) throw std::bad_alloc();
    std::memcpy(copy, bytes->data(), bytes->size());
    *stream = copy;
    *size = bytes->size();
    store(done, report);
    return {};
  });
}

void tsr_image_decoder_options_init(tsr_image_decoder_options* options, size_t struct_size) {
  init_struct(options, struct_size, decoder_defaults());
}

tsr_code tsr_image_decoder_create(const tsr_image_decoder_options* options, tsr_image_decoder** decoder, tsr_error* error) {
  if (decoder != nullptr) *decoder = nullptr;
  return call(error, [&]() -> Status {
    if (decoder == nullptr) return invalid("decoder is null");
    tsr_image_decoder_options o = decoder_defaults();
    if (options != nullptr) TESSERA_RETURN_IF_ERROR(read_struct(options, "options", o));
    TESSERA_RETURN_IF_ERROR(check_reserved(o.reserved, "options"));
    DecoderOptions d;
    d.weights_dir = or_empty(o.weights_dir);
    d.progress = progress_of(o.progress, o.progress_user);
    TESSERA_RETURN_IF_ERROR(check_seconds(o.max_seconds));
    d.limits = {.max_pixels = o.max_pixels, .max_dimension = o.max_dimension, .max_memory = o.max_memory, .max_metadata = o.max_metadata, .max_seconds = o.max_seconds};
    TESSERA_RETURN_IF_ERROR(device_of(o.device, d.device));
    TESSERA_RETURN_IF_ERROR(threads_of(o.threads, d.threads));
    auto made = ImageDecoder::create(std::move(d));
    if (!made) return made.status();
    *decoder = new tsr_image_decoder{std::move(*made)};
    return {};
  });
}

void tsr_image_decoder_free(tsr_image_decoder* decoder) { delete decoder; }

tsr_code tsr_image_decoder_decode(tsr_image_decoder* decoder, const uint8_t* stream, size_t size, tsr_image** image, tsr_image_report* report,
                                  tsr_error* error) {
  if (image != nullptr) *image = nullptr;
  return call(error, [&]() -> Status {
    if (decoder == nullptr) return invalid("decoder is null");
    if (image == nullptr) return invalid("image is null");
    TESSERA_RETURN_IF_ERROR(check_optional(report, "report"));
    TESSERA_RETURN_IF_ERROR(check_bytes(stream, size, "stream"));
    Report done;
    auto decoded = decoder->decoder.decode({stream, size}, &done);
    if (!decoded) return decoded.status();
    *image = new tsr_image{std::move(*decoded)};
    store(done, report);
    return {};
  });
}

tsr_code tsr_image_decoder_verify(tsr_image_decoder* decoder, const uint8_t* stream, size_t size, tsr_image_report* report, tsr_error* error) {
  return call(error, [&]() -> Status {
    if (decoder == nullptr) return invalid("decoder is null");
    TESSERA_RETURN_IF_ERROR(check_optional(report, "report"));
    TESSERA_RETURN_IF_ERROR(check_bytes(stream, size, "stream"));
    Report done;
    TESSERA_RETURN_IF_ERROR(decoder->decoder.verify({stream, size}, &done));
    store(done, report);
    return {};
  });
}

void tsr_image_free(tsr_image* image) { delete image; }

tsr_code tsr_image_get_view(const tsr_image* image, tsr_image_view* view) {
  return call(nullptr, [&]() -> Status {
    if (image == nullptr) return invalid("image is null");
    const Image& i = image->image;
    return write_struct(view, "view", tsr_image_view{sizeof(tsr_image_view), i.data.data(), i.stride(), i.width, i.height, i.channels, i.bit_depth});
  });
}

tsr_code tsr_image_get_metadata(const tsr_image* image, tsr_metadata* metadata) {
  return call(nullptr, [&]() -> Status {
    if (image == nullptr) return invalid("image is null");
    const ImageMetadata& m = image->image.metadata;
    const auto pointer = [](const Bytes& b) { return b.empty() ? nullptr : b.data(); };
    const ColourDescription& c = m.colour;
    return write_struct(metadata, "metadata",
                        tsr_metadata{sizeof(tsr_metadata), pointer(m.icc), m.icc.size(), pointer(m.exif), m.exif.size(), pointer(m.xmp), m.xmp.size(),
                                     {c.primaries, c.transfer, c.matrix, c.full_range}, 0});
  });
}
