// Weights files: the safetensors container (8-byte little-endian header length, JSON header, dense tensors) with
// a checksum. No code, no pickle. The reader is strict: every size is checked against the file before anything is
// allocated, offsets must be contiguous, unknown types and duplicate names are refused.
//
// Metadata ("__metadata__", strings): "model", "revision", "config" (JSON), "training" (JSON), "checksum" (XXH64, hexadecimal, of the
// tensors' bytes followed by every other metadata entry and tensor description in order).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>

namespace tessera::models {

struct Weights {
  std::map<std::string, at::Tensor> tensors;       // on the CPU
  std::map<std::string, std::string> metadata;
  uint64_t hash = 0;                               // XXH64 of the whole file: the model's identity in streams
  uint64_t file_bytes = 0;

  // The tensor of that name, type and shape; throws std::runtime_error with a sentence otherwise.
  const at::Tensor& get(const std::string& name, at::ScalarType type, at::IntArrayRef shape) const;

  // The values in float32 of a tensor of the pixel path (never of the entropy path), stored in any of three ways: float32, float16,
  // or int8 with a float16 scale for each row in "<name>.scale" (all dimensions but the last make the rows). Throws like get(), and when a
  // value is not finite.
  at::Tensor real(const std::string& name, at::IntArrayRef shape) const;
};

// Replaces a tensor of the pixel path by its int8 form; the largest value of a row becomes 127.
void store_as_int8(std::map<std::string, at::Tensor>& tensors, const std::string& name);

// Types: float32, float16, int8, uint8, int16, int32, int64. Throws std::runtime_error when the file is missing or damaged.
Weights load_weights(const std::string& path);

// Only the header: metadata and, in `parameters`, the number of scalars. No checksum is verified.
std::map<std::string, std::string> read_weights_metadata(const std::string& path);

// Written to a temporary file and renamed. Returns the hash.
uint64_t save_weights(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                      std::map<std::string, std::string> metadata);

}  // namespace tessera::models
