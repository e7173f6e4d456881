#include "models/config_json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace tessera::models {
namespace {

constexpr size_t kMaxDepth = 64, kMaxEntries = 4096;

[[noreturn]] void refuse(const std::string& key, const char* why) { throw std::runtime_error("configuration: " + key + " " + why); }

}  // namespace

// The events of the parser; one that returns false ends it.
class ConfigJson::Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(std::map<std::string, Entry>& entries) : entries_(entries) {}

  bool null() override { return add({}); }
  bool boolean(bool v) override { return add({.type = Entry::Type::truth, .truth = v}); }
  bool number_integer(number_integer_t v) override { return add({.type = Entry::Type::whole, .whole = v}); }
  bool number_unsigned(number_unsigned_t v) override {
    const auto real = static_cast<double>(v);
    if (v > static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max())) return add({.type = Entry::Type::real, .real = real});
    return number_integer(static_cast<number_integer_t>(v));
  }
  bool number_float(number_float_t v, const string_t&) override { return add({.type = Entry::Type::real, .real = v}); }
  bool string(string_t& v) override { return add({.type = Entry::Type::text, .text = v}); }
  bool binary(binary_t&) override { return false; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  bool start_object(size_t) override {
    if (!levels_.empty() && !add({})) return false;
    if (levels_.size() == kMaxDepth) return false;
    levels_.push_back({true, name_.size()});
    return true;
  }
  bool end_object() override { return end(); }
  bool start_array(size_t) override {
    if (levels_.empty() || !add({}) || levels_.size() == kMaxDepth) return false;  // the whole is an object
    levels_.push_back({false, name_.size()});
    ++arrays_;
    return true;
  }
  bool end_array() override {
    --arrays_;
    return end();
  }
  bool key(string_t& k) override {
    name_.resize(levels_.back().prefix);
    if (!name_.empty()) name_ += '.';
    name_ += k;
    return true;
  }

 private:
  struct Level {
    bool object;
    size_t prefix;  // length of the name of what the level belongs to
  };

  bool add(Entry entry) {
    if (levels_.empty()) return false;
    if (arrays_ > 0) return true;  // nobody asks for what is in arrays
    if (entries_.size() == kMaxEntries) return false;
    entries_[name_] = std::move(entry);
    return true;
  }
  bool end() {
    name_.resize(levels_.back().prefix);
    levels_.pop_back();
    return true;
  }

  std::map<std::string, Entry>& entries_;
  std::vector<Level> levels_;
  std::string name_;
  int arrays_ = 0;
};

ConfigJson::ConfigJson(std::string_view text) {
  Reader reader(entries_);
  object_ = nlohmann::json::sax_parse(text, &reader);
  if (!object_) entries_.clear();
}

const ConfigJson::Entry* ConfigJson::find(const std::string& key, Entry::Type type) const {
  const auto it = entries_.find(key);
  return it == entries_.end() || it->second.type != type ? nullptr : &it->second;
}

std::optional<int64_t> ConfigJson::whole(const std::string& key) const {
  const Entry* e = find(key, Entry::Type::whole);
  return e == nullptr ? std::nullopt : std::optional(e->whole);
}

std::optional<double> ConfigJson::real(const std::string& key) const {
  if (const Entry* e = find(key, Entry::Type::real)) return e->real;
  const auto number = whole(key);
  return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

std::optional<bool> ConfigJson::truth(const std::string& key) const {
  const Entry* e = find(key, Entry::Type::truth);
  return e == nullptr ? std::nullopt : std::optional(e->truth);
}

std::optional<std::string> ConfigJson::text(const std::string& key) const {
  const Entry* e = find(key, Entry::Type::text);
  return e == nullptr ? std::nullopt : std::optional(e->text);
}

void ConfigJson::read(const std::string& key, int64_t& value, int64_t least, int64_t largest) const {
  if (!contains(key)) return;
  const auto v = whole(key);
  if (!v) refuse(key, "is not an integer");
  if (*v < least || *v > largest) refuse(key, "is out of range");
  value = *v;
}

void ConfigJson::read(const std::string& key, double& value, double least, double largest) const {
  if (!contains(key)) return;
  const auto v = real(key);
  if (!v) refuse(key, "is not a number");
  if (!(*v >= least && *v <= largest)) refuse(key, "is out of range");
  value = *v;
}

void ConfigJson::read(const std::string& key, bool& value) const {
  if (!contains(key)) return;
  const auto v = truth(key);
  if (!v) refuse(key, "is neither true nor false");
  value = *v;
}

}  // namespace tessera::models
