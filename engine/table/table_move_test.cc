#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/table/table_store.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace omendb::table {
namespace {

constexpr uint32_t kRegion = DeadRows::kRowsPerRegion;

std::vector<int64_t> keys_between(int64_t first, int64_t last) {
  std::vector<int64_t> keys(static_cast<size_t>(last - first));
  std::iota(keys.begin(), keys.end(), first);
  return keys;
}

// Keys from 0 on, each with a vector of zeros.
void fill(TestTable& table, int64_t row_count, size_t dims) {
  for (int64_t first = 0; first < row_count; first += 2048) {
    const std::vector<int64_t> keys = keys_between(first, std::min(row_count, first + 2048));
    table.write(keys, std::vector<float>(keys.size() * dims));
  }
}

void move(TestTable& table, const std::vector<RowId>& rows) {
  const auto change =
      base::must(table.table().prepare_write(base::must(copy_rows(*table.version(), rows)), {}, OnConflict::kReplace));
  EXPECT_EQ(change.removed, rows);
  table.table().install(change);
}

TEST(TableMove, ARegionIsEmptiedInOrderAFewRowsAtATime) {
  TestTable table(1);
  fill(table, kRegion + 10, 1);
  std::vector<int64_t> dying = keys_between(0, kRegion);
  std::erase_if(dying, [](int64_t key) { return key % 12 == 5; });
  EXPECT_TRUE(table.table().rows_to_move(*table.version()).empty());
  table.erase(dying);
  const uint32_t live_count = table.version()->live.live_count();
  std::vector<RowId> moved;
  while (true) {
    const std::vector<RowId> rows = table.table().rows_to_move(*table.version());
    if (rows.empty()) break;
    EXPECT_LE(rows.size(), 256U);
    moved.insert(moved.end(), rows.begin(), rows.end());
    move(table, rows);
  }
  EXPECT_EQ(moved.size(), kRegion - dying.size());
  EXPECT_TRUE(std::is_sorted(moved.begin(), moved.end()));
  EXPECT_EQ(table.version()->live.live_count(), live_count);
  EXPECT_TRUE(is_dead_region(table.version()->live, 0));
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(TableMove, RowsOfManyBytesAreFewerAtATime) {
  constexpr uint32_t kDims = 1100;
  TestTable table(kDims);
  fill(table, kRegion, kDims);
  table.erase(keys_between(0, kRegion - 1000));
  const size_t row_bytes = kDims * sizeof(float) + sizeof(int64_t);
  EXPECT_EQ(table.table().rows_to_move(*table.version()).size(), (size_t{1} << 20) / row_bytes);
}

TEST(TableMove, ACopyHasTheNullsOfItsRows) {
  TestTable table(2);
  table.write({1, 2, 3, 4}, {1, 1, 2, 2, 3, 3, 4, 4}, {1, 0, 1, 0});
  const auto copy = [&](const std::vector<RowId>& rows) {
    return base::must(copy_rows(*table.version(), rows)).columns[1].nulls;
  };
  EXPECT_EQ(copy({{0}, {2}}), Nulls::kNone);
  EXPECT_EQ(copy({{0}, {1}}), Nulls::kSome);
  EXPECT_EQ(copy({{1}, {3}}), Nulls::kAll);
  for (const std::vector<RowId>& rows : {std::vector<RowId>{{0}, {2}}, {{1}, {4}}, {{3}, {6}}}) move(table, rows);
  const auto version = table.version();
  std::set<std::pair<int64_t, float>> found;
  version->live.for_each([&](RowId row) {
    const bool null = version->columns[1].is_null(row);
    found.emplace(version->columns[0].int64(row),
                  null ? -1.0F : reinterpret_cast<const float*>(version->columns[1].fixed(row))[1]);
  });
  EXPECT_EQ(found, (std::set<std::pair<int64_t, float>>{{1, 1}, {2, -1}, {3, 3}, {4, -1}}));
  EXPECT_EQ(version->vectors.front().searchable.live_count(), 2U);
  EXPECT_EQ(base::message_of(table.table().check(*version)), "");
}

}  // namespace
}  // namespace omendb::table
