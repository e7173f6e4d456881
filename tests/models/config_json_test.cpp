// Configurations and training records as JSON.
#include "models/config_json.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace tessera::models {
namespace {

TEST(ConfigJson, ValuesByTypeAndName) {
  const ConfigJson j(R"({"a": 3, "b": -2.5, "c": true, "d": "text", "e": null, "f": [1, {"x": 2}, [3]], "g": {"h": {"i": 7}, "k": "in"}, "l": 18446744073709551615, "a": 4})");
  ASSERT_TRUE(j.is_object());
  EXPECT_EQ(j.whole("a"), 4);  // the last one
  EXPECT_EQ(j.real("a"), 4.0);
  EXPECT_EQ(j.real("b"), -2.5);
  EXPECT_FALSE(j.whole("b"));
  EXPECT_EQ(j.truth("c"), true);
  EXPECT_FALSE(j.whole("c"));
  EXPECT_EQ(j.text("d"), "text");
  EXPECT_TRUE(j.contains("e") && j.contains("f") && j.contains("g") && j.contains("g.h"));
  EXPECT_FALSE(j.text("e") || j.real("f") || j.text("g"));
  EXPECT_EQ(j.whole("g.h.i"), 7);
  EXPECT_EQ(j.text("g.k"), "in");
  EXPECT_FALSE(j.contains("x") || j.contains("f.x") || j.contains("h"));
  EXPECT_FALSE(j.whole("l"));  // no int64_t
  EXPECT_EQ(j.real("l"), 18446744073709551615.0);
  EXPECT_TRUE(ConfigJson("{}").is_object());
}

TEST(ConfigJson, WhatIsNoObject) {
  for (const char* text : {"", "3", "[1]", "\"a\"", "{", "{\"a\":}", "{\"a\":1} x", "{\"a\":1}}", "nul", "{\"a\":\x80}"}) {
    const ConfigJson j(text);
    EXPECT_FALSE(j.is_object()) << text;
    EXPECT_FALSE(j.contains("a")) << text;
  }
  std::string deep, many = "{";
  for (int i = 0; i < 70; ++i) deep += "{\"a\":";
  deep += '1';
  deep.append(70, '}');
  EXPECT_FALSE(ConfigJson(deep).is_object());
  std::string lists = "{\"a\":";
  lists.append(100000, '[');
  EXPECT_FALSE(ConfigJson(lists).is_object());
  for (int i = 0; i < 5000; ++i) many.append("\"").append(std::to_string(i)).append("\":0,");
  many.append("\"x\":1}");
  EXPECT_FALSE(ConfigJson(many).is_object());
}

template <class T>
std::string refusal(const ConfigJson& j, const char* key, T least, T largest) {
  T value{};
  try {
    j.read(key, value, least, largest);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

TEST(ConfigJson, ReadsIntoFieldsWithinLimits) {
  const ConfigJson j(R"({"n": 5, "x": 0.5, "yes": true, "word": "w"})");
  int64_t n = 1, missing = 9;
  double x = 0;
  bool yes = false;
  j.read("n", n, int64_t{0}, int64_t{5});
  j.read("missing", missing, int64_t{0}, int64_t{5});
  j.read("x", x, 0.0, 1.0);
  j.read("yes", yes);
  EXPECT_EQ(n, 5);
  EXPECT_EQ(missing, 9);
  EXPECT_EQ(x, 0.5);
  EXPECT_TRUE(yes);
  EXPECT_EQ(refusal<int64_t>(j, "n", 6, 9), "configuration: n is out of range");
  EXPECT_EQ(refusal<int64_t>(j, "x", 0, 9), "configuration: x is not an integer");
  EXPECT_EQ(refusal<double>(j, "x", 0.6, 1), "configuration: x is out of range");
  EXPECT_EQ(refusal<double>(j, "word", 0, 1), "configuration: word is not a number");
  EXPECT_EQ(refusal<double>(j, "n", 0, 9), "");
  EXPECT_THROW(j.read("n", yes), std::runtime_error);
}

}  // namespace
}  // namespace tessera::models
