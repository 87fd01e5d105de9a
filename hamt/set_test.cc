#include <hamt/set.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hamt {
namespace {

// A row whose key lies in a column, as a database keeps its key directory.
struct RowSlot {
  uint32_t row;
  uint32_t hash_high;
};
struct KeyView {
  std::string_view key;
  uint64_t hash;
};

struct Column {
  std::vector<std::string> keys;
  size_t keys_read = 0;
};

struct RowHash {
  using is_transparent = void;
  using is_avalanching = void;
  Column* column;
  uint64_t operator()(const KeyView& view) const { return view.hash; }
  uint64_t operator()(const RowSlot& slot) const {
    ++column->keys_read;
    return hash<std::string>()(column->keys[slot.row]);
  }
};
struct PrefixRowHash : RowHash {
  uint32_t prefix(const RowSlot& slot) const { return slot.hash_high; }
};
struct RowEqual {
  using is_transparent = void;
  Column* column;
  bool operator()(const RowSlot& slot, const KeyView& view) const {
    if (slot.hash_high != static_cast<uint32_t>(view.hash >> 32)) return false;
    ++column->keys_read;
    return column->keys[slot.row] == view.key;
  }
  bool operator()(const RowSlot& a, const RowSlot& b) const {
    if (a.hash_high != b.hash_high) return false;
    column->keys_read += 2;
    return column->keys[a.row] == column->keys[b.row];
  }
};

KeyView view_of(std::string_view key) { return {key, hash<std::string>()(key)}; }

template <typename Hash>
class KeyDirectory : public ::testing::Test {
 protected:
  using Directory = set<RowSlot, Hash, RowEqual>;
  Directory empty_directory() { return Directory(hasher(), RowEqual{&column_}); }
  Hash hasher() {
    Hash hash;
    hash.column = &column_;
    return hash;
  }
  RowSlot append(const std::string& key) {
    column_.keys.push_back(key);
    return {static_cast<uint32_t>(column_.keys.size() - 1), static_cast<uint32_t>(view_of(key).hash >> 32)};
  }
  Column column_;
};
using RowHashes = ::testing::Types<RowHash, PrefixRowHash>;
TYPED_TEST_SUITE(KeyDirectory, RowHashes);

TYPED_TEST(KeyDirectory, FindsRowsByKeysThatLieElsewhere) {
  auto draft = this->empty_directory().transient();
  for (uint32_t row = 0; row < 5000; ++row) ASSERT_TRUE(draft.insert(this->append("key-" + std::to_string(row))));
  const auto directory = std::move(draft).persistent();
  EXPECT_EQ(directory.validate(), "");
  EXPECT_EQ(directory.size(), 5000u);
  for (uint32_t row = 0; row < 5000; ++row) {
    const std::string key = "key-" + std::to_string(row);
    const RowSlot* const found = directory.find(view_of(key));
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(found->row, row);
  }
  EXPECT_FALSE(directory.contains(view_of("key-5000")));
}

TYPED_TEST(KeyDirectory, ReplacesTheRowOfAKeyAndErasesByKey) {
  const auto before = this->empty_directory().insert(this->append("one")).insert(this->append("two"));
  const RowSlot newer = this->append("one");
  auto draft = before.transient();
  EXPECT_FALSE(draft.insert(newer));
  EXPECT_EQ(draft.find(view_of("one"))->row, 0u);
  EXPECT_FALSE(draft.insert_or_assign(newer));
  EXPECT_EQ(draft.find(view_of("one"))->row, newer.row);
  EXPECT_TRUE(draft.erase(view_of("two")));
  EXPECT_FALSE(draft.erase(view_of("two")));
  const auto after = std::move(draft).persistent();
  EXPECT_EQ(after.size(), 1u);
  EXPECT_EQ(before.find(view_of("one"))->row, 0u);
  EXPECT_EQ(before.find(view_of("two"))->row, 1u);
  EXPECT_EQ(after.erase(view_of("one")).size(), 0u);
  EXPECT_TRUE(before.erase(view_of("three")).identical(before));
}

TYPED_TEST(KeyDirectory, ReportsAReplacedRowAsChanged) {
  struct Visitor {
    std::vector<uint32_t> added_rows, removed_rows;
    std::vector<std::pair<uint32_t, uint32_t>> changed_rows;
    void added(const RowSlot& slot) { added_rows.push_back(slot.row); }
    void removed(const RowSlot& slot) { removed_rows.push_back(slot.row); }
    void changed(const RowSlot& before, const RowSlot& after) { changed_rows.emplace_back(before.row, after.row); }
  } visitor;
  const auto before = this->empty_directory().insert(this->append("one")).insert(this->append("two"));
  const auto after = before.insert_or_assign(this->append("one")).erase(view_of("two")).insert(this->append("three"));
  diff(before, after, visitor);
  EXPECT_EQ(visitor.changed_rows, (std::vector<std::pair<uint32_t, uint32_t>>{{0, 2}}));
  EXPECT_EQ(visitor.removed_rows, std::vector<uint32_t>{1});
  EXPECT_EQ(visitor.added_rows, std::vector<uint32_t>{3});
}

TYPED_TEST(KeyDirectory, AgreesWithAModelUnderRandomTransactions) {
  for (uint64_t seed = 0; seed < testing::scaled(20); ++seed) {
    SCOPED_TRACE(seed);
    testing::Random random(seed);
    this->column_ = {};
    auto directory = this->empty_directory();
    std::unordered_map<std::string, uint32_t> model;
    for (int transaction = 0; transaction < 20; ++transaction) {
      auto draft = directory.transient();
      auto draft_model = model;
      for (uint64_t step = testing::below(random, 40); step > 0; --step) {
        const std::string key = std::to_string(testing::below(random, 200));
        if (testing::below(random, 3) == 0) {
          ASSERT_EQ(draft.erase(view_of(key)), draft_model.erase(key) == 1);
        } else {
          const RowSlot slot = this->append(key);
          ASSERT_EQ(draft.insert_or_assign(slot), draft_model.insert_or_assign(key, slot.row).second);
        }
      }
      if (testing::below(random, 4) == 0) continue;  // rolled back
      directory = std::move(draft).persistent();
      model = std::move(draft_model);
      ASSERT_EQ(directory.validate(), "");
      ASSERT_EQ(directory.size(), model.size());
      for (const auto& [key, row] : model) ASSERT_EQ(directory.find(view_of(key))->row, row);
    }
  }
}

TEST(KeyDirectoryWithPrefix, SplitsTablesWithoutReadingKeys) {
  Column column;
  PrefixRowHash hasher;
  hasher.column = &column;
  auto draft = set<RowSlot, PrefixRowHash, RowEqual>(hasher, RowEqual{&column}).transient();
  for (uint32_t row = 0; row < 20000; ++row) {
    column.keys.push_back(std::to_string(row));
    ASSERT_TRUE(draft.insert({row, static_cast<uint32_t>(view_of(column.keys[row]).hash >> 32)}));
  }
  // One read per insert hashes the new entry; a few more where two hashes share thirty bits or more.
  EXPECT_LT(column.keys_read, 20100u);
}

struct PrefixedIdentity {
  using is_avalanching = void;
  uint64_t operator()(uint64_t key) const { return key; }
  uint32_t prefix(uint64_t key) const { return static_cast<uint32_t>(key >> 32); }
};

// Six tables take 30 bits; the seventh takes the last two of the prefix and three that only the whole hash has.
TEST(SetWithPrefix, SplitsWhereThePrefixEnds) {
  testing::Random random(1);
  set<uint64_t, PrefixedIdentity> numbers;
  std::vector<uint64_t> keys;
  for (int step = 0; step < 2000; ++step) keys.push_back(random() >> (26 + step % 12));
  for (const uint64_t key : keys) numbers = std::move(numbers).insert(key);
  EXPECT_EQ(numbers.validate(), "");
  for (const uint64_t key : keys) ASSERT_TRUE(numbers.contains(key));
  for (const uint64_t key : keys) numbers = std::move(numbers).erase(key);
  EXPECT_TRUE(numbers.empty());
}

TEST(Set, HoldsStringsAndFindsThemByView) {
  const set<std::string> words{"one", "two", "one"};
  EXPECT_EQ(words.size(), 2u);
  EXPECT_TRUE(words.contains("two"));
  EXPECT_TRUE(words.contains(std::string_view("one")));
  EXPECT_EQ(words.count("three"), 0u);
  const set<std::string> fewer = words.erase("one");
  EXPECT_EQ(*fewer.begin(), "two");
  EXPECT_EQ(std::next(fewer.begin()), fewer.end());
  EXPECT_EQ(fewer.insert("one"), words);
  EXPECT_NE(fewer, words);
}

TEST(Set, KeepsItsHashAndEqualityThroughMovesAndCopies) {
  const set<std::string> seeded(hash<std::string>(42));
  EXPECT_EQ(seeded.insert("x").erase("x").hash_function().seed, 42u);
  set<std::string> moved = seeded;
  const set<std::string> target = std::move(moved);
  moved = seeded.insert("y");
  EXPECT_EQ(moved.hash_function().seed, 42u);
  EXPECT_EQ(target.hash_function().seed, 42u);
  EXPECT_EQ(moved.validate(), "");
}

TEST(Set, TwoSeedsGiveTwoOrdersAndOneContent) {
  set<uint64_t> first(hash<uint64_t>(1));
  set<uint64_t> second(hash<uint64_t>(2));
  for (uint64_t key = 0; key < 100; ++key) {
    first = first.insert(key);
    second = second.insert(key);
  }
  EXPECT_EQ(first, second);
  EXPECT_NE(std::vector<uint64_t>(first.begin(), first.end()), std::vector<uint64_t>(second.begin(), second.end()));
}

}  // namespace
}  // namespace hamt
