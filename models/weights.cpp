#include "models/weights.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <new>
#include <stdexcept>
#include <vector>

#include "models/weights_header.h"

namespace tessera::models {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kMaxHeader = 16u << 20, kMaxFile = uint64_t{4} << 30;

struct Type {
  const char* name;
  at::ScalarType scalar;
  uint64_t bytes;
};
constexpr std::array<Type, 7> kTypes = {{{"F32", at::kFloat, 4},
                                         {"F16", at::kHalf, 2},
                                         {"I8", at::kChar, 1},
                                         {"U8", at::kByte, 1},
                                         {"I16", at::kShort, 2},
                                         {"I32", at::kInt, 4},
                                         {"I64", at::kLong, 8}}};

[[noreturn]] void fail(const std::string& path, const std::string& what) { throw std::runtime_error("weights file " + path + ": " + what); }

std::string hex(uint64_t v) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(v));
  return text;
}

// Covers everything but the checksum itself.
std::string checksum_of(const WeightsHeader& header, const char* data, size_t size) {
  XXH64_state_t* state = XXH64_createState();
  if (state == nullptr) throw std::bad_alloc();
  XXH64_reset(state, 0);
  XXH64_update(state, data, size);
  XXH64_update(state, header.description.data(), header.description.size());
  const uint64_t digest = XXH64_digest(state);
  XXH64_freeState(state);
  return hex(digest);
}

// Bytes of a file, not zeroed before they are read: start-up time counts.
struct FileBytes {
  std::unique_ptr<char[]> bytes;
  size_t count = 0;
  const char* data() const { return bytes.get(); }
  size_t size() const { return count; }
  char operator[](size_t i) const { return bytes[i]; }
};

FileBytes read_all(const std::string& path, uint64_t limit) {
  errno = 0;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in && errno == ENOMEM) throw std::bad_alloc();  // says nothing about the file
  if (!in) fail(path, "cannot be opened");
  const auto size = static_cast<uint64_t>(in.tellg());
  if (size > kMaxFile) fail(path, "is too large");
  const size_t count = std::min(size, limit);
  FileBytes file{std::make_unique_for_overwrite<char[]>(count), count};
  in.seekg(0);
  if (count > 0 && !in.read(file.bytes.get(), static_cast<std::streamsize>(count))) fail(path, "cannot be read");
  return file;
}

WeightsHeader parse_header(const std::string& path, const char* text, size_t size) {
  WeightsHeader header;
  if (!WeightsHeader::read({text, size}, header)) fail(path, "its header is damaged");
  if (!header.has_metadata) fail(path, "it has no metadata");
  return header;
}

uint64_t header_size(const std::string& path, const FileBytes& bytes) {
  if (bytes.size() < 8) fail(path, "is too short");
  uint64_t n = 0;
  for (int i = 7; i >= 0; --i) n = n << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  if (n > kMaxHeader || n > bytes.size() - 8) fail(path, "its header does not fit the file");
  return n;
}

}  // namespace

const at::Tensor& Weights::get(const std::string& name, at::ScalarType type, at::IntArrayRef shape) const {
  const auto it = tensors.find(name);
  if (it == tensors.end()) throw std::runtime_error("the weights file has no tensor " + name);
  if (it->second.scalar_type() != type || it->second.sizes() != shape) {
    throw std::runtime_error("the weights file's tensor " + name + " has the wrong type or shape");
  }
  return it->second;
}

at::Tensor Weights::real(const std::string& name, at::IntArrayRef shape) const {
  const auto it = tensors.find(name);
  const at::ScalarType stored = it == tensors.end() ? at::kHalf : it->second.scalar_type();
  at::Tensor value = get(name, stored == at::kFloat || stored == at::kChar ? stored : at::kHalf, shape).to(at::kFloat);
  if (stored == at::kChar) {
    const int64_t rows = value.numel() / std::max<int64_t>(1, shape.back());
    value = (value.reshape({rows, -1}) * get(name + ".scale", at::kHalf, {rows}).to(at::kFloat).unsqueeze(1)).reshape(shape);
  }
  // A sum is finite only when everything is.
  if (!std::isfinite(value.sum().item<float>())) throw std::runtime_error("the weights file's tensor " + name + " is not finite");
  return value.contiguous();
}

void store_as_int8(std::map<std::string, at::Tensor>& tensors, const std::string& name) {
  const at::Tensor value = tensors.at(name).to(at::kFloat);
  const at::Tensor rows = value.reshape({-1, value.size(-1)});
  // The scale is rounded up in float16, so that no value exceeds 127 of it.
  const at::Tensor scale = (rows.abs().amax(1) * (1.001 / 127)).clamp_min(6e-8).to(at::kHalf);
  tensors[name + ".scale"] = scale;
  tensors[name] = (rows / scale.to(at::kFloat).unsqueeze(1)).round().clamp(-127, 127).to(at::kChar).reshape(value.sizes());
}

Weights load_weights(const std::string& path) {
  const FileBytes bytes = read_all(path, kMaxFile);
  const uint64_t n = header_size(path, bytes);
  WeightsHeader header = parse_header(path, bytes.data() + 8, n);
  const char* data = bytes.data() + 8 + n;
  const uint64_t size = bytes.size() - 8 - n;
  Weights w;
  w.metadata = std::move(header.metadata);
  const auto stored = w.metadata.find("checksum");
  if (stored == w.metadata.end() || stored->second != checksum_of(header, data, size)) fail(path, "its checksum does not match: it is damaged");
  uint64_t expected = 0;
  for (const WeightsHeader::Tensor& t : header.tensors) {
    if (!t.right) fail(path, "the description of tensor " + t.name + " is damaged");
    const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& k) { return t.type == k.name; });
    if (type == kTypes.end()) fail(path, "tensor " + t.name + " has an unknown type");
    uint64_t elements = 1, extent = 1;  // extent: the same without zeros, which libtorch multiplies into strides
    std::vector<int64_t> shape;
    for (const uint64_t v : t.shape) {
      if (v != 0 && elements > size / v) fail(path, "tensor " + t.name + " does not fit the file");
      if (v != 0 && extent > kMaxFile / v) fail(path, "tensor " + t.name + " has a damaged shape");
      elements *= v;
      extent *= std::max<uint64_t>(v, 1);
      shape.push_back(static_cast<int64_t>(v));
    }
    if (t.offsets[0] != expected || elements > size / type->bytes || t.offsets[1] != expected + elements * type->bytes || t.offsets[1] > size) {
      fail(path, "tensor " + t.name + " does not fit the file");
    }
    at::Tensor tensor = at::empty(shape, type->scalar);
    if (elements > 0) std::memcpy(tensor.data_ptr(), data + expected, elements * type->bytes);
    w.tensors.emplace(t.name, tensor);
    expected = t.offsets[1];
  }
  if (expected != size) fail(path, "has bytes that belong to no tensor");
  w.hash = XXH64(bytes.data(), bytes.size(), 0);
  w.file_bytes = bytes.size();
  return w;
}

std::map<std::string, std::string> read_weights_metadata(const std::string& path) {
  const FileBytes bytes = read_all(path, kMaxHeader + 8);
  const uint64_t n = header_size(path, bytes);
  return parse_header(path, bytes.data() + 8, n).metadata;
}

uint64_t save_weights(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                      std::map<std::string, std::string> metadata) {
  ordered_json header;
  std::string data;
  ordered_json meta = ordered_json::object();
  for (const auto& [k, v] : metadata) {
    if (k != "checksum") meta[k] = v;
  }
  header["__metadata__"] = meta;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor t = tensor.detach().cpu().contiguous();
    const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& k) { return k.scalar == t.scalar_type(); });
    if (type == kTypes.end()) throw std::logic_error("tensor " + name + " has a type that weights files do not hold");
    const uint64_t begin = data.size();
    data.append(static_cast<const char*>(t.const_data_ptr()), static_cast<size_t>(t.numel()) * type->bytes);
    header[name] = {{"dtype", type->name}, {"shape", t.sizes().vec()}, {"data_offsets", {begin, data.size()}}};
  }
  WeightsHeader described;
  if (!WeightsHeader::read(header.dump(), described)) throw std::logic_error("these tensors are no weights file");
  header["__metadata__"]["checksum"] = checksum_of(described, data.data(), data.size());
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * i)));
  file += text;
  file += data;
  const std::string temporary = path + ".part";
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    if (!out.write(file.data(), static_cast<std::streamsize>(file.size())) || !out.flush()) fail(path, "cannot be written");
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "cannot be written");
  return XXH64(file.data(), file.size(), 0);
}

}  // namespace tessera::models
