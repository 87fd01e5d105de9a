#include "engine/os/entropy.h"

#include "engine/base/test_result.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace omendb::os {
namespace {

using base::must;

TEST(Entropy, FillsEveryByteAndNeverRepeats) {
  std::vector<std::byte> large(100'000);
  must(fill_with_entropy(large));
  std::array<size_t, 256> counts{};
  for (const std::byte value : large) ++counts[std::to_integer<size_t>(value)];
  // 390 of each expected, deviation 20: eight deviations either way
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 230U);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 550U);
  std::set<std::array<std::byte, 16>> identities;
  for (int round = 0; round < 1000; ++round) {
    std::array<std::byte, 16> identity{};
    must(fill_with_entropy(identity));
    identities.insert(identity);
  }
  EXPECT_EQ(identities.size(), 1000U);
  must(fill_with_entropy({}));
}

}  // namespace
}  // namespace omendb::os
