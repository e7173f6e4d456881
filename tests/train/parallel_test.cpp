// The launcher of data-parallel runs (apps/tessera-train/parallel.sh): two processes train one network; one that fails ends them all.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apps/tessera-train/still_recipe.h"
#include "models/still_model.h"
#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_still.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

using tessera::test::Outcome;
using tessera::test::run_program;

class Parallel : public testing::Test {
 protected:
  Parallel() {
    test::write_picture_pack(folder.path("a.tspk"));
    StillRecipe recipe;
    recipe.config = models::test::tiny_config();
    StillPhase p;
    p.crop = 64;
    p.batch = 1;
    recipe.phases = {p};
    tessera::test::put_text_file(folder.path("tiny.json"), recipe.to_json());
  }
  Outcome run(const std::string& processes, const std::string& data) const {
    return run_program({processes, TESSERA_TRAIN, "--recipe", folder.path("tiny.json"), "--data", data, "--out", folder.path("out"), "--max-steps", "3"}, {}, {},
                       {"MASTER_PORT=" + std::to_string(test::free_port())});
  }
  const tessera::test::TemporaryFolder folder;
};

TEST_F(Parallel, TwoProcessesOneNetwork) {
  const Outcome o = run("2", folder.path("a.tspk"));
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("processes 2"), std::string::npos);
  EXPECT_EQ(o.out.find("saved at step 3"), o.out.rfind("saved at step 3"));  // by one of them
  EXPECT_NE(models::load_still(folder.path("out/weights.safetensors"))->training.find("\"processes\":2"), std::string::npos);
}

TEST_F(Parallel, FailureEndsAll) {
  const Outcome o = run("2", folder.path("missing.tspk"));
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("missing.tspk"), std::string::npos);
}

TEST_F(Parallel, WrongUse) {
  EXPECT_EQ(run("none", folder.path("a.tspk")).code, 2);
  EXPECT_EQ(run_program({"2"}).code, 2);
}

}  // namespace
}  // namespace tessera::train
