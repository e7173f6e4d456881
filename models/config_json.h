// A model's configuration or training record: a JSON object of numbers, truths and texts, read event by event. (nlohmann's values need memory to be
// destroyed, and would end the program where there is none.)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::models {

class ConfigJson {
 public:
  // Text that is no object, nests deeper than 64 or has more than 4096 entries gives !is_object().
  explicit ConfigJson(std::string_view text);
  bool is_object() const { return object_; }

  // Members of objects within are named "outer.inner"; of a key that is there twice the last value counts; arrays and null are there without a value.
  bool contains(const std::string& key) const { return entries_.contains(key); }
  // Nothing where the key is missing or its value is of another type. A whole number is a real one as well.
  std::optional<int64_t> whole(const std::string& key) const;
  std::optional<double> real(const std::string& key) const;
  std::optional<bool> truth(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;

  // For configurations: leaves `value` as it is where the key is missing. Throws std::runtime_error "configuration: KEY is ..." where the value is of
  // another type or not within [least, largest].
  void read(const std::string& key, int64_t& value, int64_t least, int64_t largest) const;
  void read(const std::string& key, double& value, double least, double largest) const;
  void read(const std::string& key, bool& value) const;

 private:
  struct Entry {
    enum class Type { other, whole, real, truth, text } type = Type::other;
    int64_t whole = 0;
    double real = 0;
    bool truth = false;
    std::string text = {};
  };
  class Reader;
  const Entry* find(const std::string& key, Entry::Type type) const;

  bool object_ = false;
  std::map<std::string, Entry> entries_;
};

}  // namespace tessera::models
