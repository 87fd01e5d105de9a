#include "engine/table/dead_rows.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/table/column.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace omendb::table {
namespace {

constexpr uint32_t kRegion = DeadRows::kRowsPerRegion;

TEST(DeadRows, ARegionIsDeadWhenItIsFullAndAllItsRowsAreForgotten) {
  LiveBitmap live;
  live.append(3 * kRegion + 10, true);
  DeadRows dead;
  const auto kill = [&](uint32_t first, uint32_t last) {
    std::vector<RowId> rows;
    for (uint32_t row = first; row < last; ++row) {
      live.erase({row});
      rows.push_back({row});
    }
    return rows;
  };
  EXPECT_TRUE(dead.regions(live).empty());
  const LiveBitmap before = live;
  const std::vector<RowId> all_but_one = kill(kRegion + 1, 2 * kRegion);
  dead.forget(all_but_one);
  EXPECT_TRUE(dead.regions(live).empty());
  const std::vector<RowId> last_one = kill(kRegion, kRegion + 1);
  EXPECT_TRUE(dead.regions(live).empty()) << "somebody may still see the one that died last";
  dead.forget(last_one);
  EXPECT_EQ(dead.regions(live), std::vector<uint32_t>{1});
  EXPECT_TRUE(dead.regions(before).empty()) << "they live in that version";
  dead.forget(kill(3 * kRegion, 3 * kRegion + 10));
  EXPECT_EQ(dead.regions(live), std::vector<uint32_t>{1}) << "the last region is not full";
  dead.forget(kill(2 * kRegion, 3 * kRegion));
  EXPECT_EQ(dead.regions(live), (std::vector<uint32_t>{1, 2}));
  DeadRows after_recovery;
  after_recovery.assign(live);
  EXPECT_EQ(after_recovery.regions(live), (std::vector<uint32_t>{1, 2}));
}

// A table of which the test says row by row what dies, and when nobody sees it any more.
struct SparseTable {
  LiveBitmap live;
  DeadRows dead;

  explicit SparseTable(uint32_t row_count) { live.append(row_count, true); }
  std::vector<RowId> remove(uint32_t first, uint32_t last) {
    std::vector<RowId> rows;
    for (uint32_t row = first; row < last; ++row) {
      if (live.erase({row})) rows.push_back({row});
    }
    dead.remove(rows);
    return rows;
  }
  void kill(uint32_t first, uint32_t last) { dead.forget(remove(first, last)); }
  std::optional<uint32_t> sparsest() const { return dead.sparsest_region(live); }
};

TEST(SparseRegions, TheOneOfWhichTheFewestLiveComesFirst) {
  SparseTable table(3 * kRegion + 10);
  EXPECT_EQ(table.sparsest(), std::nullopt);
  table.kill(0, kRegion * 3 / 4);
  table.kill(kRegion, 2 * kRegion);
  EXPECT_EQ(table.sparsest(), std::nullopt) << "a quarter lives, which is not few; the dead region is not sparse";
  table.kill(kRegion * 3 / 4, kRegion * 3 / 4 + 1);
  EXPECT_EQ(table.sparsest(), std::nullopt) << "of the rows that take up space most live";
  table.kill(2 * kRegion, 3 * kRegion - 100);
  EXPECT_EQ(table.sparsest(), std::optional(2U));
  table.kill(3 * kRegion - 100, 3 * kRegion);
  EXPECT_EQ(table.sparsest(), std::optional(0U));
  table.kill(0, kRegion);
  EXPECT_EQ(table.sparsest(), std::nullopt) << "all are dead";
}

TEST(SparseRegions, TheLastOneIsLeftAloneAsLongAsItGrows) {
  SparseTable table(kRegion - 1);
  table.kill(0, kRegion - 10);
  EXPECT_EQ(table.sparsest(), std::nullopt);
  table.live.append(1, true);
  EXPECT_EQ(table.sparsest(), std::optional(0U));
}

TEST(SparseRegions, RowsThatSomebodyMaySeeDoNotCount) {
  SparseTable table(3 * kRegion);
  const std::vector<RowId> seen = table.remove(0, kRegion - 10);
  EXPECT_EQ(table.sparsest(), std::nullopt);
  table.dead.forget(seen);
  EXPECT_EQ(table.sparsest(), std::nullopt) << "two thirds of the table live";
  table.kill(kRegion, kRegion + 10);
  const std::vector<RowId> others = table.remove(kRegion + 10, 2 * kRegion + 5);
  EXPECT_EQ(table.sparsest(), std::optional(0U)) << "few rows are seen by old versions only";
  const std::vector<RowId> more = table.remove(2 * kRegion + 5, 3 * kRegion - 20);
  EXPECT_EQ(table.sparsest(), std::nullopt) << "an old version keeps more than a region's rows";
  table.dead.forget(others);
  EXPECT_EQ(table.sparsest(), std::optional(0U));
}

TEST(SparseRegions, ARegionThatIsBeingEmptiedIsTakenUntilNothingIsLeft) {
  SparseTable table(3 * kRegion);
  table.kill(0, kRegion - 600);
  table.kill(kRegion, 2 * kRegion - 601);
  EXPECT_EQ(table.sparsest(), std::optional(0U));
  table.remove(kRegion - 600, kRegion - 300);
  table.kill(2 * kRegion - 601, 2 * kRegion - 500);
  EXPECT_EQ(table.sparsest(), std::optional(0U)) << "although more rows of the other one are forgotten";
  table.remove(kRegion - 300, kRegion);
  EXPECT_EQ(table.sparsest(), std::optional(1U)) << "there is nothing left to move";
}

TEST(SparseRegions, AreKnownAfterRecovery) {
  SparseTable table(2 * kRegion);
  table.kill(0, kRegion - 1);
  table.kill(kRegion, kRegion + 10);
  DeadRows after_recovery;
  after_recovery.assign(table.live);
  EXPECT_EQ(after_recovery.sparsest_region(table.live), std::optional(0U));
}

// Extents of a column's arrays that no row outside of the range needs, found row by row.
TEST(DeadRows, ExtentsOfARangeAreThoseThatNoOtherRowTouches) {
  for (uint64_t seed = 1; seed <= std::max<size_t>(3, base::scaled(20)); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const auto store = base::must(storage::Store::open(os::memory_directory("test"), {}));
    ColumnSpec spec{.name = "s", .type = Type::kString};
    LiveBitmap none;
    Column column = base::must(Column::open(*store, {1}, 0, spec, none));
    const uint32_t row_count = 20'000;
    std::vector<uint64_t> ends;
    std::vector<std::byte> chars;
    std::vector<uint32_t> lengths;
    for (uint32_t row = 0; row < row_count; ++row) {
      lengths.push_back(static_cast<uint32_t>(random.below(40)));
      chars.resize(chars.size() + lengths.back(), std::byte{'x'});
      ends.push_back(chars.size());
    }
    const RowsColumn rows{
        .nulls = Nulls::kNone, .validity = {}, .values = chars, .lengths = std::as_bytes(std::span(lengths))};
    base::must(column.reserve(rows, 0, row_count));
    base::must(column.append(rows, 0, row_count));
    const auto first = static_cast<uint32_t>(random.below(row_count));
    const auto end = static_cast<uint32_t>(random.between(first, row_count));
    std::vector<bool> ends_needed(row_count * sizeof(uint64_t) / storage::kExtentBytes + 1, false);
    std::vector<bool> chars_needed(chars.size() / storage::kExtentBytes + 1, false);
    ends_needed.back() = chars_needed.back() = true;  // they grow on
    for (uint32_t row = 0; row < row_count; ++row) {
      if (row >= first && row < end) continue;
      for (const uint32_t needed : {row == 0 ? 0 : row - 1, row})
        ends_needed[needed * sizeof(uint64_t) / storage::kExtentBytes] = true;
      for (uint64_t at = row == 0 ? 0 : ends[row - 1]; at < ends[row]; ++at)
        chars_needed[at / storage::kExtentBytes] = true;
    }
    if (end == row_count && first < end) ends_needed[(end - 1) * sizeof(uint64_t) / storage::kExtentBytes] = true;
    for (const auto& extents : column.reader().extents_of({first, end})) {
      std::vector<bool>& needed = extents.part == Part::kEnds ? ends_needed : chars_needed;
      for (uint64_t i = extents.first; i < extents.first + extents.count; ++i) {
        EXPECT_FALSE(needed[i]) << "extent " << i << " is needed";
        needed[i] = true;
      }
    }
    EXPECT_TRUE(std::all_of(ends_needed.begin(), ends_needed.end(), [](bool b) { return b; })) << "ends are kept";
    EXPECT_TRUE(std::all_of(chars_needed.begin(), chars_needed.end(), [](bool b) { return b; })) << "bytes are kept";
  }
}

}  // namespace
}  // namespace omendb::table
