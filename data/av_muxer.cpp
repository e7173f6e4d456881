#include "data/av_muxer.h"

#include <cerrno>
#include <cstdio>

#include "data/av_error.h"
#include "data/av_log.h"

namespace tessera::media::av {
namespace {

constexpr int kBufferBytes = 1 << 16;

}  // namespace

Result<std::shared_ptr<Muxer>> Muxer::create(const std::string& path, const char* container_name) {
  silence_log();
  clear_last_line();
  const AVOutputFormat* container = av_guess_format(container_name, nullptr, nullptr);
  if (container == nullptr) return {ErrorCode::unsupported, path + ": this FFmpeg has no muxer " + container_name};
  std::shared_ptr<Muxer> muxer(new Muxer);
  auto sink = Sink::open(path);
  if (!sink) return sink.status();
  muxer->sink_ = std::move(*sink);
  const Status no_memory(ErrorCode::out_of_memory, muxer->name() + ": no memory for a file");
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) return no_memory;
  muxer->io_.reset(avio_alloc_context(buffer, kBufferBytes, 1, muxer->sink_.get(), nullptr, &Muxer::write_bytes, muxer->seekable() ? &Muxer::seek : nullptr));
  if (!muxer->io_) {
    av_free(buffer);
    return no_memory;
  }
  AVFormatContext* format = nullptr;
  (void)avformat_alloc_output_context2(&format, container, nullptr, nullptr);
  muxer->format_.reset(format);
  if (format == nullptr) return no_memory;
  format->pb = muxer->io_.get();
  format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;  // the same input gives the same file
  return muxer;
}

Status Muxer::check(int error, const char* what) const {
  TESSERA_RETURN_IF_ERROR(sink_->status());
  return error < 0 ? failure(sink_->name(), what, error, ErrorCode::invalid_argument) : Status();
}

Status Muxer::write_header(Dictionary& options) { return check(avformat_write_header(format_.get(), options.get()), "write the header"); }

Status Muxer::write(AVPacket* packet) { return check(av_interleaved_write_frame(format_.get(), packet), "write"); }

Status Muxer::finish() {
  const int error = av_write_trailer(format_.get());
  avio_flush(io_.get());
  TESSERA_RETURN_IF_ERROR(check(error, "finish the file"));
  return sink_->finish();
}

int Muxer::write_bytes(void* sink, uint8_t* bytes, int size) {
  return static_cast<Sink*>(sink)->write({bytes, static_cast<size_t>(size)}) ? size : AVERROR(EIO);
}

int64_t Muxer::seek(void* sink, int64_t offset, int whence) {
  auto* file = static_cast<Sink*>(sink);
  if ((whence & AVSEEK_SIZE) != 0) {
    const int64_t place = file->seek(0, SEEK_CUR);
    const int64_t size = file->seek(0, SEEK_END);
    (void)file->seek(place, SEEK_SET);
    return size;
  }
  const int64_t place = file->seek(offset, whence & ~AVSEEK_FORCE);
  return place < 0 ? AVERROR(static_cast<int>(-place)) : place;
}

}  // namespace tessera::media::av
