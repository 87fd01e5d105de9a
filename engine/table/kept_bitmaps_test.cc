#include "engine/table/kept_bitmaps.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace omendb::table {
namespace {

LiveBitmap all_of(uint32_t row_count) {
  LiveBitmap rows;
  rows.append(row_count, true);
  return rows;
}

TEST(KeptBitmaps, ForgetWhatWasNotAskedForLongest) {
  KeptBitmaps kept;
  for (size_t i = 0; i < KeptBitmaps::kCountMax; ++i) kept.keep(std::to_string(i), {all_of(10), all_of(10)});
  EXPECT_NE(kept.find("0"), nullptr);
  kept.keep("new", {all_of(10), all_of(10)});
  EXPECT_EQ(kept.count(), KeptBitmaps::kCountMax);
  EXPECT_NE(kept.find("0"), nullptr);
  EXPECT_NE(kept.find("new"), nullptr);
  EXPECT_EQ(kept.find("1"), nullptr);
}

TEST(KeptBitmaps, HaveABoundInBytes) {
  KeptBitmaps kept;
  constexpr uint32_t kRows = 40'000'000;  // 5 MB each, twice
  for (int i = 0; i < 6; ++i) {
    kept.keep(std::to_string(i), {all_of(kRows), all_of(kRows)});
    EXPECT_LE(kept.memory_bytes(), KeptBitmaps::kBytesMax);
  }
  EXPECT_EQ(kept.count(), 3U);
  kept.keep("too large", {all_of(4 * kRows), all_of(4 * kRows)});
  EXPECT_EQ(kept.find("too large"), nullptr);
  EXPECT_NE(kept.find("5"), nullptr);
}

TEST(KeptBitmaps, KeepWhatKnowsMoreRows) {
  KeptBitmaps kept;
  kept.keep("key", {all_of(20), all_of(20)});
  kept.keep("key", {all_of(10), all_of(10)});
  EXPECT_EQ(kept.find("key")->among.row_count(), 20U);
  kept.keep("key", {all_of(30), all_of(30)});
  EXPECT_EQ(kept.find("key")->among.row_count(), 30U);
  EXPECT_EQ(kept.count(), 1U);
}

TEST(KeptBitmaps, AreUsedByManyThreads) {
  KeptBitmaps kept;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&kept, t] {
      for (uint32_t i = 0; i < 500; ++i) {
        const uint32_t number = (i * (t + 1)) % 30;
        if (const auto found = kept.find(std::to_string(number))) {
          EXPECT_EQ(found->among.row_count(), number + 1);
        } else {
          kept.keep(std::to_string(number), {all_of(number + 1), all_of(number + 1)});
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(kept.count(), KeptBitmaps::kCountMax);
}

}  // namespace
}  // namespace omendb::table
