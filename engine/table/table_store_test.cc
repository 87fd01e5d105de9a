#include "engine/table/table_store.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace omendb::table {
namespace {

std::map<int64_t, float> rows_of(const TableVersion& version) {
  std::map<int64_t, float> rows;
  version.live.for_each([&](RowId row) {
    const bool null = version.columns[1].is_null(row);
    rows.emplace(version.columns[0].int64(row),
                 null ? -1.0F : *reinterpret_cast<const float*>(version.columns[1].fixed(row)));
  });
  return rows;
}

TEST(TableStore, AVersionNeverChangesHoweverTheTableGoesOn) {
  TestTable table(1);
  base::Random random(1);
  std::vector<std::pair<std::shared_ptr<const TableVersion>, std::map<int64_t, float>>> pinned;
  std::map<int64_t, float> model;
  for (size_t i = 0; i < base::scaled(300); ++i) {
    if (random.one_in(3)) {
      const auto key = static_cast<int64_t>(random.below(100));
      table.erase({key});
      model.erase(key);
    } else {
      std::vector<int64_t> keys;
      std::vector<float> vectors;
      std::vector<uint8_t> validity;
      for (uint64_t n = random.between(1, 8); n > 0; --n) {
        keys.push_back(static_cast<int64_t>(random.below(100)));
        vectors.push_back(static_cast<float>(random.below(1000)));
        validity.push_back(i > 20 && random.one_in(3) ? 0 : 1);
        model[keys.back()] = validity.back() == 0 ? -1.0F : vectors.back();
      }
      table.write(keys, vectors, validity);
    }
    ASSERT_EQ(rows_of(*table.version()), model) << "step " << i;
    if (random.one_in(5)) pinned.emplace_back(table.version(), model);
  }
  for (const auto& [version, rows] : pinned) {
    EXPECT_EQ(rows_of(*version), rows);
    EXPECT_EQ(base::message_of(table.table().check(*version)), "");
  }
}

TEST(TableStore, AStatementThatIsTakenBackLeavesNothing) {
  TestTable table(1);
  table.write({1, 2, 3}, {1, 2, 3});
  const auto before = rows_of(*table.version());
  const auto change = base::must(table.prepare({2, 9}, {20, 90}));
  EXPECT_EQ(change.removed.size(), 1U);
  table.table().abandon(change);
  EXPECT_EQ(rows_of(*table.version()), before);
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
  // The rows given out for it are given out again.
  table.write({9}, {5});
  EXPECT_EQ(table.version()->row_count(), 4U);
  EXPECT_EQ(rows_of(*table.version()).at(9), 5.0F);
}

TEST(TableStore, AConflictNamesTheKeyAndChangesNothing) {
  TestTable table(1);
  table.write({1, 2}, {1, 2});
  const auto conflict = table.prepare({7, 2}, {7, 8}, {}, OnConflict::kFail);
  EXPECT_EQ(base::code_of(conflict), ErrorCode::kConflict);
  EXPECT_NE(base::message_of(conflict).find("key 2"), std::string::npos) << base::message_of(conflict);
  const auto twice = table.prepare({7, 8, 7}, {7, 8, 9}, {}, OnConflict::kFail);
  EXPECT_NE(base::message_of(twice).find("key 7 stands twice"), std::string::npos) << base::message_of(twice);
  EXPECT_EQ(table.version()->row_count(), 2U);
  table.write({7, 8}, {7, 8});
  EXPECT_EQ(rows_of(*table.version()), (std::map<int64_t, float>{{1, 1}, {2, 2}, {7, 7}, {8, 8}}));
}

TEST(TableStore, TheLastOfEqualKeysInABatchWins) {
  TestTable table(1);
  table.write({5, 5, 6, 5}, {1, 2, 3, 4});
  EXPECT_EQ(rows_of(*table.version()), (std::map<int64_t, float>{{5, 4}, {6, 3}}));
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(TableStore, TheFirstNullOfAColumnMayComeLate) {
  TestTable table(1);
  table.write({1, 2}, {1, 2});
  const auto before = table.version();
  table.write({3, 4}, {3, 4}, {0, 1});
  table.write({5}, {5});
  EXPECT_EQ(rows_of(*table.version()), (std::map<int64_t, float>{{1, 1}, {2, 2}, {3, -1}, {4, 4}, {5, 5}}));
  EXPECT_FALSE(before->columns[1].has_nulls());
  EXPECT_EQ(table.version()->vectors.front().searchable.live_count(), 4U);
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(TableStore, DamageOfWhatIsDerivedIsFound) {
  TestTable table(1);
  table.write({1, 2, 3}, {1, 2, 3});
  TableVersion damaged = *table.version();
  damaged.live.erase({1});
  EXPECT_EQ(base::code_of(table.table().check(damaged)), ErrorCode::kCorruption) << "a key leads to a dead row";
  damaged = *table.version();
  damaged.vectors.front().searchable.erase({1});
  EXPECT_EQ(base::code_of(table.table().check(damaged)), ErrorCode::kCorruption)
      << "a row can not be found by searching";
  damaged = *table.version();
  damaged.keys = KeyDirectory(KeyHash{damaged.key_column}, KeyEqual{damaged.key_column});
  EXPECT_EQ(base::code_of(table.table().check(damaged)), ErrorCode::kCorruption) << "keys are missing";
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

}  // namespace
}  // namespace omendb::table
