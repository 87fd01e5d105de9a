#include "engine/table/live_bitmap.h"

#include "engine/base/random.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <vector>

namespace omendb::table {
namespace {

void expect_equal(const LiveBitmap& bitmap, const std::vector<bool>& model) {
  ASSERT_EQ(bitmap.row_count(), model.size());
  uint32_t live_count = 0;
  for (uint32_t row = 0; row < model.size(); ++row) {
    ASSERT_EQ(bitmap.contains({row}), model[row]) << row;
    live_count += model[row] ? 1U : 0U;
  }
  EXPECT_EQ(bitmap.live_count(), live_count);
  uint32_t visited = 0;
  bitmap.for_each([&](RowId row) {
    EXPECT_TRUE(model[row.value]);
    ++visited;
  });
  EXPECT_EQ(visited, live_count);
}

TEST(LiveBitmap, CopiesKeepTheirBitsWhileTheOriginalIsEdited) {
  for (uint64_t seed = 1; seed <= base::scaled(20); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    base::Random random(seed);
    LiveBitmap bitmap;
    std::vector<bool> model;
    std::vector<std::pair<LiveBitmap, std::vector<bool>>> versions;
    for (int step = 0; step < 40; ++step) {
      const auto count = static_cast<uint32_t>(random.below(LiveBitmap::kRowsPerBlock / 8));
      const bool alive = random.below(5) != 0;
      bitmap.append(count, alive);
      model.insert(model.end(), count, alive);
      for (int i = 0; i < 50 && !model.empty(); ++i) {
        const auto row = static_cast<uint32_t>(random.below(model.size()));
        EXPECT_EQ(bitmap.erase({row}), model[row]);
        model[row] = false;
      }
      if (step % 10 == 0) versions.emplace_back(bitmap, model);
    }
    expect_equal(bitmap, model);
    for (const auto& [version, expected] : versions) expect_equal(version, expected);
  }
}

TEST(LiveBitmap, RowsPastTheEndAreNotAlive) {
  LiveBitmap bitmap;
  EXPECT_FALSE(bitmap.contains({0}));
  EXPECT_FALSE(bitmap.erase({7}));
  bitmap.append(3, true);
  EXPECT_TRUE(bitmap.contains({2}));
  EXPECT_FALSE(bitmap.contains({3}));
  EXPECT_FALSE(bitmap.contains({LiveBitmap::kRowsPerBlock}));
}

}  // namespace
}  // namespace omendb::table
