#include "data/packet_file.h"

#include <cstring>

#include "bitstream/header.h"
#include "data/av_error.h"
#include "data/av_handles.h"
#include "data/av_log.h"
#include "data/av_muxer.h"
#include "data/av_source.h"

extern "C" {
#include <libavutil/mathematics.h>
}

namespace tessera::media {
namespace {

constexpr uint32_t kTag = MKTAG('T', 'S', 'R', 'V');

AVRational ratio(const Rational& value) { return {static_cast<int>(value.num), static_cast<int>(value.den)}; }

// Playlists and the like would open further files or addresses.
int refuse(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EPERM); }

Status open_input(const std::string& path, std::unique_ptr<av::Source>& source, av::Input& format) {
  av::silence_log();
  av::clear_last_line();
  auto opened = av::Source::open(path);
  if (!opened) return opened.status();
  source = std::move(*opened);
  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) return {ErrorCode::out_of_memory, source->name() + ": no memory to open it"};
  context->pb = source->context();
  context->io_open = refuse;
  const int error = avformat_open_input(&context, path.c_str(), nullptr, nullptr);  // frees it when it fails
  if (error < 0) {
    TESSERA_RETURN_IF_ERROR(source->status());
    return av::failure(source->name(), "read", error);
  }
  format.reset(context);
  return {};
}

// Sound packets of another file, in the order of that file.
struct Sound {
  std::unique_ptr<av::Source> source;  // outlives format
  av::Input format;
  av::Packet packet;
  AVStream* stream = nullptr;
  bool waiting = false, ended = false;  // a packet is read and not written yet

  // False when there is no sound that Matroska can take.
  bool open(const std::string& path, const AVOutputFormat* container) {
    if (path.empty() || path == "-" || !open_input(path, source, format).ok()) return false;
    if (avformat_find_stream_info(format.get(), nullptr) < 0) return false;
    const int index = av_find_best_stream(format.get(), AVMEDIA_TYPE_AUDIO, -1, -1, nullptr, 0);
    packet.reset(av_packet_alloc());
    if (index < 0 || !packet) return false;
    stream = format->streams[index];
    for (unsigned i = 0; i < format->nb_streams; ++i) {
      if (static_cast<int>(i) != index) format->streams[i]->discard = AVDISCARD_ALL;
    }
    return avformat_query_codec(container, stream->codecpar->codec_id, FF_COMPLIANCE_NORMAL) == 1;
  }

  // The next packet is in `packet`. A damaged end is the end.
  bool next() {
    while (!waiting && !ended) {
      ended = av_read_frame(format.get(), packet.get()) < 0;
      if (ended) break;
      waiting = packet->stream_index == stream->index && packet->pts != AV_NOPTS_VALUE;
      if (!waiting) av_packet_unref(packet.get());
    }
    return waiting;
  }
};

}  // namespace

struct PacketWriter::State {
  std::shared_ptr<av::Muxer> muxer;
  av::Packet packet;
  AVStream *video = nullptr, *audio = nullptr;
  Sound sound;
  Rational time_base;
  double sound_start = 0;  // seconds
  int64_t step = 1;        // of a frame, in time_base

  Status start(const PacketTrack& track) {
    video = avformat_new_stream(muxer->format(), nullptr);
    if (video == nullptr) return {ErrorCode::out_of_memory, "no memory for a track"};
    AVCodecParameters& p = *video->codecpar;
    p.codec_type = AVMEDIA_TYPE_VIDEO;
    p.codec_id = AV_CODEC_ID_NONE;
    p.codec_tag = kTag;
    p.width = static_cast<int>(track.width);
    p.height = static_cast<int>(track.height);
    p.sample_aspect_ratio = video->sample_aspect_ratio = ratio(track.sample_aspect);
    p.extradata = static_cast<uint8_t*>(av_mallocz(track.header.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    if (p.extradata == nullptr) return {ErrorCode::out_of_memory, "no memory for a track"};
    std::memcpy(p.extradata, track.header.data(), track.header.size());
    p.extradata_size = static_cast<int>(track.header.size());
    video->time_base = ratio(track.time_base);
    video->avg_frame_rate = ratio(track.frame_rate);
    time_base = track.time_base;
    step = std::max<int64_t>(1, av_rescale_q(1, av_inv_q(ratio(track.frame_rate)), ratio(time_base)));
    sound_start = track.sound_start;
    if (sound.open(track.sound_from, muxer->format()->oformat)) {
      audio = avformat_new_stream(muxer->format(), nullptr);
      if (audio == nullptr || avcodec_parameters_copy(audio->codecpar, sound.stream->codecpar) < 0) {
        return {ErrorCode::out_of_memory, "no memory for a track"};
      }
      audio->codecpar->codec_tag = 0;
      audio->time_base = sound.stream->time_base;
    }
    av::Dictionary none;
    return muxer->write_header(none);
  }

  // Copies the sound up to so many seconds after the first frame.
  Status copy_sound(double until) {
    if (audio == nullptr) return {};
    while (sound.next()) {
      AVPacket* p = sound.packet.get();
      const AVRational base = sound.stream->time_base;
      const auto start = static_cast<int64_t>(sound_start / av_q2d(base));
      if (static_cast<double>(p->pts - start) * av_q2d(base) > until) return {};
      sound.waiting = false;
      if (p->pts < start) {  // before the first frame
        av_packet_unref(p);
        continue;
      }
      p->pts -= start;
      p->dts = p->dts == AV_NOPTS_VALUE ? p->pts : p->dts - start;
      p->pos = -1;
      p->stream_index = audio->index;
      av_packet_rescale_ts(p, base, audio->time_base);
      TESSERA_RETURN_IF_ERROR(muxer->write(p));
    }
    return {};
  }
};

Result<PacketWriter> PacketWriter::open(const std::string& path, const PacketTrack& track) {
  auto muxer = av::Muxer::create(path, "matroska");
  if (!muxer) return muxer.status();
  auto state = std::make_unique<State>();
  state->muxer = std::move(*muxer);
  state->packet.reset(av_packet_alloc());
  if (!state->packet) return {ErrorCode::out_of_memory, state->muxer->name() + ": no memory for a file"};
  TESSERA_RETURN_IF_ERROR(state->start(track));
  return PacketWriter(std::move(state));
}

bool PacketWriter::has_sound() const { return state_->audio != nullptr; }

Status PacketWriter::write(std::span<const uint8_t> bytes, int64_t time, bool key) {
  State& s = *state_;
  TESSERA_RETURN_IF_ERROR(s.copy_sound(static_cast<double>(time) * av_q2d(ratio(s.time_base))));
  AVPacket* p = s.packet.get();
  if (av_new_packet(p, static_cast<int>(bytes.size())) < 0) return {ErrorCode::out_of_memory, "no memory for a packet"};
  std::memcpy(p->data, bytes.data(), bytes.size());
  p->stream_index = s.video->index;
  p->pts = p->dts = time;
  p->duration = s.step;
  if (key) p->flags |= AV_PKT_FLAG_KEY;
  av_packet_rescale_ts(p, ratio(s.time_base), s.video->time_base);
  return s.muxer->write(p);
}

Status PacketWriter::finish() {
  State& s = *state_;
  constexpr double all = 1e18;
  TESSERA_RETURN_IF_ERROR(s.copy_sound(all));
  return s.muxer->finish();
}

void PacketWriter::keep() { state_->muxer->sink().keep(); }

PacketWriter::PacketWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
PacketWriter::PacketWriter(PacketWriter&&) noexcept = default;
PacketWriter& PacketWriter::operator=(PacketWriter&&) noexcept = default;
PacketWriter::~PacketWriter() = default;

struct PacketReader::State {
  std::unique_ptr<av::Source> source;  // outlives format
  av::Input format;
  av::Packet packet;
  AVStream* stream = nullptr;
  std::vector<uint8_t> header;
};

Result<PacketReader> PacketReader::open(const std::string& path) {
  auto state = std::make_unique<State>();
  TESSERA_RETURN_IF_ERROR(open_input(path, state->source, state->format));
  for (unsigned i = 0; i < state->format->nb_streams; ++i) {
    AVStream* stream = state->format->streams[i];
    const AVCodecParameters& p = *stream->codecpar;
    const bool ours = state->stream == nullptr && p.codec_type == AVMEDIA_TYPE_VIDEO && p.codec_tag == kTag && p.extradata_size > 0;
    if (ours) {
      state->stream = stream;
      state->header.assign(p.extradata, p.extradata + p.extradata_size);
      // Behind an odd length there is a zero byte. What is no header is the decoder's to refuse.
      size_t size = 0;
      if (bitstream::parse_header(state->header, {}, &size)) state->header.resize(size);
    } else {
      stream->discard = AVDISCARD_ALL;
    }
  }
  if (state->stream == nullptr) return {ErrorCode::unsupported, state->source->name() + ": no track of Tessera's video"};
  state->packet.reset(av_packet_alloc());
  if (!state->packet) return {ErrorCode::out_of_memory, state->source->name() + ": no memory to open it"};
  return PacketReader(std::move(state));
}

const std::vector<uint8_t>& PacketReader::header() const { return state_->header; }

Result<bool> PacketReader::read(std::vector<uint8_t>& packet) {
  State& s = *state_;
  for (;;) {
    const int error = av_read_frame(s.format.get(), s.packet.get());
    if (error < 0) {
      TESSERA_RETURN_IF_ERROR(s.source->status());
      if (error == AVERROR_EOF) return false;
      return av::failure(s.source->name(), "read on", error);
    }
    const bool ours = s.packet->stream_index == s.stream->index;
    if (ours) packet.assign(s.packet->data, s.packet->data + s.packet->size);
    av_packet_unref(s.packet.get());
    if (ours) return true;
  }
}

double PacketReader::fraction() const {
  const int64_t size = avio_size(state_->format->pb);
  return size > 0 ? static_cast<double>(avio_tell(state_->format->pb)) / static_cast<double>(size) : 0;
}

PacketReader::PacketReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
PacketReader::PacketReader(PacketReader&&) noexcept = default;
PacketReader& PacketReader::operator=(PacketReader&&) noexcept = default;
PacketReader::~PacketReader() = default;

}  // namespace tessera::media
