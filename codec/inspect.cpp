#include <algorithm>
#include <map>

#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/bayes_payload.h"
#include "codec/catalogue.h"
#include "codec/guard.h"
#include "codec/overfit_payload.h"
#include "codec/overfit_video.h"
#include "codec/tiling.h"
#include "codec/video_format.h"

namespace tessera {

namespace {

// Of decoding sound, whatever its length: the program, libtorch, the weights and a packet's frames.
constexpr uint64_t kAudioMemory = 210ull << 20;


// Samples for each channel: the packets' but for priming and trailing. The last packet says how many it has.
uint64_t audio_samples(const bitstream::ParsedFile& file) {
  if (file.packets.empty()) return 0;
  const bitstream::AudioInfo& a = file.header.audio;
  const bitstream::PacketView& last = file.packets.back();
  uint64_t end = last.time_stamp + a.block_samples;
  const auto sections = bitstream::read_sections(last.packet.payload, last.offset);
  const bitstream::Section* side = sections ? bitstream::find_section(*sections, bitstream::SectionTag::side) : nullptr;
  if (side != nullptr) {
    bitstream::ByteReader in(side->content);
    const uint64_t samples = in.varint();
    if (in.ok() && samples <= a.block_samples) end = last.time_stamp + samples;
  }
  const uint64_t dropped = a.priming + a.trailing;
  return end > dropped ? end - dropped : 0;
}

void describe_video(const bitstream::ParsedFile& file, StreamInfo& info) {
  const bitstream::PictureInfo& p = file.header.picture;
  const bitstream::VideoInfo& v = file.header.video;
  info.width = p.width;
  info.height = p.height;
  info.channels = p.channels;
  info.bit_depth = p.bit_depth;
  info.colour = {p.colour.primaries, p.colour.transfer, p.colour.matrix, p.colour.full_range};
  info.aspect_numerator = v.aspect_numerator;
  info.aspect_denominator = v.aspect_denominator;
  info.rotation = 90u * v.quarter_turns;
  info.frames = file.packets.size();
  const double tick = static_cast<double>(v.rate_denominator) / v.rate_numerator;  // seconds
  info.frame_rate = 1 / (tick * v.frame_ticks);
  for (const bitstream::PacketView& view : file.packets) info.key_frames += view.packet.kind == bitstream::PacketKind::key;
  if (file.packets.empty()) return;
  info.seconds = tick * static_cast<double>(file.packets.back().time_stamp - file.packets.front().time_stamp + v.frame_ticks);
  info.bit_rate = 8.0 * static_cast<double>(info.file_bytes) / info.seconds;
}

}  // namespace

Result<StreamInfo> inspect(std::span<const uint8_t> stream, const std::string& weights_dir) {
  const Result<bitstream::ParsedFile> parsed = bitstream::parse_file(stream);
  if (!parsed.ok()) return parsed.status();
  const bitstream::FileHeader& h = parsed->header;
  StreamInfo info;
  info.version_major = h.version_major;
  info.version_minor = h.version_minor;
  info.media = bitstream::media_name(h.kind);
  info.model = h.model_name;
  info.model_revision = h.model_revision;
  info.model_hash = h.model_hash;
  info.quality = h.quality;
  info.packets = parsed->packets.size();
  info.file_bytes = stream.size();
  if (h.kind == bitstream::MediaKind::image) {
    const bitstream::PictureInfo& p = h.picture;
    info.width = p.width;
    info.height = p.height;
    info.channels = p.channels;
    info.bit_depth = p.bit_depth;
    info.colour = {p.colour.primaries, p.colour.transfer, p.colour.matrix, p.colour.full_range};
    info.tiles = static_cast<uint32_t>(bitstream::tile_count(p));
    info.tile_size = p.tile;
    info.predicted_memory = predicted_memory(p, h.model_name == kOverfit ? kOverfitMemory : h.model_name == kBayes ? kBayesMemory : kStillMemory);
  }
  if (h.kind == bitstream::MediaKind::audio) {
    const bitstream::AudioInfo& a = h.audio;
    info.predicted_memory = kAudioMemory;
    info.channels = a.channels;
    info.bit_depth = a.bit_depth;
    info.sample_rate = a.sample_rate;
    info.block_samples = a.block_samples;
    info.samples = audio_samples(*parsed);
    if (info.samples > 0) {
      info.bit_rate = 8.0 * static_cast<double>(info.file_bytes) * a.sample_rate / static_cast<double>(info.samples);
    }
  }
  if (h.kind == bitstream::MediaKind::video) describe_video(*parsed, info);
  uint64_t sound_bytes = 0;
  for (const auto& piece : parsed->companions) sound_bytes += piece.size();
  if (!parsed->companions.empty()) {
    const auto sound = bitstream::parse_header(parsed->companions.front(), {});
    info.sound = sound.ok() ? sound->model_name : "unknown";
  }
  std::map<std::string, uint64_t> sizes;
  uint64_t inside = parsed->header_bytes + parsed->metadata_bytes + sound_bytes;
  std::vector<uint8_t> checksums;
  bool all_stored = !parsed->packets.empty();
  uint32_t only = 0;
  for (const bitstream::PacketView& view : parsed->packets) {
    const auto sections = bitstream::read_sections(view.packet.payload, view.offset);
    if (!sections.ok()) return sections.status();
    for (const bitstream::Section& s : *sections) {
      sizes[bitstream::section_name(s.tag)] += s.content.size();
      inside += s.content.size();
    }
    const bitstream::Section* c = bitstream::find_section(*sections, bitstream::SectionTag::checksum);
    const auto stored = c == nullptr ? Result<bitstream::SymbolChecksum>(ErrorCode::corrupt, "") : bitstream::read_checksum(c->content);
    if (!stored.ok() || stored->size != 4) {
      all_stored = false;
      continue;
    }
    only = stored->value;
    for (int b = 0; b < 4; ++b) checksums.push_back(static_cast<uint8_t>(only >> (8 * b)));
  }
  if (all_stored) info.stored_checksum = parsed->packets.size() == 1 ? only : bitstream::crc32c(checksums);
  info.sections.push_back({"header", parsed->header_bytes});
  if (parsed->metadata_bytes > 0) info.sections.push_back({"metadata", parsed->metadata_bytes});
  for (const char* name : {"hyperlatents", "latents", "alpha", "checksum", "side", "indices", "frame", "network", "grids", "blocks"}) {
    if (sizes.contains(name)) info.sections.push_back({name, sizes[name]});
  }
  if (sound_bytes > 0) info.sections.push_back({"sound", sound_bytes});
  info.sections.push_back({"framing", stream.size() - std::min<uint64_t>(inside, stream.size())});
  // The model's figures are a bonus: a stream can be described without its weights.
  const Status found = guarded(Device::cpu, [&]() -> Status {
    const std::string folder = weights_folder(weights_dir);
    if (h.kind == bitstream::MediaKind::audio && h.model_name == kBayesSound) {
      info.decode_mmac_per_second = find_prior(folder, h.model_name, h.model_hash)->geometry.macs() * kBayesRate / 1e6;
    } else if (h.kind == bitstream::MediaKind::audio) {
      info.decode_mmac_per_second = models::audio::decode_macs(*find_audio_model(folder, h.model_name, h.model_hash)) / 1e6;
    } else if (h.kind == bitstream::MediaKind::image && h.model_name == kOverfit) {
      if (h.model_revision != kOverfitRevision || parsed->packets.empty()) throw Failure{{ErrorCode::model_missing, "another revision"}};
      const auto sections = bitstream::read_sections(parsed->packets[0].packet.payload, parsed->packets[0].offset);
      if (!sections.ok()) return sections.status();
      info.decode_kmac_per_pixel = read_overfit_config(*sections, outputs_of(h.picture.channels)).macs() / 1000;
    } else if (h.kind == bitstream::MediaKind::image && h.model_name == kBayes) {
      info.decode_kmac_per_pixel = find_prior(folder, h.model_name, h.model_hash)->geometry.macs() / 1000;
    } else if (h.kind == bitstream::MediaKind::video && h.model_name == kOverfitVideo) {
      if (!check_overfit_video(h).ok()) throw Failure{{ErrorCode::model_missing, "another revision"}};
      for (const bitstream::PacketView& view : parsed->packets) {  // the work of the first group stands for all
        if (view.packet.kind != bitstream::PacketKind::key) continue;
        info.decode_kmac_per_pixel = read_overfit_video_config(view.packet.payload).macs() / 1000;
        break;
      }
      info.predicted_memory = overfit_video_memory(h.picture);
    } else if (h.kind == bitstream::MediaKind::video) {
      const double macs = find_video_model(folder, h.model_name, h.model_hash, Device::cpu)->network.decode_macs();
      info.decode_kmac_per_pixel = macs / 1000;
      info.predicted_memory = predicted_video_memory(h.picture, macs);
    } else {
      info.decode_kmac_per_pixel = find_model(folder, h.model_name, h.model_hash, Device::cpu)->network.decode_macs() / 1000;
    }
    info.model_available = true;
    return {};
  });
  if (!found.ok()) info.model_available = false;
  return info;
}

}  // namespace tessera
