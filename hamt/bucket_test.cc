// Buckets: when they come and go, and that every place in them is a good one.

#include <hamt/map.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::differences;
using testing::EntryCount;
using testing::FewBitsHash;
using testing::IdentityHash;
using testing::Random;
using testing::scaled;

constexpr uint64_t kFull = 47;  // entries of 16 bytes
constexpr uint64_t kLeft = 31;  // a table of no more becomes a bucket again

// The nth key below the root's first position: level by level from the second on, one digit of five bits each.
uint64_t key_in_first_position(uint64_t nth) { return (nth % 32) << 54 | nth / 32 << 49; }

template <typename Map>
void expect_shape(const Map& map, size_t tables, size_t buckets, size_t lists) {
  const structure_info info = map.structure();
  EXPECT_EQ(info.tables, tables);
  EXPECT_EQ(info.buckets, buckets);
  EXPECT_EQ(info.lists, lists);
  EXPECT_EQ(map.validate(), "");
}

TEST(NthOne, AgreesWithALoop) {  // both ways of it
  Random random(1);
  for (int round = 0; round < 1000; ++round) {
    const uint64_t word = random() & random();
    uint32_t nth = 0;
    for (uint64_t left = word; left != 0; left &= left - 1, ++nth) {
      ASSERT_EQ(detail::nth_one(word, nth), left & (~left + 1)) << word;
      ASSERT_EQ(detail::nth_one_in_steps(word, nth), left & (~left + 1)) << word;
    }
  }
}

TEST(Buckets, BecomeTablesWhenFullAndComeBackWhenATableIsNearlyEmpty) {
  using Map = map<uint64_t, uint64_t, IdentityHash>;
  Map map;
  for (uint64_t nth = 0; nth < kFull; ++nth) {
    map = map.set(key_in_first_position(nth), nth);
    expect_shape(map, 1, nth == 0 ? 0 : 1, 0);
  }
  map = map.set(key_in_first_position(kFull), kFull);
  expect_shape(map, 2, kFull + 1 - 32, 0);  // a bucket of two at each position that was met twice
  for (uint64_t nth = kFull; nth > kLeft; --nth) {
    map = map.erase(key_in_first_position(nth));
    const bool is_bucket = nth == kLeft;
    EXPECT_EQ(map.structure().tables, is_bucket ? 1u : 2u) << nth;
    EXPECT_EQ(map.validate(), "");
  }
  map = map.erase(key_in_first_position(kLeft));
  expect_shape(map, 1, 1, 0);
  for (uint64_t nth = 0; nth < kLeft; ++nth) EXPECT_EQ(map.at(key_in_first_position(nth)), nth);
}

// One entry that comes and goes where a bucket is full must not rebuild the bucket each time.
TEST(Buckets, DoNotComeAndGoWithOneEntry) {
  using Map = map<uint64_t, uint64_t, IdentityHash>;
  Map map;
  for (uint64_t nth = 0; nth <= kFull; ++nth) map = map.set(key_in_first_position(nth), nth);
  for (int round = 0; round < 3; ++round) {
    map = map.erase(key_in_first_position(0));
    EXPECT_EQ(map.structure().tables, 2u);
    map = map.set(key_in_first_position(0), 0);
    EXPECT_EQ(map.structure().tables, 2u);
  }
}

TEST(Buckets, OfOneHashBecomeAListWhenFull) {
  map<uint64_t, uint64_t, FewBitsHash<0>> map;
  for (uint64_t key = 0; key < kFull; ++key) map = map.set(key, key);
  expect_shape(map, 1, 1, 0);
  map = map.set(kFull, kFull);
  expect_shape(map, 1, 0, 1);
  EXPECT_EQ(map.structure().collisions, kFull + 1);
  map = map.erase(3);
  expect_shape(map, 1, 1, 0);
  EXPECT_EQ(map.structure().collisions, kFull);
  for (uint64_t key = 0; key <= kFull; ++key) EXPECT_EQ(map.contains(key), key != 3);
}

// Keys of the same hundred share a hash.
struct HundredsHash {
  using is_avalanching = void;
  uint64_t operator()(uint64_t key) const { return key / 100 << 34; }
};

TEST(Buckets, AListMovesDownForAnotherHashAndUpAgain) {
  map<uint64_t, uint64_t, HundredsHash> map;
  for (uint64_t key = 0; key < 60; ++key) map = map.set(key, key);
  expect_shape(map, 1, 0, 1);
  map = map.set(100, 0);  // another in the sixth digit
  expect_shape(map, 6, 0, 1);
  map = map.set(101, 0);
  expect_shape(map, 6, 1, 1);
  const auto both = map;
  map = map.erase(100).erase(101);
  expect_shape(map, 1, 0, 1);
  auto few = both;  // the list ends while the other hash is there: a bucket in its table, then everything in one
  for (uint64_t key = 0; key < 60; ++key) {
    few = few.erase(key);
    ASSERT_EQ(few.validate(), "") << key;
    ASSERT_EQ(few.size(), 61 - key);
  }
  expect_shape(few, 1, 1, 0);
}

// What is left of a chain of tables above a bucket goes when the bucket becomes a list.
TEST(Buckets, AListIsNeverAloneBelowTables) {
  map<uint64_t, uint64_t, HundredsHash> map;
  for (uint64_t key = 0; key < kFull; ++key) map = map.set(key, key);
  map = map.set(100, 0).erase(100);
  expect_shape(map, 6, 1, 0);
  map = map.set(kFull, 0);
  expect_shape(map, 1, 0, 1);
  EXPECT_EQ(map.size(), kFull + 1);
}

TEST(Buckets, AreEqualToTablesOfTheSameEntries) {
  using Map = map<uint64_t, uint64_t, IdentityHash>;
  const Map base = Map().set(key_in_first_position(0), 0);
  Map straight = base;
  for (uint64_t nth = 0; nth < 40; ++nth) straight = straight.set(key_in_first_position(nth), nth);
  Map winding = base;
  for (uint64_t nth = 0; nth < 60; ++nth) winding = winding.set(key_in_first_position(nth), nth);
  for (uint64_t nth = 40; nth < 60; ++nth) winding = winding.erase(key_in_first_position(nth));
  ASSERT_EQ(straight.structure().tables, 1u);
  ASSERT_EQ(winding.structure().tables, 2u);
  EXPECT_EQ(straight, winding);
  EXPECT_EQ(winding, straight);

  const Map other = winding.set(key_in_first_position(7), 1000).erase(key_in_first_position(8)).set(99, 99);
  EXPECT_FALSE(straight == other);
  EXPECT_FALSE(straight == winding.erase(key_in_first_position(39)).set(key_in_first_position(50), 0));
  EXPECT_EQ(differences(straight, other), (EntryCount{1, 1, 1}));
  EXPECT_EQ(differences(other, straight), (EntryCount{1, 1, 1}));
}

struct CountingEq {
  static inline size_t calls = 0;
  bool operator()(const std::string& a, const std::string& b) const {
    ++calls;
    return a == b;
  }
};

// Keys in boxes are told apart by their hashes; only the right one is looked at, and once.
TEST(Buckets, CompareABoxedKeyOnce) {
  using Map = map<std::string, uint64_t, hash<std::string>, CountingEq>;
  Map map;
  for (uint64_t number = 0; number < 300; ++number) map = map.set(std::to_string(number), number);
  for (uint64_t number = 0; number < 300; ++number) {
    const std::string key = std::to_string(number);
    auto draft = map.transient();
    CountingEq::calls = 0;
    EXPECT_TRUE(map.contains(key));
    EXPECT_EQ(map.set(key, 1).size(), 300u);
    EXPECT_EQ(map.erase(key).size(), 299u);
    draft.set(key, 2);
    EXPECT_TRUE(draft.erase(key));
    EXPECT_EQ(CountingEq::calls, 5u) << key;
    CountingEq::calls = 0;
    EXPECT_EQ(map.set(key + "!", 1).size(), 301u);
    EXPECT_FALSE(map.contains(key + "?"));
    EXPECT_EQ(CountingEq::calls, 0u) << key;
  }
}

// Entries of every item size, and in boxes: at every place of buckets of every size, one version after the other and in place.
template <typename Map>
class BucketPlaces : public ::testing::Test {};

template <size_t kWords>
struct Words {
  std::array<uint64_t, kWords> words;
  bool operator==(const Words&) const = default;
};
template <typename V>
V value_of(uint64_t number) {
  if constexpr (std::is_same_v<V, std::string>) {
    return std::to_string(number);
  } else if constexpr (std::is_same_v<V, uint64_t>) {
    return number;
  } else {
    V value;
    value.words.fill(number);
    return value;
  }
}
using BucketMaps = ::testing::Types<map<uint64_t, uint64_t, IdentityHash>, map<uint64_t, Words<2>, IdentityHash>,
                                    map<uint64_t, Words<3>, IdentityHash>, map<uint64_t, std::string, IdentityHash>>;
TYPED_TEST_SUITE(BucketPlaces, BucketMaps);

TYPED_TEST(BucketPlaces, KeepEveryEntry) {
  using V = typename TypeParam::mapped_type;
  const auto expect_same = [](const TypeParam& map, const std::map<uint64_t, uint64_t>& model) {
    ASSERT_EQ(map.validate(), "");
    ASSERT_EQ(map.size(), model.size());
    for (const auto& [key, number] : model) ASSERT_EQ(map.at(key), value_of<V>(number));
  };
  for (uint64_t seed = 0; seed < scaled(60); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<uint64_t> order(kFull + 3);
    std::iota(order.begin(), order.end(), uint64_t{0});
    std::shuffle(order.begin(), order.end(), random);
    std::map<uint64_t, uint64_t> model;
    TypeParam map;
    auto draft = TypeParam().transient();
    for (const uint64_t nth : order) {
      const uint64_t key = seed % 2 == 0 ? key_in_first_position(nth) : key_in_first_position(nth % 8 * 32 + nth / 8);
      const TypeParam before = map;
      map = map.set(key, value_of<V>(nth));
      draft.set(key, value_of<V>(nth));
      expect_same(before, model);
      model[key] = nth;
      expect_same(map, model);
    }
    TypeParam drafted = std::move(draft).persistent();
    expect_same(drafted, model);
    std::shuffle(order.begin(), order.end(), random);
    draft = drafted.transient();
    for (const uint64_t nth : order) {
      const uint64_t key = seed % 2 == 0 ? key_in_first_position(nth) : key_in_first_position(nth % 8 * 32 + nth / 8);
      const TypeParam before = map;
      map = map.erase(key);
      ASSERT_TRUE(draft.erase(key));
      expect_same(before, model);
      model.erase(key);
      expect_same(map, model);
    }
    EXPECT_EQ(draft.size(), 0u);
    expect_same(drafted.erase(0), [&] {
      std::map<uint64_t, uint64_t> all;
      for (const uint64_t nth : order)
        all[seed % 2 == 0 ? key_in_first_position(nth) : key_in_first_position(nth % 8 * 32 + nth / 8)] = nth;
      all.erase(0);
      return all;
    }());
  }
}

}  // namespace
}  // namespace hamt
