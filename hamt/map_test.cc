#include <hamt/map.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::DeepHash;
using testing::FewBitsHash;
using testing::IdentityHash;

using Numbers = map<uint64_t, uint64_t>;
using Strings = map<std::string, std::string>;

static_assert(std::forward_iterator<Numbers::const_iterator>);
static_assert(std::is_nothrow_move_constructible_v<Numbers> && std::is_nothrow_move_assignable_v<Numbers>);
static_assert(!std::is_copy_constructible_v<Numbers::transient_type>);

Numbers numbers_up_to(uint64_t count) {
  Numbers::transient_type draft = Numbers().transient();
  for (uint64_t key = 0; key < count; ++key) draft.insert(key, key * 10);
  return std::move(draft).persistent();
}

TEST(Map, IsEmptyAndAllocatesNothingAtFirst) {
  const Numbers empty;
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_EQ(empty.find(1), nullptr);
  EXPECT_EQ(empty.begin(), empty.end());
  EXPECT_EQ(empty.memory_reserved(), 0u);
  EXPECT_EQ(empty.validate(), "");
  EXPECT_EQ(empty.erase(1).size(), 0u);
}

TEST(Map, LeavesEveryOlderVersionAsItWas) {
  const Numbers one = Numbers().set(1, 10);
  const Numbers two = one.set(2, 20);
  const Numbers changed = two.set(1, 11);
  const Numbers erased = two.erase(1);
  EXPECT_EQ(one.size(), 1u);
  EXPECT_FALSE(one.contains(2));
  EXPECT_EQ(two.at(1), 10u);
  EXPECT_EQ(changed.at(1), 11u);
  EXPECT_EQ(changed.size(), 2u);
  EXPECT_FALSE(erased.contains(1));
  EXPECT_EQ(erased.at(2), 20u);
}

TEST(Map, InsertKeepsTheValueOfAKeyThatIsThere) {
  const Numbers before{{1, 10}, {2, 20}};
  const Numbers after = before.insert(1, 99).insert(3, 30);
  EXPECT_EQ(after.at(1), 10u);
  EXPECT_EQ(after.at(3), 30u);
  EXPECT_TRUE(before.insert(2, 99).identical(before));
}

TEST(Map, TakesTheLastOfEqualKeysFromAnInitializerList) {
  const Numbers numbers{{1, 10}, {2, 20}, {1, 11}};
  EXPECT_EQ(numbers.size(), 2u);
  EXPECT_EQ(numbers.at(1), 11u);
}

TEST(Map, UpdateGivesTheFunctionTheValueOrADefaultOne) {
  const auto add_one = [](uint64_t value) { return value + 1; };
  const Numbers before{{1, 10}};
  EXPECT_EQ(before.update(1, add_one).at(1), 11u);
  EXPECT_EQ(before.update(2, add_one).at(2), 1u);
  EXPECT_EQ(before.update_if_exists(1, add_one).at(1), 11u);
  EXPECT_TRUE(before.update_if_exists(2, add_one).identical(before));
  EXPECT_EQ(before.at(1), 10u);
}

TEST(Map, AtThrowsForAMissingKey) {
  EXPECT_THROW(static_cast<void>(Numbers{{1, 10}}.at(2)), std::out_of_range);
  EXPECT_EQ(Numbers({{1, 10}}).count(1), 1u);
  EXPECT_EQ(Numbers({{1, 10}}).count(2), 0u);
}

TEST(Map, FindsStringKeysByViewsAndLiterals) {
  const Strings strings =
      Strings().set("apple", "red").set("a key too long to lie within the string object itself", "long");
  const std::string_view apple = "apple";
  EXPECT_EQ(strings.at(apple), "red");
  EXPECT_EQ(strings.at("apple"), "red");
  EXPECT_TRUE(strings.contains(std::string_view("a key too long to lie within the string object itself")));
  EXPECT_FALSE(strings.erase(apple).contains("apple"));
  EXPECT_FALSE(strings.contains("appl"));
  Strings::transient_type draft = strings.transient();
  EXPECT_TRUE(draft.erase(apple));
  EXPECT_FALSE(draft.erase(apple));
}

TEST(Map, HashesStringsOfEveryLengthByAllTheirBytes) {
  const hash<std::string> hasher;
  std::map<uint64_t, std::string> seen;
  for (size_t length = 0; length <= 70; ++length) {
    std::string text(length, 'x');
    ASSERT_TRUE(seen.emplace(hasher(text), text).second) << text;
    for (size_t at = 0; at < length; ++at) {
      text[at] = 'y';
      ASSERT_TRUE(seen.emplace(hasher(text), text).second) << text;
      text[at] = 'x';
    }
  }
  EXPECT_NE(hash<std::string>(1)("key"), hash<std::string>(2)("key"));
}

TEST(Map, HashesTextsWithOneSeedInAProcessUnlessItIsGivenOne) {
  EXPECT_NE(hash<std::string>().seed, 0u);
  EXPECT_EQ(hash<std::string>()("key"), hash<std::string_view>()("key"));
  const map<std::string, int> seeded(hash<std::string>(5));
  EXPECT_EQ(seeded.set("key", 1).hash_function().seed, 5u);
  EXPECT_EQ(seeded.set("key", 1), (map<std::string, int>{{"key", 1}}));
}

TEST(Map, AcceptsAStandardHash) {
  using Standard = map<uint64_t, uint64_t, std::hash<uint64_t>>;
  Standard::transient_type draft = Standard().transient();
  for (uint64_t key = 0; key < 5000; ++key) ASSERT_TRUE(draft.insert(key << 32, key));
  const Standard numbers = std::move(draft).persistent();
  EXPECT_EQ(numbers.validate(), "");
  for (uint64_t key = 0; key < 5000; ++key) ASSERT_EQ(numbers.at(key << 32), key);
}

TEST(Map, IteratesOverEveryEntryOnce) {
  for (const uint64_t count : {1u, 2u, 31u, 32u, 33u, 1000u, 20000u}) {
    const Numbers numbers = numbers_up_to(count);
    std::vector<uint32_t> seen(count, 0);
    for (const auto& [key, value] : numbers) {
      ASSERT_LT(key, count);
      ASSERT_EQ(value, key * 10);
      ++seen[key];
    }
    EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0u), count);
    EXPECT_EQ(*std::max_element(seen.begin(), seen.end()), 1u);
    EXPECT_EQ(static_cast<uint64_t>(std::distance(numbers.begin(), numbers.end())), count);
    uint64_t visited = 0;
    numbers.for_each([&](const Numbers::value_type&) { ++visited; });
    EXPECT_EQ(visited, count);
  }
}

TEST(Map, IteratorsArePassedTwiceOverTheSameEntries) {
  const Numbers numbers = numbers_up_to(100);
  auto first = numbers.begin();
  auto second = first++;
  EXPECT_EQ(second, numbers.begin());
  EXPECT_NE(first, second);
  EXPECT_EQ(std::next(second)->key, first->key);
}

struct LastBitHash {
  using is_avalanching = void;
  uint64_t operator()(uint64_t key) const { return key == 2 ? 1 : 0; }
};

// Two equal hashes, one that parts from them in the last bit: the deepest table, and a bucket below it.
TEST(Map, ReachesTheDeepestLevel) {
  using Deep = map<uint64_t, uint64_t, LastBitHash>;
  Deep numbers;
  for (const std::vector<uint64_t>& order : {std::vector<uint64_t>{0, 1, 2}, {0, 2, 1}, {2, 1, 0}}) {
    Deep built;
    for (const uint64_t key : order) built = std::move(built).set(key, key);
    ASSERT_EQ(built.validate(), "");
    EXPECT_EQ(std::distance(built.begin(), built.end()), 3);
    for (const uint64_t key : order) EXPECT_EQ(built.at(key), key);
    EXPECT_EQ(built.erase(0).validate(), "");
    EXPECT_EQ(built.erase(2).validate(), "");
    EXPECT_EQ(built.erase(2).erase(1).validate(), "");
    EXPECT_EQ(built.size(), 3u);
    numbers = built;
  }
  EXPECT_TRUE(numbers.contains(2));
}

TEST(Map, ComparesByContentWhateverTheHistory) {
  const Numbers first = numbers_up_to(500);
  Numbers other_way = first;
  for (uint64_t key = 500; key < 900; ++key) other_way = other_way.set(key, 0);
  for (uint64_t key = 900; key-- > 500;) other_way = other_way.erase(key);
  EXPECT_FALSE(first.identical(other_way));
  EXPECT_EQ(first, other_way);           // one family: table by table
  EXPECT_EQ(first, numbers_up_to(500));  // two families: by lookup
  EXPECT_NE(first, first.set(3, 1));
  EXPECT_NE(first, numbers_up_to(500).set(3, 1));
  EXPECT_NE(first, first.erase(3));
  EXPECT_NE(first, first.erase(3).set(1000, 30));
  EXPECT_NE(first, numbers_up_to(500).erase(3).set(1000, 30));
}

TEST(Map, KeepsEntriesOfEverySizeAndAlignment) {
  struct Wide {
    alignas(16) uint64_t numbers[6];
  };
  struct Small {
    uint8_t byte;
    bool operator==(const Small&) const = default;
  };
  map<uint64_t, Wide> wide;
  map<uint8_t, Small> small;
  map<uint32_t, std::shared_ptr<int>> shared;
  const auto value = std::make_shared<int>(7);
  for (uint32_t key = 0; key < 200; ++key) {
    wide = std::move(wide).set(key, Wide{{key, 1, 2, 3, key, 5}});
    small = std::move(small).set(static_cast<uint8_t>(key), Small{static_cast<uint8_t>(key + 1)});
    shared = std::move(shared).set(key, value);
  }
  for (uint32_t key = 0; key < 200; ++key) {
    const Wide* const found = wide.find(key);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(found) % 16, 0u);
    EXPECT_EQ(found->numbers[4], key);
    EXPECT_EQ(small.at(static_cast<uint8_t>(key)).byte, static_cast<uint8_t>(key + 1));
  }
  EXPECT_EQ(value.use_count(), 201);
  EXPECT_EQ(wide.validate() + small.validate() + shared.validate(), "");
  shared = {};
  EXPECT_EQ(value.use_count(), 1);
}

// Large enough for the lanes (trie.h), with keys that are missing, and hashes that meet in buckets.
template <typename Map, typename MakeKey>
void find_batches(MakeKey make_key) {
  auto draft = Map().transient();
  for (uint64_t number = 0; number < 70'000; ++number) draft.insert(make_key(3 * number), number);
  const Map map = std::move(draft).persistent();
  for (const size_t count : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{1000}}) {
    SCOPED_TRACE(count);
    std::vector<typename Map::key_type> keys;
    for (uint64_t number = 0; number < count; ++number) keys.push_back(make_key(number * 7919 % 210'000));
    std::vector<const uint64_t*> found(count);
    map.find_batch(keys, found);
    for (size_t index = 0; index < count; ++index) ASSERT_EQ(found[index], map.find(keys[index])) << index;
  }
}

TEST(Map, FindsManyKeysInOneCall) {
  const auto number = [](uint64_t n) { return n; };
  find_batches<Numbers>(number);
  find_batches<map<uint64_t, uint64_t, FewBitsHash<12>>>(number);
  find_batches<map<uint64_t, uint64_t, DeepHash<16>>>(number);
  find_batches<map<std::string, uint64_t>>([](uint64_t n) { return "key " + std::to_string(n); });
}

TEST(Map, TellsWhatItLooksLikeInside) {
  EXPECT_EQ(Numbers().structure().tables, 0u);
  const structure_info one = Numbers().set(1, 1).structure();
  EXPECT_EQ(one.tables, 1u);
  EXPECT_EQ(one.depth_max, 1u);
  EXPECT_EQ(one.bitmap_utilisation, 1.0 / 32);

  map<uint64_t, uint64_t, FewBitsHash<0>> equal_hashes;
  for (uint64_t key = 0; key < 5; ++key) equal_hashes = equal_hashes.set(key, key);
  const structure_info bucket = equal_hashes.structure();
  EXPECT_EQ(bucket.buckets, 1u);
  EXPECT_EQ(bucket.lists, 0u);
  EXPECT_EQ(bucket.collisions, 5u);
  EXPECT_EQ(bucket.depth_average, 2.0);  // the root, and the bucket below it

  const Numbers many = numbers_up_to(32'768);
  const structure_info info = many.structure();
  EXPECT_EQ(info.lists, 0u);
  EXPECT_GT(info.buckets,
            1000u);  // two levels of tables, 32 entries in a bucket, or a few more levels where they are many
  EXPECT_GE(info.depth_average, 3.0);
  EXPECT_LT(info.depth_average, 3.2);
  EXPECT_GE(static_cast<double>(info.depth_max), info.depth_average);
  EXPECT_EQ(info.bytes_per_entry, static_cast<double>(many.memory_usage()) / 32'768);
}

TEST(Transient, ChangesTheDraftAndNotTheMap) {
  const Numbers before = numbers_up_to(1000);
  Numbers::transient_type draft = before.transient();
  for (uint64_t key = 0; key < 1000; key += 2) EXPECT_TRUE(draft.erase(key));
  EXPECT_FALSE(draft.erase(0));
  EXPECT_FALSE(draft.insert(1, 5));
  EXPECT_TRUE(draft.insert(5000, 5));
  EXPECT_FALSE(draft.insert_or_assign(3, 7));
  draft.set(6000, 6);
  draft.update(6000, [](uint64_t value) { return value + 1; });
  EXPECT_EQ(draft.size(), 502u);
  EXPECT_EQ(*draft.find(6000), 7u);
  const Numbers after = std::move(draft).persistent();
  EXPECT_EQ(after.validate(), "");
  EXPECT_EQ(after.at(3), 7u);
  EXPECT_FALSE(after.contains(0));
  EXPECT_EQ(before, numbers_up_to(1000));
  EXPECT_EQ(before.validate(), "");
}

TEST(Transient, DroppedLeavesTheMapAsItWas) {
  const Numbers before = numbers_up_to(1000);
  {
    Numbers::transient_type draft = before.transient();
    for (uint64_t key = 0; key < 2000; ++key) draft.set(key, 1);
    for (uint64_t key = 0; key < 900; ++key) draft.erase(key);
  }
  EXPECT_EQ(before.validate(), "");
  EXPECT_EQ(before, numbers_up_to(1000));
}

TEST(Transient, OfAnUnsharedMapChangesInPlace) {
  Numbers numbers = numbers_up_to(1000);
  const uint64_t* const value = numbers.find(17);
  Numbers::transient_type draft = std::move(numbers).transient();
  draft.set(17, 1);
  numbers = std::move(draft).persistent();
  EXPECT_EQ(numbers.find(17), value);
  numbers = std::move(numbers).set(17, 2);
  EXPECT_EQ(numbers.find(17), value);
  const Numbers snapshot = numbers;
  numbers = std::move(numbers).set(17, 3);
  EXPECT_NE(numbers.find(17), value);
  EXPECT_EQ(snapshot.at(17), 2u);
}

TEST(Transient, LeavesAMovedFromMapEmptyAndUsable) {
  Numbers numbers = numbers_up_to(10);
  Numbers::transient_type draft = std::move(numbers).transient();
  numbers = Numbers();
  numbers = numbers.set(1, 1);
  EXPECT_EQ(numbers.size(), 1u);
  EXPECT_EQ(std::move(draft).persistent().size(), 10u);
}

struct Recorder {
  std::map<uint64_t, uint64_t> added, removed;
  std::map<uint64_t, std::pair<uint64_t, uint64_t>> changed;
  template <typename Entry>
  void add_to(std::map<uint64_t, uint64_t>& list, const Entry& entry) {
    EXPECT_TRUE(list.emplace(entry.key, entry.value).second) << entry.key;
  }
};

template <typename Map>
struct DiffVisitor {
  Recorder& record;
  void added(const typename Map::value_type& entry) { record.add_to(record.added, entry); }
  void removed(const typename Map::value_type& entry) { record.add_to(record.removed, entry); }
  void changed(const typename Map::value_type& before, const typename Map::value_type& after) {
    EXPECT_EQ(before.key, after.key);
    EXPECT_TRUE(record.changed.emplace(before.key, std::pair(before.value, after.value)).second);
  }
};

template <typename Map>
void expect_diff_agrees_with_lookups(const Map& before, const Map& after) {
  Recorder record;
  diff(before, after, DiffVisitor<Map>{record});
  size_t removed = 0, added = 0, changed = 0;
  for (const auto& [key, value] : before) {
    const uint64_t* const now = after.find(key);
    if (now == nullptr) {
      ++removed;
      EXPECT_EQ(record.removed.count(key), 1u);
    } else if (*now != value) {
      ++changed;
      EXPECT_EQ(record.changed.at(key), std::pair(value, *now));
    }
  }
  for (const auto& [key, value] : after) added += before.contains(key) ? 0 : record.added.count(key);
  EXPECT_EQ(record.removed.size(), removed);
  EXPECT_EQ(record.changed.size(), changed);
  EXPECT_EQ(record.added.size(), added);
  EXPECT_EQ(before.size() + added, after.size() + removed);
}

template <typename Map>
class MapDiff : public ::testing::Test {};
using DiffMaps = ::testing::Types<map<uint64_t, uint64_t>, map<uint64_t, uint64_t, FewBitsHash<0>>,
                                  map<uint64_t, uint64_t, FewBitsHash<4>>, map<uint64_t, uint64_t, DeepHash<6>>,
                                  map<uint64_t, uint64_t, IdentityHash>>;
TYPED_TEST_SUITE(MapDiff, DiffMaps);

TYPED_TEST(MapDiff, ReportsWhatLookupsReport) {
  for (uint64_t seed = 0; seed < testing::scaled(60); ++seed) {
    SCOPED_TRACE(seed);
    testing::Random random(seed);
    TypeParam before, stranger;
    const uint64_t keys = 1 + testing::below(random, 120);
    for (uint64_t step = 0; step < keys; ++step)
      before = std::move(before).set(testing::below(random, 150), testing::below(random, 3));
    TypeParam after = before;
    for (uint64_t step = testing::below(random, 60); step > 0; --step) {
      const uint64_t key = testing::below(random, 150);
      after = testing::below(random, 2) == 0 ? after.erase(key) : after.set(key, testing::below(random, 3));
    }
    for (const auto& [key, value] : after) stranger = std::move(stranger).set(key, value);
    expect_diff_agrees_with_lookups(before, after);
    expect_diff_agrees_with_lookups(after, before);
    expect_diff_agrees_with_lookups(before, stranger);
    expect_diff_agrees_with_lookups(TypeParam(), after);
    Recorder none;
    diff(after, stranger, DiffVisitor<TypeParam>{none});
    EXPECT_TRUE(none.added.empty() && none.removed.empty() && none.changed.empty());
    EXPECT_EQ(after, stranger);
  }
}

TEST(MapDiffOfOneFamily, SkipsWhatTwoVersionsShare) {
  struct CountingEqual {
    size_t* comparisons;
    bool operator()(uint64_t a, uint64_t b) const {
      ++*comparisons;
      return a == b;
    }
  };
  size_t comparisons = 0;
  using Counted = map<uint64_t, uint64_t, hash<uint64_t>, CountingEqual>;
  Counted before(hash<uint64_t>(), CountingEqual{&comparisons});
  for (uint64_t key = 0; key < 20000; ++key) before = std::move(before).set(key, key);
  const Counted after = before.set(77, 1);
  comparisons = 0;
  Recorder record;
  diff(before, after, DiffVisitor<Counted>{record});
  EXPECT_EQ(record.changed.size(), 1u);
  EXPECT_LT(comparisons, 200u);
}

}  // namespace
}  // namespace hamt
