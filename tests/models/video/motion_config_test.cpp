#include "models/video/motion_config.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace tessera::models {
namespace {

TEST(MotionConfig, RoundTrip) {
  MotionConfig c;
  c.patch_channels = 96;
  c.latents = 192;
  c.head_blocks = 0;
  c.conditioning = false;
  c.vector_coding = VectorCoding::mixed;
  c.scales.step = 0.1;
  c.lambda_max = 0.2;
  c.interpolation = Interpolation::lagrange;
  const MotionConfig back = MotionConfig::from_json(c.to_json());
  EXPECT_EQ(back.to_json(), c.to_json());
  EXPECT_EQ(back.latents, 192);
  EXPECT_FALSE(back.conditioning);
  EXPECT_EQ(back.vector_coding, VectorCoding::mixed);
  EXPECT_EQ(back.interpolation, Interpolation::lagrange);
}

// Weights from before there was another way say nothing.
TEST(MotionConfig, VectorsWithoutAWordAreCodedByRows) { EXPECT_EQ(MotionConfig::from_json("{}").vector_coding, VectorCoding::rows); }

TEST(MotionConfig, MissingEntriesKeepTheirDefaults) {
  EXPECT_EQ(MotionConfig::from_json("{}").to_json(), MotionConfig{}.to_json());
  EXPECT_EQ(MotionConfig::from_json("{}").interpolation, Interpolation::bicubic);
  EXPECT_EQ(MotionConfig::from_json("{\"interpolation\":\"bicubic\"}").interpolation, Interpolation::bicubic);
}

class BadConfig : public testing::TestWithParam<const char*> {};

TEST_P(BadConfig, IsRefused) { EXPECT_THROW(MotionConfig::from_json(GetParam()), std::runtime_error); }

INSTANTIATE_TEST_SUITE_P(Cases, BadConfig,
                         testing::Values("", "[]", "{\"latents\":24}", "{\"latents\":0}", "{\"patch_channels\":12}", "{\"patch_channels\":\"x\"}",
                                         "{\"enc_patch_blocks\":0}", "{\"mean_blocks\":1e9}", "{\"scale_rows\":251}", "{\"conditioning\":1}",
                                         "{\"lambda_min\":0}", "{\"lambda_min\":0.2}", "{\"scale_step\":\"a\"}", "{\"architecture\":\"still\"}",
                                         "{\"hyperlatents\":264}", "{\"interpolation\":\"linear\"}", "{\"interpolation\":1}", "{\"interpolation\":null}",
                                         "{\"interpolation\":\"\"}", "{\"vector_coding\":\"best\"}", "{\"vector_coding\":1}"));

}  // namespace
}  // namespace tessera::models
