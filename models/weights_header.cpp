#include "models/weights_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tessera::models {
namespace {

using nlohmann::ordered_json;

constexpr const char* kMetadata = "__metadata__";

// The events of the parser; one that returns false ends it.
class Reader final : public nlohmann::json_sax<ordered_json> {
 public:
  explicit Reader(WeightsHeader& header) : out_(header) {}

  bool null() override { return leaf("null", nullptr, nullptr); }
  bool boolean(bool v) override { return leaf(v ? "true" : "false", nullptr, nullptr); }
  bool number_integer(number_integer_t v) override { return leaf(std::to_string(v), nullptr, nullptr); }
  bool number_unsigned(number_unsigned_t v) override { return leaf(std::to_string(v), &v, nullptr); }
  bool number_float(number_float_t v, const string_t&) override { return leaf(ordered_json(v).dump(), nullptr, nullptr); }
  bool string(string_t& v) override { return leaf(quoted(v), nullptr, &v); }
  bool binary(binary_t&) override { return false; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  bool start_object(size_t) override { return open('{', true); }
  bool start_array(size_t) override { return open('[', false); }
  bool end_object() override { return close('}'); }
  bool end_array() override { return close(']'); }

  bool key(string_t& k) override {
    Level& level = levels_.back();
    if (level.keys.size() == WeightsHeader::kMaxTensors) return false;
    level.keys.push_back(k);
    if (levels_.size() == 1) {
      in_metadata_ = k == kMetadata;
      out_.has_metadata |= in_metadata_;
      text_.clear();
      if (!in_metadata_) out_.tensors.emplace_back().name = k;
      seen_ = 0;
    } else {
      separate();
      text_ += quoted(k) + ":";
    }
    return true;
  }

 private:
  struct Level {
    bool object;
    size_t values = 0;
    std::vector<std::string> keys = {};
  };
  // Parts of a tensor's description.
  enum Part { kType = 1, kShape = 2, kOffsets = 4 };

  static std::string quoted(const std::string& text) { return ordered_json(text).dump(); }

  // A comma between the members of what is open, below the header itself.
  void separate() {
    if (levels_.back().values++ > 0) text_ += ',';
  }

  bool in_tensor(const char* part) const { return !in_metadata_ && levels_.size() >= 2 && levels_[1].object && levels_[1].keys.back() == part; }

  bool leaf(const std::string& json, const uint64_t* number, const std::string* text) {
    if (levels_.empty()) return false;  // the header is an object
    if (levels_.size() == 2 && in_metadata_) {
      if (text == nullptr) return false;
      const std::string& k = levels_[1].keys.back();
      out_.metadata[k] = *text;
      if (k != "checksum") out_.description += k + "=" + *text + "\n";
    }
    if (levels_.size() >= 2 && !levels_.back().object) separate();
    text_ += json;
    if (levels_.size() == 2 && text != nullptr && in_tensor("dtype")) {
      out_.tensors.back().type = *text;
      seen_ |= kType;
    }
    if (levels_.size() == 3 && !levels_[2].object) {
      if (in_tensor("shape") && !add(number, WeightsHeader::kMaxDimensions, out_.tensors.back().shape)) wrong_ = true;
      if (in_tensor("data_offsets") && !add(number, 2, out_.tensors.back().offsets)) wrong_ = true;
    }
    return levels_.size() > 1 || finish_value();
  }

  static bool add(const uint64_t* number, size_t most, std::vector<uint64_t>& numbers) {
    if (number == nullptr || numbers.size() == most) return false;
    numbers.push_back(*number);
    return true;
  }

  bool open(char bracket, bool object) {
    if (levels_.empty() && !object) return false;
    if (levels_.size() > 4) return false;
    if (levels_.size() == 1 && in_metadata_ && !object) return false;
    if (levels_.size() == 2 && in_metadata_) return false;
    if (levels_.size() >= 2 && !levels_.back().object) separate();
    if (levels_.size() == 1) wrong_ = !object;
    if (levels_.size() == 2 && !object) seen_ |= in_tensor("shape") ? kShape : in_tensor("data_offsets") ? kOffsets : 0;
    if (levels_.size() == 3 && (in_tensor("shape") || in_tensor("data_offsets"))) wrong_ = true;
    if (!levels_.empty()) text_ += bracket;
    levels_.push_back({object});
    return true;
  }

  bool close(char bracket) {
    auto& keys = levels_.back().keys;
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) return false;
    levels_.pop_back();
    if (!levels_.empty()) text_ += bracket;
    return levels_.size() != 1 || finish_value();
  }

  // Of a key of the header.
  bool finish_value() {
    if (in_metadata_) return levels_[0].object && text_.front() == '{';
    WeightsHeader::Tensor& tensor = out_.tensors.back();
    tensor.right = !wrong_ && text_.front() == '{' && seen_ == (kType | kShape | kOffsets) && tensor.offsets.size() == 2;
    out_.description += tensor.name + ":" + text_ + "\n";
    return true;
  }

  WeightsHeader& out_;
  std::vector<Level> levels_;
  std::string text_;  // of the value of a key of the header, without spaces
  bool in_metadata_ = false, wrong_ = false;
  int seen_ = 0;
};

}  // namespace

bool WeightsHeader::read(std::string_view text, WeightsHeader& header) {
  if (text.find('\0') != std::string_view::npos) return false;  // the parser would stop there
  Reader reader(header);
  return ordered_json::sax_parse(text.begin(), text.end(), &reader);
}

}  // namespace tessera::models
