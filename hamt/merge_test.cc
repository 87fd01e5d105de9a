// What merge() makes of two maps or sets, beside std::map.

#include <hamt/map.h>
#include <hamt/set.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace hamt {
namespace {

using testing::below;
using testing::DeepHash;
using testing::FewBitsHash;
using testing::key_number;
using testing::Random;
using testing::scaled;

template <typename Key>
Key key_of(uint64_t number) {
  if constexpr (std::is_integral_v<Key>) {
    return static_cast<Key>(number);
  } else {
    return "key-" + std::to_string(number);
  }
}

template <typename MapT>
class Merge : public ::testing::Test {
 protected:
  using Map = MapT;
  using Key = typename Map::key_type;
  using Value = typename Map::mapped_type;
  using Model = std::map<uint64_t, uint64_t>;

  // `changes` sets and erases of random keys, in both.
  static void change(Map& map, Model& model, Random& random, size_t changes, uint64_t keys) {
    auto draft = std::move(map).transient();
    for (size_t step = 0; step < changes; ++step) {
      const uint64_t key = below(random, keys);
      const uint64_t value = below(random, 3);
      if (below(random, 3) == 0) {
        draft.erase(key_of<Key>(key));
        model.erase(key);
      } else {
        draft.set(key_of<Key>(key), static_cast<Value>(value));
        model[key] = value;
      }
    }
    map = std::move(draft).persistent();
  }
  static Model contents(const Map& map) {
    Model model;
    map.for_each([&](const auto& entry) { model[key_number(entry.key)] = entry.value; });
    EXPECT_EQ(model.size(), map.size());
    EXPECT_EQ(map.validate(), "");
    return model;
  }
  static void check(const Map& ours, const Model& our_model, const Map& theirs, const Model& their_model) {
    Model kept = our_model;
    kept.insert(their_model.begin(), their_model.end());
    EXPECT_EQ(contents(ours.merge(theirs)), kept);

    Model combined = their_model;
    for (const auto& [key, value] : our_model) {
      const auto theirs_of_key = their_model.find(key);
      combined[key] = theirs_of_key == their_model.end() ? value : 10 * value + theirs_of_key->second;
    }
    const auto combine = [](Value own, Value other) { return 10 * own + other; };
    EXPECT_EQ(contents(ours.merge(theirs, combine)), combined);
    EXPECT_EQ(contents(ours), our_model);
    EXPECT_EQ(contents(theirs), their_model);
  }
};

using Maps = ::testing::Types<map<uint64_t, uint64_t>, map<uint32_t, uint32_t>, map<std::string, uint64_t>,
                              map<uint64_t, uint64_t, FewBitsHash<0>>, map<uint32_t, uint32_t, FewBitsHash<0>>,
                              map<uint64_t, uint64_t, FewBitsHash<6>>, map<uint32_t, uint32_t, DeepHash<8>>,
                              map<std::string, uint64_t, DeepHash<4>>>;
TYPED_TEST_SUITE(Merge, Maps);

TYPED_TEST(Merge, HasTheEntriesOfBothWhereverTheyComeFrom) {
  for (uint64_t seed = 1; seed <= scaled(40); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const uint64_t keys = 1 + below(random, 80);
    TypeParam base;
    typename TestFixture::Model base_model;
    this->change(base, base_model, random, below(random, 100), keys);
    TypeParam left = base;
    TypeParam right = base;
    TypeParam stranger;
    auto left_model = base_model;
    auto right_model = base_model;
    typename TestFixture::Model stranger_model;
    this->change(left, left_model, random, below(random, 40), keys);
    this->change(right, right_model, random, below(random, 40), keys);
    this->change(stranger, stranger_model, random, below(random, 40), keys);
    this->check(left, left_model, right, right_model);
    this->check(left, left_model, stranger, stranger_model);
    this->check(stranger, stranger_model, right, right_model);
    this->check(left, left_model, TypeParam(), {});
    this->check(TypeParam(), {}, right, right_model);
  }
}

TEST(MergeOfMaps, WithItselfOrWithAPartIsTheVeryMap) {
  map<uint64_t, uint64_t> whole;
  for (uint64_t key = 0; key < 1000; ++key) whole = whole.set(key, key);
  EXPECT_TRUE(whole.merge(whole).identical(whole));
  EXPECT_TRUE(whole.merge(whole.erase(7)).identical(whole));
  EXPECT_TRUE(whole.merge({}).identical(whole));
}

TEST(MergeOfMaps, ThatThrowsHalfWayLeavesBothAsTheyWere) {
  map<uint64_t, std::string> ours;
  map<uint64_t, std::string> theirs;
  for (uint64_t key = 0; key < 100; ++key) {
    ours = ours.set(key, "ours");
    theirs = theirs.set(key + 50, "theirs");
  }
  int calls = 0;
  const auto combine = [&](const std::string& own, const std::string& other) {
    if (++calls == 20) throw std::runtime_error("no more");
    return own + other;
  };
  EXPECT_THROW((void)ours.merge(theirs, combine), std::runtime_error);
  EXPECT_EQ(ours.size(), 100u);
  EXPECT_EQ(ours.at(60), "ours");
  EXPECT_EQ(ours.validate(), "");
  EXPECT_EQ(theirs.at(60), "theirs");
}

TEST(MergeOfSets, IsTheirUnion) {
  const set<uint32_t> base{1, 2, 3};
  const set<uint32_t> both = base.insert(10).merge(base.insert(20).erase(1));
  EXPECT_EQ(both, (set<uint32_t>{1, 2, 3, 10, 20}));
  EXPECT_EQ(both.merge(set<uint32_t>{30}).size(), 6u);
  EXPECT_EQ(both.validate(), "");
}

}  // namespace
}  // namespace hamt
