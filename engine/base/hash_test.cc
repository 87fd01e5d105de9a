#include "engine/base/hash.h"

#include "engine/base/bytes.h"
#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>

namespace omendb::base {
namespace {

// Stored hashes must mean the same for ever. The values are those of `xxhsum -H3` (XXH3, seed 0) for the empty input
// and for "abc".
TEST(Hash, IsTheXxh3ThatEverybodyHas) {
  EXPECT_EQ(hash64(std::string_view()), 0x2D06800538D394C2ULL);
  EXPECT_EQ(hash64(std::string_view("abc")), 0x78AF5F94892F3950ULL);
  EXPECT_EQ(hash64(as_bytes("abc")), hash64(std::string_view("abc")));
}

TEST(Hash, DependsOnEveryByteAndOnTheSeed) {
  for (const size_t length : {1U, 3U, 8U, 16U, 17U, 128U, 129U, 240U, 241U, 1025U}) {
    std::string text(length, 'a');
    std::set<uint64_t> hashes = {hash64(text), hash64(text, 1)};
    for (char& letter : text) {
      letter = 'b';
      hashes.insert(hash64(text));
      letter = 'a';
    }
    EXPECT_EQ(hashes.size(), length + 2) << "length " << length;
  }
}

TEST(Hash, MixesIntegersWithoutCollisionsAndFlipsHalfTheBits) {
  std::set<uint64_t> mixed;
  for (uint64_t key = 0; key < 10'000; ++key) mixed.insert(mix64(key));
  EXPECT_EQ(mixed.size(), 10'000U);
  Random random(3);
  for (int bit = 0; bit < 64; ++bit) {
    int flipped = 0;
    for (int round = 0; round < 1000; ++round) {
      const uint64_t key = random.next();
      flipped += std::popcount(mix64(key, 5) ^ mix64(key ^ (uint64_t{1} << bit), 5));
    }
    EXPECT_NEAR(flipped / 1000.0, 32.0, 1.0) << "input bit " << bit;
  }
  EXPECT_NE(mix64(1, 1), mix64(1, 2));
}

}  // namespace
}  // namespace omendb::base
