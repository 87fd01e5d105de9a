#include "engine/quantize/rotation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/base/random.h"

namespace omendb::quantize {
namespace {

constexpr size_t kDims[] = {1, 2, 63, 64, 65, 128, 129, 192, 768, 1000, 1536, 8193};

std::vector<float> rotated(const Rotation& rotation, const std::vector<float>& vector) {
  std::vector<float> out(rotation.dims_out());
  rotation.apply(vector.data(), out.data());
  return out;
}

double product(const std::vector<float>& left, const std::vector<float>& right) {
  double sum = 0;
  for (size_t i = 0; i < left.size(); ++i) sum += static_cast<double>(left[i]) * static_cast<double>(right[i]);
  return sum;
}

TEST(Rotation, KeepsLengthsAndAngles) {
  for (const size_t dims : kDims) {
    SCOPED_TRACE(dims);
    const Rotation rotation(dims, 3);
    EXPECT_EQ(rotation.dims_out() % 64, 0U);
    EXPECT_LT(rotation.dims_out(), dims + 64);
    base::Random random(dims);
    std::vector<float> left(dims);
    std::vector<float> right(dims);
    for (float& value : left) value = random.normal();
    for (float& value : right) value = random.normal();
    const double size = std::sqrt(product(left, left) * product(right, right));
    EXPECT_NEAR(product(rotated(rotation, left), rotated(rotation, right)), product(left, right), 1e-5 * size);
    EXPECT_NEAR(product(rotated(rotation, left), rotated(rotation, left)), product(left, left), 1e-5 * size);
  }
}

// Vectors as far from alike as they can be: one component, all equal, one half. Afterwards no component stands out and the fourth moment is that of a normal
// distribution, 3 times the squared second.
TEST(Rotation, SpreadsAnyVectorEvenly) {
  for (const size_t dims : {128UL, 192UL, 768UL, 960UL, 1536UL}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const Rotation rotation(dims, seed);
      std::vector<float> single(dims);
      single[seed * 7 % dims] = 1;
      const std::vector<float> equal(dims, 1.0F);
      std::vector<float> half(dims);
      std::fill_n(half.begin(), dims / 2, -2.0F);
      for (const auto& vector : {single, equal, half}) {
        SCOPED_TRACE(testing::Message() << "dims " << dims << " seed " << seed);
        const std::vector<float> out = rotated(rotation, vector);
        const double deviation = std::sqrt(product(out, out) / static_cast<double>(dims));
        double fourth = 0;
        for (const float value : out) {
          ASSERT_LT(std::abs(static_cast<double>(value)), 6 * deviation);
          fourth += std::pow(static_cast<double>(value) / deviation, 4) / static_cast<double>(dims);
        }
        EXPECT_GT(fourth, 1.2);
        EXPECT_LT(fourth, 6);
      }
    }
  }
}

TEST(Rotation, ComesFromItsSeedAloneAndTurnsInPlace) {
  std::vector<float> vector(130, 0.5F);
  const std::vector<float> out = rotated(Rotation(130, 5), vector);
  EXPECT_EQ(out, rotated(Rotation(130, 5), vector));
  EXPECT_NE(out, rotated(Rotation(130, 6), vector));
  vector.resize(out.size());
  Rotation(130, 5).apply(vector.data(), vector.data());
  EXPECT_EQ(vector, out);
}

}  // namespace
}  // namespace omendb::quantize
