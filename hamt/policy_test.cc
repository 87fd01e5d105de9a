// What the policy never_reclaim keeps, gives back and refuses. That it shows the right entries: model_test.cc.

#include <hamt/map.h>
#include <hamt/set.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::CountingMemory;
using testing::FewBitsHash;

using Kept = map<uint64_t, uint64_t, hash<uint64_t>, std::equal_to<>, never_reclaim>;
using KeptCollisions = map<uint64_t, uint64_t, FewBitsHash<0>, std::equal_to<>, never_reclaim>;

template <typename Map>
Map filled(CountingMemory& memory, uint64_t count, size_t chunk_bytes_max = size_t{1} << 16) {
  auto draft = Map({}, {}, memory_options{.source = &memory, .chunk_bytes_max = chunk_bytes_max}).transient();
  for (uint64_t key = 0; key < count; ++key) draft.insert(key, key);
  return std::move(draft).persistent();
}

TEST(NeverReclaim, KeepsWhatDroppedVersionsLeave) {
  CountingMemory memory;
  Kept map = filled<Kept>(memory, 1000);
  const size_t before = memory.bytes_out();
  for (uint64_t round = 0; round < 1000; ++round) map = map.set(round % 10, round);
  EXPECT_GT(memory.bytes_out(), before + 1000 * 32 * sizeof(map_entry<uint64_t, uint64_t>));  // a root each
  EXPECT_EQ(map.memory_reserved(), memory.bytes_out());
  EXPECT_EQ(map.validate(), "");
  EXPECT_EQ(map.at(9), 999u);
}

TEST(NeverReclaim, GivesAllBackWithTheLastVersion) {
  for (const size_t chunk_bytes_max : {size_t{0}, size_t{1} << 16}) {
    CountingMemory memory;
    {
      Kept first = filled<Kept>(memory, 500, chunk_bytes_max);
      std::vector<Kept> versions(10, first);
      for (uint64_t round = 0; round < 500; ++round) versions[round % 10] = versions[round * 7 % 10].erase(round);
      first = Kept();
      const Kept survivor = versions[3];
      versions.clear();
      EXPECT_GT(memory.bytes_out(), 0u);
      EXPECT_EQ(survivor.validate(), "");
    }
    EXPECT_EQ(memory.bytes_out(), 0u);
  }
}

TEST(NeverReclaim, UsesAgainWhatOneVersionDrops) {
  CountingMemory memory;
  Kept map = filled<Kept>(memory, 1000);
  const size_t before = memory.bytes_out();
  auto draft = std::move(map).transient();
  for (uint64_t round = 0; round < 100'000; ++round) {
    draft.erase(round % 1000);
    draft.insert(round % 1000, round);
  }
  map = std::move(draft).persistent();
  for (uint64_t round = 0; round < 100'000; ++round) map = std::move(map).set(round % 1000, round);
  EXPECT_LT(memory.bytes_out(), 2 * before);
  EXPECT_EQ(map.validate(), "");
}

// Lists of thousands are larger than what the arena pools.
TEST(NeverReclaim, KeepsLongListsOfEqualHashesToo) {
  CountingMemory memory;
  {
    KeptCollisions map = filled<KeptCollisions>(memory, 1000);
    const KeptCollisions whole = map;
    for (uint64_t key = 0; key < 500; ++key) map = map.erase(key);
    for (uint64_t key = 0; key < 250; ++key) map = std::move(map).set(key, 1);
    EXPECT_EQ(whole.size(), 1000u);
    EXPECT_EQ(whole.validate(), "");
    EXPECT_EQ(map.size(), 750u);
    EXPECT_EQ(map.validate(), "");
  }
  EXPECT_EQ(memory.bytes_out(), 0u);
}

TEST(NeverReclaim, LeavesNothingBehindWhenMemoryEnds) {
  CountingMemory memory;
  Kept map = filled<Kept>(memory, 2000);
  for (size_t nth = 1; nth <= 3; ++nth) {
    const Kept before = map;
    memory.fail_at(nth);
    try {
      for (uint64_t round = 0;; ++round) map = map.set(round % 2000, round + nth);
    } catch (const std::bad_alloc&) {
      memory.never_fail();
    }
    EXPECT_EQ(map.validate(), "");
    EXPECT_EQ(before.validate(), "");
    EXPECT_EQ(map.size(), 2000u);
  }
}

// The function of an update runs while its version is being made.
TEST(NeverReclaim, RefusesASecondWriterOfTheFamily) {
  CountingMemory memory;
  const Kept map = filled<Kept>(memory, 100);
  Kept other = map;
  const auto interfere = [&](uint64_t value) {
    other = other.set(7, value);
    return value;
  };
  EXPECT_THROW(other = map.update(5, interfere), std::logic_error);
  EXPECT_EQ(map.validate(), "");
  EXPECT_TRUE(other == map);
  EXPECT_EQ(map.set(5, 1).at(5), 1u);  // and goes on afterwards
}

TEST(NeverReclaim, LetsAnyThreadReadAndDrop) {
  CountingMemory memory;
  {
    Kept map = filled<Kept>(memory, 1000);
    std::vector<std::thread> readers;
    for (uint64_t reader = 0; reader < 4; ++reader) {
      readers.emplace_back([version = map, reader]() mutable {
        uint64_t sum = 0;
        for (uint64_t key = 0; key < 1000; ++key) sum += version.at(key);
        EXPECT_EQ(sum, 999u * 1000 / 2) << reader;
        version = Kept();
      });
    }
    for (uint64_t round = 0; round < 1000; ++round) map = map.set(round, 0);
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(map.validate(), "");
  }
  EXPECT_EQ(memory.bytes_out(), 0u);
}

}  // namespace
}  // namespace hamt
