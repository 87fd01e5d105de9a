// Random branching histories against std::unordered_map, for good hashes and bad ones; and the defects other tries had, one test each.

#include <hamt/map.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::below;
using testing::CountingMemory;
using testing::DeepHash;
using testing::FewBitsHash;
using testing::Random;
using testing::scaled;

template <typename K>
K make_key(uint64_t number) {
  if constexpr (std::is_same_v<K, std::string>) {
    return "a string of more than sixteen bytes-" + std::to_string(number);
  } else {
    return number;
  }
}

template <typename Map>
class History {
 public:
  using K = typename Map::key_type;
  using Model = std::unordered_map<K, uint64_t>;
  struct Version {
    Map map;
    Model model;
  };

  History(uint64_t seed, const memory_options& memory) : random_(seed) {
    versions_.push_back({Map(typename Map::hasher(), typename Map::key_equal(), memory), {}});
  }

  void run(size_t steps) {
    for (size_t step = 0; step < steps; ++step) {
      SCOPED_TRACE(step);
      Version next = versions_[below(random_, versions_.size())];
      if (below(random_, 5) == 0) {
        edit_by_transient(next);
      } else {
        edit_once(next);
      }
      expect_equal(next);
      if (::testing::Test::HasFailure()) return;
      keep(std::move(next));
    }
    for (const Version& version : versions_) expect_equal(version);
  }

 private:
  static constexpr size_t kVersionsMax = 12;
  static constexpr uint64_t kKeys = 400;

  K random_key() { return make_key<K>(below(random_, kKeys)); }

  void edit_once(Version& version) {
    const K key = random_key();
    const uint64_t value = below(random_, 1000);
    switch (below(random_, 6)) {
      case 0: version.map = version.map.set(key, value), version.model.insert_or_assign(key, value); break;
      case 1: version.map = version.map.insert(key, value), version.model.emplace(key, value); break;
      case 2: version.map = std::move(version.map).set(key, value), version.model.insert_or_assign(key, value); break;
      case 3: version.map = std::move(version.map).erase(key), version.model.erase(key); break;
      case 4: version.map = version.map.erase(key), version.model.erase(key); break;
      default: version.map = version.map.update(key, [](uint64_t old) { return old + 1; }); ++version.model[key];
    }
  }

  void edit_by_transient(Version& version) {
    typename Map::transient_type draft = version.map.transient();
    Model model = version.model;
    const bool growing = below(random_, 2) == 0;
    for (uint64_t step = below(random_, 300); step > 0; --step) {
      const K key = random_key();
      const uint64_t value = below(random_, 1000);
      const uint64_t action = below(random_, 4);
      if (action == 0) {
        EXPECT_EQ(draft.insert(key, value), model.emplace(key, value).second);
      } else if (growing == (action != 1)) {
        EXPECT_EQ(draft.insert_or_assign(key, value), model.insert_or_assign(key, value).second);
      } else {
        EXPECT_EQ(draft.erase(key), model.erase(key) == 1);
      }
    }
    if (below(random_, 4) == 0) return;  // the draft is dropped
    version.map = std::move(draft).persistent();
    version.model = std::move(model);
  }

  void expect_equal(const Version& version) const {
    ASSERT_EQ(version.map.validate(), "");
    ASSERT_EQ(version.map.size(), version.model.size());
    for (const auto& [key, value] : version.model) {
      const uint64_t* const found = version.map.find(key);
      ASSERT_NE(found, nullptr);
      ASSERT_EQ(*found, value);
    }
    ASSERT_EQ(static_cast<size_t>(std::distance(version.map.begin(), version.map.end())), version.model.size());
    for (uint64_t number = kKeys; number < kKeys + 10; ++number)
      ASSERT_FALSE(version.map.contains(make_key<K>(number)));
  }

  void keep(Version version) {
    if (versions_.size() < kVersionsMax) {
      versions_.push_back(std::move(version));
    } else {
      versions_[below(random_, versions_.size())] = std::move(version);
    }
    while (versions_.size() > 1 && below(random_, 20) == 0)
      versions_.erase(versions_.begin() + static_cast<ptrdiff_t>(below(random_, versions_.size())));
  }

  Random random_;
  std::vector<Version> versions_;
};

template <typename Map>
class Histories : public ::testing::Test {};
using HistoryMaps =
    ::testing::Types<map<uint64_t, uint64_t>, map<uint64_t, uint64_t, FewBitsHash<0>>,
                     map<uint64_t, uint64_t, FewBitsHash<4>>, map<uint64_t, uint64_t, FewBitsHash<8>>,
                     map<uint64_t, uint64_t, FewBitsHash<12>>, map<uint64_t, uint64_t, FewBitsHash<16>>,
                     map<uint64_t, uint64_t, DeepHash<5>>, map<uint64_t, uint64_t, DeepHash<8>>,
                     map<std::string, uint64_t>, map<std::string, uint64_t, FewBitsHash<0>>,
                     map<std::string, uint64_t, FewBitsHash<6>>, map<std::string, uint64_t, DeepHash<8>>>;
TYPED_TEST_SUITE(Histories, HistoryMaps);

TYPED_TEST(Histories, AgreeWithAModelInEveryVersionAndLeakNothing) {
  for (uint64_t seed = 0; seed < scaled(10); ++seed) {
    for (const size_t chunk_bytes_max : {size_t{0}, size_t{1} << 16}) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", chunk_bytes_max " << chunk_bytes_max);
      CountingMemory memory;
      {
        History<TypeParam> history(seed, {.source = &memory, .chunk_bytes_max = chunk_bytes_max});
        history.run(250);
      }
      ASSERT_EQ(memory.bytes_out(), 0u);
    }
  }
}

// == compares versions of one family table by table; what has been a table in one may be a bucket in the other.
TYPED_TEST(Histories, AreForgottenByEquality) {
  using K = typename TypeParam::key_type;
  for (uint64_t seed = 0; seed < scaled(40); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const TypeParam base = TypeParam().set(make_key<K>(0), 0);
    auto straight = base.transient();
    auto winding = base.transient();
    const uint64_t keys = below(random, 300);
    for (uint64_t number = 0; number < keys; ++number) straight.set(make_key<K>(number), number);
    for (uint64_t number = keys + 100; number-- > 0;) winding.set(make_key<K>(number), 1);
    for (uint64_t number = 0; number < keys + 100; ++number) {
      if (number >= keys) {
        winding.erase(make_key<K>(number));
      } else {
        winding.set(make_key<K>(number), number);
      }
    }
    if (keys == 0) straight.erase(make_key<K>(0));
    const TypeParam a = std::move(straight).persistent();
    const TypeParam b = std::move(winding).persistent();
    ASSERT_EQ(a.size(), keys);
    ASSERT_EQ(b.validate(), "");
    ASSERT_EQ(a, b);
  }
}

// Tables of every slot size grow, split, collapse and shrink in place: each moves its pieces by other distances.
template <typename Words>
class SlotSizes : public ::testing::Test {};
using WordCounts =
    ::testing::Types<std::array<uint32_t, 1>, std::array<uint32_t, 2>, std::array<uint32_t, 3>, std::array<uint32_t, 4>,
                     std::array<uint32_t, 5>, std::array<uint32_t, 7>, std::array<uint32_t, 8>>;
TYPED_TEST_SUITE(SlotSizes, WordCounts);

TYPED_TEST(SlotSizes, KeepEveryEntryWhole) {
  for (uint64_t seed = 0; seed < scaled(20); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    auto draft = map<uint32_t, TypeParam, FewBitsHash<14>>().transient();
    std::unordered_map<uint32_t, TypeParam> model;
    for (int swing = 0; swing < 6; ++swing) {
      for (int step = 0; step < 600; ++step) {
        const uint32_t key = static_cast<uint32_t>(below(random, 700));
        if (below(random, 4) == (swing % 2 == 0 ? 0u : 1u) || (swing % 2 == 1 && step % 2 == 0)) {
          ASSERT_EQ(draft.erase(key), model.erase(key) == 1);
        } else {
          TypeParam words;
          words.fill(static_cast<uint32_t>(random()));
          ASSERT_EQ(draft.insert_or_assign(key, words), model.insert_or_assign(key, words).second);
        }
      }
      for (const auto& [key, words] : model) {
        const TypeParam* const found = draft.find(key);
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(*found, words);
      }
    }
    const auto version = std::move(draft).persistent();
    ASSERT_EQ(version.validate(), "");
    ASSERT_EQ(version.size(), model.size());
  }
}

// libhamt, defect 1: a third key sharing a prefix with two others corrupted the path; 279 of 10,000 keys with 12-bit hashes were lost.
template <typename Map>
void expect_no_key_lost(uint64_t count) {
  typename Map::transient_type draft = Map().transient();
  for (uint64_t key = 0; key < count; ++key) ASSERT_TRUE(draft.insert(key, key));
  const Map full = std::move(draft).persistent();
  ASSERT_EQ(full.size(), count);
  for (uint64_t key = 0; key < count; ++key) ASSERT_EQ(full.at(key), key);
  typename Map::transient_type emptied = full.transient();
  for (uint64_t key = 0; key < count; ++key) ASSERT_TRUE(emptied.erase(key));
  EXPECT_TRUE(emptied.empty());
  EXPECT_EQ(std::move(emptied).persistent().validate(), "");
}
TEST(DefectsOfOthers, NoKeyIsLostWhenShortHashesCollide) {
  expect_no_key_lost<map<uint64_t, uint64_t, FewBitsHash<12>>>(10'000);
  expect_no_key_lost<map<uint64_t, uint64_t, DeepHash<12>>>(10'000);
  expect_no_key_lost<map<uint64_t, uint64_t, FewBitsHash<16>>>(scaled(100'000));
}

// libhamt, defect 2: removing a missing key made the size one less.
TEST(DefectsOfOthers, ErasingAMissingKeyKeepsSizeAndRoot) {
  map<uint64_t, uint64_t> full;
  for (uint64_t key = 0; key < 1000; ++key) full = std::move(full).set(key, key);
  const auto same = full.erase(1000);
  EXPECT_EQ(same.size(), 1000u);
  EXPECT_TRUE(same.identical(full));
  auto draft = full.transient();
  EXPECT_FALSE(draft.erase(1000));
  EXPECT_EQ(draft.size(), 1000u);
  EXPECT_TRUE(std::move(draft).persistent().identical(full));
}

// libhamt, defect 3: two keys of one hash in every generation never ended.
TEST(DefectsOfOthers, KeysOfOneHashShareABucket) { expect_no_key_lost<map<uint64_t, uint64_t, FewBitsHash<0>>>(1000); }

// libhamt, defect 4: dropping the base of a persistent insert freed pool memory by free().
TEST(DefectsOfOthers, VersionsMayDieInAnyOrder) {
  auto base = map<uint64_t, uint64_t>{{1, 1}, {2, 2}};
  auto next = base.set(3, 3);
  base = {};
  EXPECT_EQ(next.at(3), 3u);
  auto last = next.erase(1);
  next = {};
  EXPECT_EQ(last.size(), 2u);
}

// libhamt, defect 5: values lost their two low bits.
TEST(DefectsOfOthers, EveryBitOfAValueIsKept) {
  map<uint64_t, uint64_t> values;
  for (uint64_t key = 0; key < 64; ++key) values = values.set(key, ~uint64_t{0} - key);
  for (uint64_t key = 0; key < 64; ++key) EXPECT_EQ(values.at(key), ~uint64_t{0} - key);
}

// immutables #84: iteration stopped where a bucket hung below the last level.
TEST(DefectsOfOthers, IterationEntersBucketsAtEveryDepth) {
  map<uint64_t, uint64_t, DeepHash<5>> deep;
  for (uint64_t key = 0; key < 200; ++key) deep = std::move(deep).set(key, key);
  EXPECT_EQ(std::distance(deep.begin(), deep.end()), 200);
}

// immutable-js: a bucket that shrank to one entry changed the older version; a split used the wrong hash.
TEST(DefectsOfOthers, AShrinkingBucketLeavesTheOlderVersion) {
  const auto pair = map<uint64_t, uint64_t, FewBitsHash<0>>{{1, 1}, {2, 2}};
  const auto single = pair.erase(1);
  EXPECT_EQ(pair.at(1), 1u);
  EXPECT_EQ(pair.at(2), 2u);
  EXPECT_EQ(single.at(2), 2u);
  EXPECT_EQ(single.validate() + pair.validate(), "");
}

}  // namespace
}  // namespace hamt
