#include "engine/table/column_indexes.h"

#include "engine/base/test_result.h"
#include "engine/table/dead_rows.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace omendb::table {
namespace {

using base::must;

constexpr uint32_t kBlock = LiveBitmap::kRowsPerBlock;
constexpr uint64_t kPays = uint64_t{1} << 40;  // nanoseconds
const column::Source kKeys{0, column::ValueKind::kInt64};

// Keys from 0 on, so that the key of a row is its number.
class Keys {
 public:
  void append(uint32_t count) {
    table_.write(keys(next_, count), std::vector<float>(count));
    next_ += count;
  }
  void erase(uint32_t first, uint32_t count) { table_.erase(keys(first, count)); }
  std::shared_ptr<const TableVersion> version() const { return table_.version(); }
  ColumnIndexes& indexes() const { return *version()->indexes; }
  // How many blocks were made or dropped.
  int build() const {
    int count = 0;
    while (must(indexes().build_some(*version()))) ++count;
    return count;
  }
  // Which blocks a version may use.
  static std::vector<bool> usable(const TableVersion& version) {
    const column::Source sources[] = {kKeys};
    const auto views = version.indexes->views(version, sources);
    std::vector<bool> usable;
    for (const column::BlockIndex* block : views.front().blocks) usable.push_back(block != nullptr);
    return usable;
  }

 private:
  static std::vector<int64_t> keys(uint32_t first, uint32_t count) {
    std::vector<int64_t> keys(count);
    std::iota(keys.begin(), keys.end(), first);
    return keys;
  }

  TestTable table_{1};
  uint32_t next_ = 0;
};

using Blocks = std::vector<bool>;

TEST(ColumnIndexes, AreMadeOfFullBlocksOnceTheyPay) {
  Keys keys;
  keys.append(10);
  keys.indexes().add_read_cost(kKeys, kPays);
  EXPECT_EQ(keys.build(), 0);  // no block is full
  EXPECT_FALSE(keys.indexes().memory_bytes(0));
  keys.append(2 * kBlock);
  EXPECT_EQ(keys.build(), 2);
  EXPECT_EQ(Keys::usable(*keys.version()), (Blocks{true, true}));
  EXPECT_GT(*keys.indexes().memory_bytes(0), 2 * 3 * kBlock);
  EXPECT_LT(*keys.indexes().memory_bytes(0), 2 * 4 * kBlock);
  EXPECT_FALSE(keys.indexes().memory_bytes(1));
}

TEST(ColumnIndexes, WaitUntilReadingHasCostMoreThanMaking) {
  Keys keys;
  keys.append(kBlock);
  uint64_t cost = 0;
  while (keys.build() == 0 && cost < kPays) {
    keys.indexes().add_read_cost(kKeys, 1'000'000);
    cost += 1'000'000;
  }
  EXPECT_GE(cost, 4'000'000U);  // 2 ms of work
  EXPECT_LE(cost, 20'000'000U);
}

TEST(ColumnIndexes, GrowAsLongAsTheyAreAskedFor) {
  Keys keys;
  keys.append(kBlock);
  keys.indexes().add_read_cost(kKeys, kPays);
  EXPECT_EQ(keys.build(), 1);
  keys.append(2 * kBlock);
  EXPECT_EQ(keys.build(), 0);
  EXPECT_EQ(Keys::usable(*keys.version()), Blocks{true});
  EXPECT_EQ(keys.build(), 2);
  EXPECT_EQ(Keys::usable(*keys.version()), (Blocks{true, true, true}));
}

TEST(ColumnIndexes, OfABlockAreUsedByVersionsThatHaveAllOfIt) {
  Keys keys;
  keys.append(kBlock - 1);
  const auto before = keys.version();
  keys.append(1);
  keys.indexes().add_read_cost(kKeys, kPays);
  EXPECT_EQ(keys.build(), 1);
  EXPECT_EQ(Keys::usable(*before), Blocks{});
  EXPECT_EQ(Keys::usable(*keys.version()), Blocks{true});
}

// Bytes of a region without a row may be zeros, so nothing is looked for among them; the index is made anew of what lives, or goes.
TEST(ColumnIndexes, DoWithoutRegionsOfWhichNoRowLives) {
  constexpr uint32_t kRegion = DeadRows::kRowsPerRegion;
  Keys keys;
  keys.append(2 * kBlock);
  keys.indexes().add_read_cost(kKeys, kPays);
  EXPECT_EQ(keys.build(), 2);
  const auto before = keys.version();
  keys.erase(0, kRegion);
  EXPECT_EQ(Keys::usable(*keys.version()), (Blocks{false, true}));
  EXPECT_EQ(Keys::usable(*before), (Blocks{true, true}));
  EXPECT_EQ(keys.build(), 1);
  EXPECT_EQ(Keys::usable(*keys.version()), (Blocks{true, true}));
  keys.erase(kRegion, kRegion);
  EXPECT_EQ(keys.build(), 1);
  EXPECT_EQ(Keys::usable(*keys.version()), (Blocks{false, true}));
  EXPECT_EQ(keys.build(), 0);
  keys.erase(kBlock, kBlock);
  EXPECT_EQ(keys.build(), 1);
  EXPECT_EQ(Keys::usable(*keys.version()), (Blocks{false, false}));
}

TEST(ColumnIndexes, AreCountedOfAsManySourcesAsFit) {
  Keys keys;
  keys.append(kBlock);
  for (int i = 0; i < 1000; ++i) keys.indexes().add_read_cost({0, column::ValueKind::kJson, {std::to_string(i)}}, 1);
  keys.indexes().add_read_cost(kKeys, kPays);
  EXPECT_EQ(keys.build(), 1);
}

}  // namespace
}  // namespace omendb::table
