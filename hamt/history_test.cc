// How a version came to be is not to be seen in it, and entries of every size stay whole.

#include <hamt/map.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace hamt {
namespace {

using testing::below;
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
class Histories : public ::testing::Test {};
using HistoryMaps = ::testing::Types<map<uint64_t, uint64_t>, map<uint64_t, uint64_t, FewBitsHash<0>>,
                                     map<uint64_t, uint64_t, FewBitsHash<8>>, map<std::string, uint64_t, DeepHash<8>>>;
TYPED_TEST_SUITE(Histories, HistoryMaps);

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

}  // namespace
}  // namespace hamt
