#include "engine/base/random.h"

#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace omendb::base {
namespace {

// Seeds stand in bug reports and golden files: the sequence may never change. First outputs of splitmix64 from state 0
// as its authors publish them.
TEST(Random, RepeatsTheSequenceOfItsSeed) {
  uint64_t state = 0;
  EXPECT_EQ(splitmix64(state), 0xE220A8397B1DCDAFULL);
  EXPECT_EQ(splitmix64(state), 0x6E789E6AA1B965F4ULL);
  Random first(42);
  Random second(42);
  Random other(43);
  size_t equal_to_other = 0;
  for (int round = 0; round < 1000; ++round) {
    const uint64_t number = first.next();
    ASSERT_EQ(number, second.next());
    if (number == other.next()) ++equal_to_other;
  }
  EXPECT_EQ(equal_to_other, 0U);
}

TEST(Random, StaysInRangeAndReachesAllOfIt) {
  Random random(7);
  std::array<size_t, 10> hits{};
  for (int round = 0; round < 100'000; ++round) ++hits[random.below(10)];
  for (const size_t count : hits) EXPECT_NEAR(static_cast<double>(count), 10'000.0, 500.0);
  EXPECT_EQ(random.below(1), 0U);
  EXPECT_EQ(random.between(5, 5), 5U);
  for (int round = 0; round < 1000; ++round) {
    const uint64_t number = random.between(3, 6);
    ASSERT_TRUE(number >= 3 && number <= 6);
    const double fraction = random.uniform();
    ASSERT_TRUE(fraction >= 0 && fraction < 1);
    const float fraction_f32 = random.uniform_f32();
    ASSERT_TRUE(fraction_f32 >= 0 && fraction_f32 < 1);
  }
  bool high_bit_seen = false;
  for (int round = 0; round < 100; ++round)
    high_bit_seen |= random.between(0, std::numeric_limits<uint64_t>::max()) >> 63 != 0;
  EXPECT_TRUE(high_bit_seen);
}

// 3/4 of 2^64 as a bound: a plain remainder would draw the lower third twice as often.
TEST(Random, DoesNotFavourSmallNumbersUnderAHugeBound) {
  Random random(11);
  const uint64_t bound = (uint64_t{3} << 62);
  size_t in_lower_third = 0;
  constexpr size_t kRounds = 30'000;
  for (size_t round = 0; round < kRounds; ++round) in_lower_third += random.below(bound) < bound / 3 ? 1U : 0U;
  EXPECT_NEAR(static_cast<double>(in_lower_third) / kRounds, 1.0 / 3, 0.015);
}

TEST(Random, DrawsNormalNumbersWithTheRightDistribution) {
  Random random(13);
  std::vector<double> numbers(200'000);
  for (double& number : numbers) number = static_cast<double>(random.normal());
  std::sort(numbers.begin(), numbers.end());
  double furthest = 0;  // Kolmogorov-Smirnov distance to the normal distribution function
  for (size_t index = 0; index < numbers.size(); ++index) {
    const double expected = 0.5 * std::erfc(-numbers[index] / std::sqrt(2.0));
    furthest =
        std::max(furthest, std::abs(expected - static_cast<double>(index) / static_cast<double>(numbers.size())));
  }
  EXPECT_LT(furthest, 1.95 / std::sqrt(static_cast<double>(numbers.size())));  // critical value for 0.1%
}

}  // namespace
}  // namespace omendb::base
