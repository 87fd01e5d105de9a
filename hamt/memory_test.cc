// What a family takes, what it keeps, what it gives back.

#include <hamt/map.h>
#include <hamt/set.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::below;
using testing::CountingMemory;
using testing::Random;
using testing::scaled;

TEST(Memory, GoesBackWithTheLastVersion) {
  CountingMemory memory;
  {
    set<uint64_t> numbers({}, {}, memory_options{.source = &memory});
    for (uint64_t key = 0; key < 5000; ++key) numbers = std::move(numbers).insert(key);
    EXPECT_EQ(numbers.memory_reserved(), memory.bytes_out());
    EXPECT_LE(numbers.memory_usage(), numbers.memory_reserved());
    const set<uint64_t> survivor = numbers.insert(9999);
    numbers = {};
    EXPECT_TRUE(survivor.contains(4999));
    EXPECT_GT(memory.bytes_out(), 0u);
  }
  EXPECT_EQ(memory.bytes_out(), 0u);
}

// Remains of other sizes serve for tables, too; copied on and on, a table must not take ever larger ones, which its next items would fill to a brim that
// copies by whole vectors run over. validate() says so.
TEST(Memory, ATableKeepsItsSizeFromCopyToCopy) {
  constexpr uint64_t kKeys = 2000;
  Random random(1);
  using Boxed = map<uint64_t, std::array<uint64_t, 5>>;  // boxes: blocks of yet another size
  Boxed map;
  std::vector<Boxed> held(8);
  for (size_t round = 0; round < scaled(20'000); ++round) {
    map = map.set(below(random, kKeys), {});
    map = map.erase(below(random, kKeys));
    held[below(random, held.size())] = map;
    auto draft = map.transient();
    const size_t erased_in = below(random, 500) == 0 ? kKeys : 6;
    for (size_t change = 0; change < erased_in; ++change) {
      const uint64_t key = below(random, kKeys);
      if (erased_in == kKeys || below(random, 3) == 0) {
        draft.erase(key);
      } else {
        draft.set(key, {});
      }
    }
    if (below(random, 2) == 0) map = std::move(draft).persistent();
    if (round % 20 == 0) {
      ASSERT_EQ(map.validate(), "") << "round " << round;
    }
  }
}

// Exact where each table is an allocation of its own: what is out is what the version says it uses, and the arena.
TEST(Memory, UsageIsWhatTheTablesTake) {
  CountingMemory memory;
  map<std::string, std::string> strings({}, {}, memory_options{.source = &memory, .chunk_bytes_max = 0});
  const size_t arena_bytes = memory.bytes_out();
  for (uint64_t key = 0; key < 1000; ++key) {
    strings = std::move(strings).set(std::to_string(key), "value");
    ASSERT_EQ(strings.memory_usage() + arena_bytes, memory.bytes_out());
  }
  for (uint64_t key = 0; key < 1000; ++key) {
    strings = strings.erase(std::to_string(key));
    ASSERT_EQ(strings.memory_usage() + arena_bytes, memory.bytes_out());
  }
  EXPECT_EQ(strings.memory_usage(), 0u);
}

// Versions branch from any that is held and go in any order. In the end one is left, and nothing is out but what it uses.
template <typename Map, typename MakeValue>
void drop_in_any_order(uint64_t seed, MakeValue make_value) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  CountingMemory memory;
  {
    std::vector<Map> held(1, Map({}, {}, memory_options{.source = &memory, .chunk_bytes_max = 0}));
    const size_t family_bytes = memory.bytes_out();
    for (size_t step = 0; step < scaled(3000); ++step) {
      Map& from = held[below(random, held.size())];
      const auto key = below(random, 300);
      switch (below(random, 6)) {
        case 0: held.push_back(from.erase(key)); break;
        case 1: from = std::move(from).set(key, make_value(step)); break;
        case 2: {
          auto draft = from.transient();
          for (int change = 0; change < 20; ++change) draft.set(below(random, 300), make_value(step));
          if (below(random, 4) != 0) held.push_back(std::move(draft).persistent());
          break;
        }
        default: held.push_back(from.set(key, make_value(step)));
      }
      while (held.size() > 1 + below(random, 40))
        held.erase(held.begin() + static_cast<ptrdiff_t>(below(random, held.size())));
    }
    held.resize(1, held.front());
    ASSERT_EQ(held.front().validate(), "");
    const size_t used_bytes = held.front().memory_usage() + family_bytes;
    EXPECT_GE(memory.bytes_out(), used_bytes);
    EXPECT_LE(memory.bytes_out(), used_bytes + 512);  // a chunk of its list of retired blocks
  }
  EXPECT_EQ(memory.bytes_out(), 0u);
}

TEST(Memory, ComesBackInWhateverOrderVersionsAreDropped) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    drop_in_any_order<map<uint64_t, uint64_t>>(seed, [](uint64_t value) { return value; });
    drop_in_any_order<map<uint64_t, std::string>>(seed, [](uint64_t value) { return std::string(value % 50, 'x'); });
  }
}

// A callback of an operation may use, make and drop versions of the same family.
TEST(Memory, ComesBackFromVersionsDroppedInsideACallback) {
  CountingMemory memory;
  {
    using Map = map<uint64_t, std::string>;
    Map words({}, {}, memory_options{.source = &memory, .chunk_bytes_max = 0});
    const size_t family_bytes = memory.bytes_out();
    for (uint64_t key = 0; key < 500; ++key) words = words.set(key, "word");
    for (uint64_t key = 0; key < 500; ++key) {
      words = words.update(key, [&](const std::string& word) {
        const Map other = words.set(key + 1000, word + "!");
        return other.erase(key).at(key + 1000);
      });
    }
    EXPECT_EQ(words.at(499), "word!");
    EXPECT_EQ(words.size(), 500u);
    EXPECT_EQ(words.validate(), "");
    EXPECT_LE(memory.bytes_out(), words.memory_usage() + family_bytes + 512);
  }
  EXPECT_EQ(memory.bytes_out(), 0u);
}

// 8-byte keys and values: at most 27 bytes an entry in use, whatever the size; 8-byte entries: at most 15.
TEST(Memory, StaysWithinItsBytesPerEntry) {
  for (const uint64_t count :
       {uint64_t{1000}, uint64_t{10'000}, uint64_t{40'000}, static_cast<uint64_t>(scaled(300'000))}) {
    SCOPED_TRACE(count);
    Random random(count);
    auto pairs = map<uint64_t, uint64_t>().transient();
    auto singles = set<uint64_t>().transient();
    for (uint64_t step = 0; step < count; ++step) {
      const uint64_t key = random();
      pairs.set(key, step);
      singles.insert(key);
    }
    const auto map_version = std::move(pairs).persistent();
    const auto set_version = std::move(singles).persistent();
    EXPECT_LE(map_version.memory_usage(), 27 * map_version.size());
    EXPECT_LE(set_version.memory_usage(), 15 * set_version.size());
    if (count < 10'000) continue;  // the arena itself and its first chunks weigh
    EXPECT_LE(map_version.memory_reserved(), 40 * map_version.size());
    EXPECT_LE(set_version.memory_reserved(), 30 * set_version.size());
  }
}

TEST(Memory, IsReusedWhenVersionsComeAndGo) {
  map<uint64_t, uint64_t> numbers;
  Random random(7);
  for (uint64_t key = 0; key < 20'000; ++key) numbers = std::move(numbers).set(key, key);
  size_t reserved_bytes = 0;
  for (size_t step = 0; step < scaled(300'000); ++step) {
    const uint64_t key = below(random, 20'000);
    numbers = step % 2 == 0 ? numbers.erase(key) : numbers.set(key, step);
    if (step == scaled(300'000) / 3) reserved_bytes = numbers.memory_reserved();
  }
  EXPECT_EQ(numbers.validate(), "");
  EXPECT_LE(numbers.memory_reserved(), reserved_bytes + reserved_bytes / 10);
}

// Tables grow through many sizes; what smaller ones leave must serve larger ones.
TEST(Memory, OfOutgrownTablesServesLargerOnes) {
  set<uint64_t> numbers;
  auto draft = numbers.transient();
  const uint64_t count = scaled(400'000);
  for (uint64_t key = 0; key < count; ++key) draft.insert(key);
  numbers = std::move(draft).persistent();
  EXPECT_EQ(numbers.validate(), "");
  EXPECT_LE(numbers.memory_reserved(), numbers.memory_usage() * 5 / 2);
}

// Map sizes swing, in a draft of its own each time: sweeps happen with old versions alive.
TEST(Memory, SweepsLeaveLivingVersionsAlone) {
  Random random(11);
  std::vector<set<uint64_t>> kept;
  set<uint64_t> numbers;
  for (int swing = 0; swing < 12; ++swing) {
    SCOPED_TRACE(swing);
    auto draft = numbers.transient();
    const uint64_t limit = swing % 2 == 0 ? scaled(30'000) : scaled(3'000);
    for (uint64_t key = 0; key < scaled(30'000); ++key) {
      if (key < limit) {
        draft.insert(key * 3 + below(random, 2));
      } else {
        draft.erase(key * 3);
        draft.erase(key * 3 + 1);
      }
    }
    numbers = std::move(draft).persistent();
    if (swing % 3 == 0) kept.push_back(numbers);
    if (kept.size() > 2) kept.erase(kept.begin());
    ASSERT_EQ(numbers.validate(), "");
    for (const set<uint64_t>& version : kept) ASSERT_EQ(version.validate(), "");
  }
}

}  // namespace
}  // namespace hamt
