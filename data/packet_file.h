// Tessera's video in Matroska, beside sound that is copied as it is: a track of CodecID V_MS/VFW/FOURCC with the FourCC TSRV, whose
// extra data is the stream's file header and whose blocks are its packets. FFmpeg's own tools cut, remux and interleave such files
// without knowing the codec.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bitstream/status.h"
#include "data/video_frame.h"

namespace tessera::media {

struct PacketTrack {
  uint32_t width = 0, height = 0;
  std::vector<uint8_t> header;   // the stream's file header
  Rational time_base{1, 25};     // seconds per unit of a packet's time; Matroska rounds times to 1 ms
  Rational frame_rate{25, 1};    // frames/s, nominal
  Rational sample_aspect{1, 1};  // width to height of a sample
  std::string sound_from;        // a file whose best sound stream is copied, where it has one; empty: none
  double sound_start = 0;        // seconds in that file that belong to the first packet's time
};

// Push style. The file appears under its name when finish() succeeds. Not to be used by two threads at once.
class PacketWriter {
 public:
  // Errors: io, unsupported (this FFmpeg has no Matroska), out_of_memory. A sound stream that cannot be copied is left out.
  static Result<PacketWriter> open(const std::string& path, const PacketTrack& track);
  PacketWriter(PacketWriter&&) noexcept;
  PacketWriter& operator=(PacketWriter&&) noexcept;
  ~PacketWriter();

  bool has_sound() const;
  // Errors: io.
  Status write(std::span<const uint8_t> packet, int64_t time, bool key);
  Status finish();
  void keep();  // after an error: gives what was written its name all the same

 private:
  struct State;
  explicit PacketWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Pull style.
class PacketReader {
 public:
  // Errors: io, corrupt, unsupported (no track of Tessera's video).
  static Result<PacketReader> open(const std::string& path);
  PacketReader(PacketReader&&) noexcept;
  PacketReader& operator=(PacketReader&&) noexcept;
  ~PacketReader();

  const std::vector<uint8_t>& header() const;
  // The next packet; false at the end. Errors: io, corrupt (the file cannot be read on).
  Result<bool> read(std::vector<uint8_t>& packet);
  double fraction() const;  // of the file that is read, 0..1

 private:
  struct State;
  explicit PacketReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::media
