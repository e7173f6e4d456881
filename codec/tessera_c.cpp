// The C interface: codes, streams' descriptions, models.
#include "codec/tessera_c.h"

#include <cstdlib>

#include "codec/c_support.h"
#include "codec/tessera.h"

namespace tessera::c {

// The enumerations are one; bitstream/status.h says that its numbers are stable.
static_assert(TSR_OK == int(ErrorCode::ok) && TSR_TRUNCATED == int(ErrorCode::truncated) && TSR_CORRUPT == int(ErrorCode::corrupt) &&
              TSR_UNSUPPORTED == int(ErrorCode::unsupported) && TSR_LIMIT == int(ErrorCode::limit) &&
              TSR_MODEL_MISSING == int(ErrorCode::model_missing) && TSR_OUT_OF_MEMORY == int(ErrorCode::out_of_memory) &&
              TSR_DEVICE == int(ErrorCode::device) && TSR_INVALID_ARGUMENT == int(ErrorCode::invalid_argument) &&
              TSR_IO == int(ErrorCode::io) && TSR_CANCELLED == int(ErrorCode::cancelled));

// Sizes are part of the interface: padding at the end would be bytes that nobody sets and a later version reads.
static_assert(sizeof(void*) != 8 || (sizeof(tsr_error) == 512 && sizeof(tsr_image_view) == 40 &&
              sizeof(tsr_metadata) == 64 && sizeof(tsr_image_report) == 48 &&
              sizeof(tsr_image_encoder_options) == 72 && sizeof(tsr_image_decoder_options) == 80 && sizeof(tsr_audio_view) == 40 &&
              sizeof(tsr_audio_packet) == 40 && sizeof(tsr_audio_format) == 72 && sizeof(tsr_audio_report) == 80 &&
              sizeof(tsr_audio_encoder_options) == 80 && sizeof(tsr_audio_decoder_options) == 32 && sizeof(tsr_event) == 40 &&
              sizeof(tsr_stream_info) == 152 && sizeof(tsr_model_info) == 104 && sizeof(tsr_video_format) == 56 && sizeof(tsr_video_view) == 80 &&
              sizeof(tsr_video_packet) == 48 && sizeof(tsr_video_report) == 104 && sizeof(tsr_video_encoder_options) == 80 &&
              sizeof(tsr_video_decoder_options) == 72));

tsr_code finish(tsr_error* error, ErrorCode code, const char* message) noexcept {
  if (error != nullptr) {
    error->code = static_cast<int32_t>(code);
    size_t length = std::min(std::strlen(message), sizeof error->message - 1);
    // Not through the middle of a UTF-8 character.
    if (message[length] != '\0') {
      while (length > 0 && (static_cast<unsigned char>(message[length]) & 0xC0) == 0x80) --length;
    }
    std::memcpy(error->message, message, length);
    std::memset(error->message + length, 0, sizeof error->message - length);
  }
  return static_cast<tsr_code>(code);
}

}  // namespace tessera::c

using namespace tessera;
using namespace tessera::c;

struct tsr_info {
  StreamInfo info;
};

struct tsr_models {
  std::vector<ModelInfo> models;
};

const char* tsr_code_name(int32_t code) {
  return code < 0 || code > 255 ? "unknown" : error_name(static_cast<ErrorCode>(code));
}

const char* tsr_version(void) { return TESSERA_VERSION; }

void tsr_free(void* buffer) { std::free(buffer); }

tsr_code tsr_cuda_available(tsr_error* error) {
  return call(error, []() -> Status {
    std::string why;
    if (!cuda_available(&why)) return {ErrorCode::device, "CUDA is not available: " + why};
    return {};
  });
}

tsr_code tsr_inspect(const uint8_t* stream, size_t size, const char* weights_dir, tsr_info** info, tsr_error* error) {
  if (info != nullptr) *info = nullptr;
  return call(error, [&]() -> Status {
    if (info == nullptr) return invalid("info is null");
    TESSERA_RETURN_IF_ERROR(check_bytes(stream, size, "stream"));
    auto found = inspect({stream, size}, or_empty(weights_dir));
    if (!found) return found.status();
    *info = new tsr_info{std::move(*found)};
    return {};
  });
}

void tsr_info_free(tsr_info* info) { delete info; }

tsr_code tsr_info_get(const tsr_info* info, tsr_stream_info* out) {
  return call(nullptr, [&]() -> Status {
    if (info == nullptr) return invalid("info is null");
    const StreamInfo& i = info->info;
    tsr_stream_info o = TSR_INIT(tsr_stream_info);
    o.media = i.media.c_str();
    o.model = i.model.c_str();
    o.model_hash = i.model_hash;
    o.packets = i.packets;
    o.file_bytes = i.file_bytes;
    o.predicted_memory = i.predicted_memory;
    o.samples = i.samples;
    o.bit_rate = i.bit_rate;
    o.decode_kmac_per_pixel = i.decode_kmac_per_pixel;
    o.decode_mmac_per_second = i.decode_mmac_per_second;
    o.model_revision = i.model_revision;
    o.model_available = i.model_available;
    o.width = i.width;
    o.height = i.height;
    o.channels = i.channels;
    o.bit_depth = i.bit_depth;
    o.tiles = i.tiles;
    o.tile_size = i.tile_size;
    o.sample_rate = i.sample_rate;
    o.block_samples = i.block_samples;
    o.has_checksum = i.stored_checksum.has_value();
    o.stored_checksum = i.stored_checksum.value_or(0);
    o.quality = i.quality;
    o.colour = {i.colour.primaries, i.colour.transfer, i.colour.matrix, i.colour.full_range};
    o.version_major = i.version_major;
    o.version_minor = i.version_minor;
    return write_struct(out, "out", o);
  });
}

size_t tsr_info_sections(const tsr_info* info) { return info == nullptr ? 0 : info->info.sections.size(); }

tsr_code tsr_info_get_section(const tsr_info* info, size_t index, const char** name, uint64_t* bytes) {
  return call(nullptr, [&]() -> Status {
    if (index >= tsr_info_sections(info)) return invalid("there is no such section");
    if (name != nullptr) *name = info->info.sections[index].name.c_str();
    if (bytes != nullptr) *bytes = info->info.sections[index].bytes;
    return {};
  });
}

tsr_code tsr_models_list(const char* weights_dir, tsr_models** models, tsr_error* error) {
  if (models != nullptr) *models = nullptr;
  return call(error, [&]() -> Status {
    if (models == nullptr) return invalid("models is null");
    auto found = list_models(or_empty(weights_dir));
    if (!found) return found.status();
    *models = new tsr_models{std::move(*found)};
    return {};
  });
}

void tsr_models_free(tsr_models* models) { delete models; }

size_t tsr_models_count(const tsr_models* models) { return models == nullptr ? 0 : models->models.size(); }

tsr_code tsr_models_get(const tsr_models* models, size_t index, tsr_model_info* out) {
  return call(nullptr, [&]() -> Status {
    if (index >= tsr_models_count(models)) return invalid("there is no such model");
    const ModelInfo& m = models->models[index];
    tsr_model_info o = TSR_INIT(tsr_model_info);
    o.name = m.name.c_str();
    o.media = m.media.c_str();
    o.file = m.file.c_str();
    o.training = m.training.c_str();
    o.hash = m.hash;
    o.file_bytes = m.file_bytes;
    o.parameters = m.parameters;
    o.encode_kmac_per_pixel = m.encode_kmac_per_pixel;
    o.decode_kmac_per_pixel = m.decode_kmac_per_pixel;
    o.encode_mmac_per_second = m.encode_mmac_per_second;
    o.decode_mmac_per_second = m.decode_mmac_per_second;
    o.revision = m.revision;
    return write_struct(out, "out", o);
  });
}
