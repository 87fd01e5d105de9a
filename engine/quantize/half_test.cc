#include "engine/quantize/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "engine/base/random.h"

namespace omendb::quantize {
namespace {

// The numbers beside and at a value, for rounding by comparison: the oracle is the distance, and for ties the even one.
template <class Narrow, class Widen>
void expect_nearest(float value, Narrow narrow, Widen widen) {
  const uint16_t chosen = narrow(value);
  const double error = std::abs(static_cast<double>(widen(chosen)) - static_cast<double>(value));
  for (const int step : {-1, 1}) {
    const auto other = static_cast<uint16_t>(chosen + step);
    if ((other & 0x8000) != (chosen & 0x8000)) continue;
    const double other_error = std::abs(static_cast<double>(widen(other)) - static_cast<double>(value));
    ASSERT_TRUE(error < other_error || (error == other_error && chosen % 2 == 0)) << value;
  }
}

TEST(Half, ComesBackFromItself) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if (std::abs(from_half(half)) <= kPlacedMax) {
      ASSERT_EQ(to_half(from_half(half)), half);
    }
    const float bfloat = from_bfloat(half);
    if (std::abs(bfloat) <= kPlacedMax) {
      ASSERT_EQ(to_bfloat(bfloat), half);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  base::Random random(4);
  for (size_t round = 0; round < 200000; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round << " of seed 4");
    const float value = std::ldexp(random.normal(), static_cast<int>(random.below(40)) - 28);
    const float tie = std::ldexp(static_cast<float>(random.below(8192)), static_cast<int>(random.below(25)) - 26);
    for (const float each : {value, tie, -tie}) {
      if (std::abs(each) > kPlacedMax) continue;
      expect_nearest(each, &to_half, &from_half);
      expect_nearest(each, &to_bfloat, &from_bfloat);
    }
  }
}

TEST(Half, KeepsItsLandmarks) {
  EXPECT_EQ(to_half(1.0F), 0x3c00);
  EXPECT_EQ(to_half(-2.0F), 0xc000);
  EXPECT_EQ(to_half(0x1p-24F), 1);
  EXPECT_EQ(to_half(1e-45F), 0);
  EXPECT_EQ(to_half(0x1p-14F), 0x0400);
  EXPECT_EQ(to_half(kPlacedMax), 0x7800);
  EXPECT_EQ(to_bfloat(1.0F), 0x3f80);
}

}  // namespace
}  // namespace omendb::quantize
