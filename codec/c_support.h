// What the functions of the C interface (codec/tessera_c.h) share: exceptions to codes, structs of other versions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

#include "bitstream/status.h"
#include "codec/tessera.h"
#include "codec/tessera_c.h"

namespace tessera::c {

// A larger struct_size is garbage: it would have us read far behind the struct.
inline constexpr size_t kMaxStruct = 4096;

// The size of the struct in version 0.1: the least that is accepted. Once a struct has grown, its specialisation says the old size.
template <class S>
inline constexpr size_t kFirstSize = sizeof(S);

template <>
inline constexpr size_t kFirstSize<tsr_audio_format> = offsetof(tsr_audio_format, priming);
template <>
inline constexpr size_t kFirstSize<tsr_image_decoder_options> = offsetof(tsr_image_decoder_options, max_seconds);
template <>
inline constexpr size_t kFirstSize<tsr_audio_encoder_options> = offsetof(tsr_audio_encoder_options, times);
template <>
inline constexpr size_t kFirstSize<tsr_audio_decoder_options> = offsetof(tsr_audio_decoder_options, max_seconds);
template <>
inline constexpr size_t kFirstSize<tsr_video_decoder_options> = offsetof(tsr_video_decoder_options, max_seconds);

inline Status invalid(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

template <class S>
bool size_fits(const S* s) {
  return s->struct_size >= kFirstSize<S> && s->struct_size <= kMaxStruct;
}

// Copies what the caller's struct has of S over `out`, which holds the defaults.
template <class S>
Status read_struct(const S* from, const char* name, S& out) {
  if (from == nullptr) return invalid(std::string(name) + " is null");
  if (!size_fits(from)) return invalid(std::string(name) + " has an impossible struct_size");
  const size_t size = from->struct_size;
  const auto* bytes = reinterpret_cast<const unsigned char*>(from);
  if (size > sizeof(S) && std::any_of(bytes + sizeof(S), bytes + size, [](unsigned char b) { return b != 0; })) {
    return {ErrorCode::unsupported, std::string(name) + " asks for something that this version of the library does not have"};
  }
  std::memcpy(&out, from, std::min(size, sizeof(S)));
  return {};
}

// The other way round: fills in as much of `value` as the caller's struct has room for, and zeros behind it.
template <class S>
Status write_struct(S* to, const char* name, S value) {
  if (to == nullptr) return invalid(std::string(name) + " is null");
  if (!size_fits(to)) return invalid(std::string(name) + " has an impossible struct_size");
  const size_t size = to->struct_size;
  value.struct_size = size;
  std::memset(to, 0, size);
  std::memcpy(to, &value, std::min(size, sizeof(S)));
  return {};
}

// A struct that is optional for the caller is checked before the work, so that nothing is lost when it is wrong.
template <class S>
Status check_optional(const S* s, const char* name) {
  if (s != nullptr && !size_fits(s)) return invalid(std::string(name) + " has an impossible struct_size");
  return {};
}

// Fills an options struct of `size` bytes with what it has of the defaults.
template <class S>
void init_struct(S* options, size_t size, S defaults) {
  if (options == nullptr || size < sizeof(size_t) || size > kMaxStruct) return;
  defaults.struct_size = size;
  std::memset(options, 0, size);
  std::memcpy(options, &defaults, std::min(size, sizeof(S)));
}

// An int that stands for a bool.
inline Status check_flag(int32_t value, const char* name) {
  return value == 0 || value == 1 ? Status() : invalid(std::string(name) + " is neither 0 nor 1");
}

// Reserved members may mean something one day.
inline Status check_reserved(uint32_t value, const char* name) {
  if (value == 0) return {};
  return {ErrorCode::unsupported, std::string(name) + " asks for something that this version of the library does not have"};
}

// 0 and up, which is what a limit of time may be.
inline Status check_seconds(double seconds) {
  return seconds >= 0 ? Status() : invalid("max_seconds is below 0");
}

inline Status check_bytes(const void* bytes, size_t size, const char* name) {
  return bytes != nullptr || size == 0 ? Status() : invalid(std::string(name) + " is null");
}

inline Status device_of(int32_t device, Device& out) {
  if (device != TSR_DEVICE_CPU && device != TSR_DEVICE_CUDA) return invalid("there is no device " + std::to_string(device));
  out = device == TSR_DEVICE_CUDA ? Device::cuda : Device::cpu;
  return {};
}

inline Status threads_of(int32_t threads, int& out) {
  if (threads < 0) return invalid("the number of threads is negative");
  out = threads;
  return {};
}

inline const char* or_empty(const char* text) { return text == nullptr ? "" : text; }

// Stores the outcome where the caller wants it. Allocates nothing.
tsr_code finish(tsr_error* error, ErrorCode code, const char* message) noexcept;

// Runs `work`, which returns a Status; no exception leaves.
template <class Work>
tsr_code call(tsr_error* error, Work work) noexcept {
  if (error != nullptr && !size_fits(error)) return TSR_INVALID_ARGUMENT;
  try {
    const Status status = work();
    return finish(error, status.code(), status.message().c_str());
  } catch (const std::bad_alloc&) {
    return finish(error, ErrorCode::out_of_memory, "not enough memory");
  } catch (const std::length_error&) {
    return finish(error, ErrorCode::out_of_memory, "not enough memory");
  } catch (const std::exception& e) {
    return finish(error, ErrorCode::device, e.what());
  } catch (...) {
    return finish(error, ErrorCode::device, "unexpected failure");
  }
}

}  // namespace tessera::c
