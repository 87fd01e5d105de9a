#include "engine/storage/extents.h"

#include "engine/base/random.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace omendb::storage {
namespace {

// One flag an extent: slower and simpler.
class FreeExtentsModel {
 public:
  void take(uint64_t first, uint64_t count) {
    if (used_.size() < first + count) used_.resize(first + count, false);
    for (uint64_t i = first; i < first + count; ++i) {
      EXPECT_FALSE(used_[i]) << "extent " << i << " was given out twice";
      used_[i] = true;
    }
  }
  void give_back(ExtentRun run) {
    for (uint64_t i = run.first; i < run.first + run.count; ++i) used_[i] = false;
  }
  uint64_t free_below(uint64_t end) const {
    return static_cast<uint64_t>(std::count(
        used_.begin(), used_.begin() + static_cast<ptrdiff_t>(std::min<uint64_t>(end, used_.size())), false));
  }
  uint64_t used_end() const {
    uint64_t end = used_.size();
    while (end > 0 && !used_[end - 1]) --end;
    return end;
  }
  std::vector<ExtentRun> used() const {
    std::vector<ExtentRun> runs;
    for (uint64_t i = 0; i < used_.size(); ++i) {
      if (used_[i]) append_run(runs, {i, 1});
    }
    return runs;
  }

 private:
  std::vector<bool> used_;
};

TEST(FreeExtents, GiveOutEveryExtentOnce) {
  for (uint64_t seed = 1; seed <= base::scaled(50); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    FreeExtents free;
    FreeExtentsModel model;
    std::vector<ExtentRun> held;
    for (int step = 0; step < 400; ++step) {
      const uint64_t choice = random.below(10);
      if (choice < 3) {
        held.push_back({free.take_one(), 1});
        model.take(held.back().first, 1);
      } else if (choice < 6) {
        const uint64_t count = 1 + random.below(9);
        const auto behind =
            held.empty() || random.one_in(2) ? std::nullopt : std::optional(held.back().first + held.back().count);
        held.push_back(free.take_contiguous(count, behind));
        ASSERT_EQ(held.back().count, count);
        model.take(held.back().first, count);
      } else if (choice < 9 && !held.empty()) {
        const size_t which = static_cast<size_t>(random.below(held.size()));
        free.give_back(held[which]);
        model.give_back(held[which]);
        held.erase(held.begin() + static_cast<ptrdiff_t>(which));
      } else if (choice == 9) {
        ASSERT_EQ(free.trim_end(), model.used_end());
      }
      ASSERT_EQ(free.free_count(), model.free_below(free.end()));
    }
    FreeExtents again;
    again.assign(model.used());
    ASSERT_EQ(free.trim_end(), again.end());
    ASSERT_EQ(free.runs(), again.runs());
  }
}

TEST(FreeExtents, ExtendARunWhereItIsFreeBehindIt) {
  FreeExtents free;
  const ExtentRun first = free.take_contiguous(4, std::nullopt);
  const ExtentRun second = free.take_contiguous(4, first.first + first.count);
  EXPECT_EQ(second.first, first.first + first.count);
  free.give_back(first);
  EXPECT_EQ(free.take_contiguous(2, second.first + second.count), (ExtentRun{8, 2}))
      << "at the end although a gap would do";
  EXPECT_EQ(free.take_contiguous(3, std::nullopt), (ExtentRun{0, 3}));
}

TEST(Extents, ArrayLengthsAreCutIntoExtents) {
  EXPECT_EQ(extent_count(0), 0U);
  EXPECT_EQ(extent_count(1), 1U);
  EXPECT_EQ(extent_count(kExtentBytes), 1U);
  EXPECT_EQ(extent_count(kExtentBytes + 1), 2U);
  EXPECT_EQ(extent_count(UINT64_MAX), (uint64_t{1} << 48));
  EXPECT_EQ(used_bytes(kExtentBytes + 1, 0), kExtentBytes);
  EXPECT_EQ(used_bytes(kExtentBytes + 1, 1), 1U);
  EXPECT_EQ(used_bytes(kExtentBytes + 1, 2), 0U);
}

// An extent's place, one by one.
std::vector<uint64_t> places_of(const std::vector<ExtentRun>& runs) {
  std::vector<uint64_t> places;
  for (const ExtentRun run : runs) {
    for (uint64_t i = 0; i < run.count; ++i) places.push_back(is_hole(run) ? kNowhere : run.first + i);
  }
  return places;
}

TEST(ExtentRuns, WithAHoleAreTheSameExtentsWithoutThose) {
  for (uint64_t seed = 1; seed <= base::scaled(200); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    std::vector<ExtentRun> runs;
    for (uint64_t i = 0; i < 6; ++i) append_run(runs, {i * 100 + random.below(3), 1 + random.below(20)});
    std::vector<uint64_t> places = places_of(runs);
    for (int step = 0; step < 8; ++step) {
      const uint64_t first = random.below(places.size());
      const uint64_t count = random.below(places.size() - first + 1);
      std::vector<ExtentRun> left;
      runs = with_hole(runs, {first, count}, left);
      std::vector<uint64_t> left_expected;
      for (uint64_t i = first; i < first + count; ++i) {
        if (places[i] != kNowhere) left_expected.push_back(places[i]);
        places[i] = kNowhere;
      }
      ASSERT_EQ(places_of(runs), places);
      ASSERT_EQ(places_of(left), left_expected);
      ASSERT_FALSE(std::any_of(left.begin(), left.end(), is_hole));
      for (size_t i = 0; i < runs.size(); ++i) {
        ASSERT_GT(runs[i].count, 0U);
        ASSERT_FALSE(i > 0 && is_hole(runs[i]) && is_hole(runs[i - 1])) << "two holes side by side";
      }
    }
  }
}

}  // namespace
}  // namespace omendb::storage
