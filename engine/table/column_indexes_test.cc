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
  explicit Keys(IndexMode mode = IndexMode::kAuto) : table_({.dims = 1}, mode) {}
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

  TestTable table_;
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

TEST(ColumnIndexes, ThatTheSchemaAsksForAreMadeOfEveryFullBlock) {
  Keys keys(IndexMode::kAlways);
  keys.append(2 * kBlock + 5);
  const auto first = keys.version();
  EXPECT_EQ(first->indexes->state(*first, kKeys).why, IndexState::Why::kAsked);
  EXPECT_EQ(first->indexes->state(*first, kKeys).usable_blocks, 0U);
  EXPECT_EQ(keys.build(), 2);
  keys.append(kBlock);
  EXPECT_EQ(keys.build(), 1);  // although nobody has asked
  EXPECT_EQ(Keys::usable(*keys.version()), (Blocks{true, true, true}));
  EXPECT_TRUE(keys.indexes().earned().empty());
}

TEST(ColumnIndexes, ThatTheSchemaRefusesAreNeverMade) {
  Keys keys(IndexMode::kNever);
  keys.append(kBlock);
  keys.indexes().add_read_cost(kKeys, kPays);
  EXPECT_EQ(keys.build(), 0);
  EXPECT_EQ(Keys::usable(*keys.version()), Blocks{});
  EXPECT_EQ(keys.indexes().state(*keys.version(), kKeys).why, IndexState::Why::kNever);
}

TEST(ColumnIndexes, SayWhatThereIsAndWhatIsMissing) {
  using Why = IndexState::Why;
  Keys keys;
  keys.append(kBlock);
  const auto state = [&] { return keys.indexes().state(*keys.version(), kKeys); };
  EXPECT_EQ(state().why, Why::kNotYet);
  EXPECT_EQ(state().full_blocks, 1U);
  EXPECT_GT(state().pays_at, 0U);
  keys.indexes().add_read_cost(kKeys, state().pays_at - 1);
  EXPECT_EQ(state().read_cost, state().pays_at - 1);
  EXPECT_EQ(keys.build(), 0);
  EXPECT_TRUE(keys.indexes().figures().empty());
  keys.indexes().add_read_cost(kKeys, 1);
  EXPECT_EQ(keys.build(), 1);
  EXPECT_EQ(state().why, Why::kEarned);
  EXPECT_EQ(state().usable_blocks, 1U);
  ASSERT_EQ(keys.indexes().figures().size(), 1U);
  EXPECT_EQ(keys.indexes().figures()[0].source, kKeys);
  EXPECT_EQ(keys.indexes().figures()[0].block_count, 1U);
  EXPECT_EQ(keys.indexes().figures()[0].bytes, keys.indexes().memory_bytes());
}

// What was earned is made again without being asked for; what the schema says goes before what was remembered.
TEST(ColumnIndexes, ThatWereEarnedBeforeAreMadeAgain) {
  Keys keys;
  keys.append(2 * kBlock);
  EXPECT_TRUE(keys.indexes().earned().empty());
  keys.indexes().add_read_cost(kKeys, kPays);
  EXPECT_EQ(keys.build(), 2);
  const std::vector<column::Source> earned = keys.indexes().earned();
  EXPECT_EQ(earned, std::vector<column::Source>{kKeys});
  const Schema& schema = keys.version()->info->schema;
  ColumnIndexes again(schema, earned);
  EXPECT_EQ(again.earned(), earned);
  EXPECT_TRUE(must(again.build_some(*keys.version())));
  EXPECT_TRUE(must(again.build_some(*keys.version())));
  EXPECT_FALSE(must(again.build_some(*keys.version())));
  EXPECT_EQ(again.memory_bytes(), keys.indexes().memory_bytes());
  Schema refusing = schema;
  refusing.columns[0].index.mode = IndexMode::kNever;
  EXPECT_TRUE(ColumnIndexes(refusing, earned).earned().empty());
}

TEST(ColumnIndexes, OfMembersAreNamedByPaths) {
  using column::ValueKind;
  const auto is = [](ValueKind kind, std::vector<column::Member> path) {
    return std::optional(column::Source{3, kind, std::move(path)});
  };
  EXPECT_EQ(member_source(3, "a"), is(ValueKind::kJson, {std::string("a")}));
  EXPECT_EQ(member_source(3, "a b.c"), is(ValueKind::kJson, {std::string("a b"), std::string("c")}));
  EXPECT_EQ(member_source(3, "a.0::int8"), is(ValueKind::kJsonInt64, {std::string("a"), std::string("0")}));
  EXPECT_EQ(member_source(3, "a::int8::float8"), is(ValueKind::kJsonFloat64, {std::string("a::int8")}));
  EXPECT_EQ(member_source(3, "a::float8::int8"), is(ValueKind::kJsonInt64, {std::string("a::float8")}));
  for (const char* wrong : {"", ".", "a.", ".a", "a..b", "::int8"})
    EXPECT_EQ(member_source(3, wrong), std::nullopt) << wrong;
}

TEST(ColumnIndexes, AreRememberedByTheRootIfTheirNamesAreShort) {
  Keys keys;
  const Schema schema = {{{.name = "id", .primary_key = true}, {.name = "extra", .type = Type::kJson}}};
  const column::Source small{1, column::ValueKind::kJson, {std::string(1024, 'a')}};
  const column::Source large{1, column::ValueKind::kJson, {std::string(1024, 'b'), std::string("c")}};
  const column::Source sources[] = {large, small};
  EXPECT_EQ(ColumnIndexes(schema, sources).earned(), std::vector<column::Source>{small});
}

// Several tables share the room; of each the key column has an index.
class Shared {
 public:
  static constexpr uint64_t kBlockBytes = 3 * kBlock;  // at least; an index of 1 block takes less than twice as much

  Keys& add(IndexMode mode = IndexMode::kAuto) {
    Keys& keys = *tables_.emplace_back(std::make_unique<Keys>(mode));
    keys.append(4 * kBlock);
    indexes_.push_back(keys.version()->indexes);
    return keys;
  }
  // How many blocks of the table were made.
  int build(const Keys& keys, uint64_t bytes_max) const {
    int count = 0;
    while (must(keys.indexes().build_some(*keys.version(), {indexes_, bytes_max}))) ++count;
    return count;
  }
  uint64_t bytes() const {
    uint64_t bytes = 0;
    for (const auto& indexes : indexes_) bytes += indexes->memory_bytes();
    return bytes;
  }

 private:
  std::vector<std::unique_ptr<Keys>> tables_;
  std::vector<std::shared_ptr<ColumnIndexes>> indexes_;
};

void earn(const Keys& keys) {
  Keys::usable(*keys.version());  // asks
  keys.indexes().add_read_cost(kKeys, kPays);
}
size_t usable_blocks(const Keys& keys) { return keys.indexes().state(*keys.version(), kKeys).usable_blocks; }

TEST(ColumnIndexes, GiveWayWhereOthersWereAskedForSince) {
  Shared shared;
  Keys& a = shared.add();
  Keys& b = shared.add();
  Keys& c = shared.add();
  const uint64_t room = 9 * Shared::kBlockBytes;  // two whole indexes and not a third
  earn(a);
  EXPECT_EQ(shared.build(a, room), 4);
  earn(b);
  EXPECT_EQ(shared.build(b, room), 4);
  Keys::usable(*a.version());  // so b was asked longest ago
  earn(c);
  Keys::usable(*c.version());
  EXPECT_EQ(shared.build(c, room), 4);
  EXPECT_EQ(usable_blocks(a), 4U);
  EXPECT_EQ(usable_blocks(b), 0U);
  EXPECT_EQ(usable_blocks(c), 4U);
  EXPECT_EQ(b.indexes().state(*b.version(), kKeys).why, IndexState::Why::kNotYet);  // it has to pay once more
  EXPECT_TRUE(b.indexes().earned().empty());
  EXPECT_LE(shared.bytes(), room + 2 * Shared::kBlockBytes);
}

TEST(ColumnIndexes, ThatWereAskedForLeastGetNoRoom) {
  Shared shared;
  Keys& a = shared.add();
  Keys& b = shared.add();
  earn(b);
  earn(a);
  EXPECT_EQ(shared.build(a, 4 * Shared::kBlockBytes), 4);
  EXPECT_EQ(shared.build(b, 4 * Shared::kBlockBytes), 0);
  EXPECT_EQ(b.indexes().state(*b.version(), kKeys).why, IndexState::Why::kNoRoom);
  EXPECT_EQ(usable_blocks(a), 4U);
  EXPECT_TRUE(b.indexes().earned().empty());
  EXPECT_EQ(shared.build(b, UINT64_MAX), 4);  // as soon as there is room
  EXPECT_EQ(b.indexes().state(*b.version(), kKeys).why, IndexState::Why::kEarned);
  EXPECT_EQ(shared.build(a, 0), 0);
  Keys& none = shared.add();
  earn(none);
  EXPECT_EQ(shared.build(none, 0), 0);  // the others went, and there is no room yet
  EXPECT_EQ(shared.bytes(), 0U);
}

TEST(ColumnIndexes, ThatTheSchemaAsksForStayWhateverTheyTake) {
  Shared shared;
  Keys& asked = shared.add(IndexMode::kAlways);
  Keys& earned = shared.add();
  EXPECT_EQ(shared.build(asked, 0), 4);
  earn(earned);
  EXPECT_EQ(shared.build(earned, Shared::kBlockBytes), 0);
  EXPECT_EQ(shared.build(earned, UINT64_MAX), 4);
  asked.append(kBlock);
  EXPECT_EQ(shared.build(asked, Shared::kBlockBytes), 1);  // for which the other one goes
  EXPECT_EQ(usable_blocks(asked), 5U);
  EXPECT_EQ(usable_blocks(earned), 0U);
}

}  // namespace
}  // namespace omendb::table
