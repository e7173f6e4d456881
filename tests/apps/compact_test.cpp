// The released form of an audio model: what it keeps, and what it says of itself.
#include "apps/tessera-train/compact.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "models/audio/speech_model.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_speech.h"

namespace tessera::train {
namespace {

using models::audio::load_speech;
using tessera::test::TemporaryFolder;

TEST(Compact, KeepsTheIndexModelAndNamesItsRevision) {
  const TemporaryFolder folder;
  models::test::write_tiny_speech_with_index(folder.folder(), "a", models::test::tiny_speech());
  const auto path = [&](const char* name) { return folder.folder() + "/" + name + ".safetensors"; };
  compact_weights(path("a"), path("b"), "some voices", 7);
  const auto before = load_speech(path("a")), after = load_speech(path("b"));
  EXPECT_EQ(before->revision, 1u);
  EXPECT_EQ(after->revision, 7u);
  EXPECT_NE(after->hash, before->hash);
  EXPECT_NE(after->training.find("some voices"), std::string::npos);
  ASSERT_TRUE(after->index);
  EXPECT_EQ(after->index->levels(), before->index->levels());
  compact_weights(path("a"), path("e"), "", 0, "voices");
  EXPECT_EQ(load_speech(path("e"))->name, "voices");
  EXPECT_EQ(load_speech(path("e"))->revision, 1u);
  // Once more: what is compact already stays as it is.
  compact_weights(path("b"), path("c"), "");
  EXPECT_EQ(load_speech(path("c"))->hash, after->hash);
  EXPECT_THROW(compact_weights(path("none"), path("d"), ""), std::runtime_error);
}

}  // namespace
}  // namespace tessera::train
