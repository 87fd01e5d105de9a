#include "engine/simd/distance.h"

#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace omendb::simd {
namespace {

constexpr Metric kMetrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct, Metric::kL1};

// The distance in double and what rounding in float may cost it: the error of a float sum is bounded by its terms' magnitudes.
struct Expected {
  double distance = 0;
  double tolerance = 0;
};

Expected expected(Metric metric, const float* left, const float* right, size_t dims) {
  double dot = 0;
  double dot_magnitude = 0;
  double left_square = 0;
  double right_square = 0;
  double difference_square = 0;
  double difference_magnitude = 0;
  for (size_t i = 0; i < dims; ++i) {
    const double l = left[i];
    const double r = right[i];
    dot += l * r;
    dot_magnitude += std::abs(l * r);
    left_square += l * l;
    right_square += r * r;
    difference_square += (l - r) * (l - r);
    difference_magnitude += std::abs(l - r);
  }
  const double relative = 1e-6 * std::sqrt(static_cast<double>(dims));
  if (metric == Metric::kL2) return {difference_square, relative * difference_square};
  if (metric == Metric::kL1) return {difference_magnitude, relative * difference_magnitude};
  if (metric == Metric::kInnerProduct) return {-dot, relative * dot_magnitude};
  const double norms = std::sqrt(left_square) * std::sqrt(right_square);
  if (norms == 0) return {1, 0};
  return {1 - dot / norms, 1e-6 + relative * dot_magnitude / norms};
}

std::vector<size_t> tested_dims() {
  std::vector<size_t> dims;
  for (size_t d = 1; d <= 130; ++d) dims.push_back(d);
  constexpr size_t kAbove[] = {255, 256, 257,  383,  511,  512,  513,  767,  768,
                               784, 799, 1023, 1024, 1536, 2047, 3001, 4095, 4096};
  dims.insert(dims.end(), std::begin(kAbove), std::end(kAbove));
  return dims;
}

// Floats that end exactly where the allocation ends, so that the address sanitizer sees any read behind the last row; they begin `offset_floats` late.
class TightFloats {
 public:
  TightFloats(size_t count, size_t offset_floats, base::Random& random)
      : memory_(std::make_unique<float[]>(count + offset_floats)), first_(memory_.get() + offset_floats) {
    for (size_t i = 0; i < count; ++i) first_[i] = random.normal();
  }
  float* data() { return first_; }

 private:
  std::unique_ptr<float[]> memory_;
  float* first_;
};

class DistanceOnEveryTarget : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(Targets, DistanceOnEveryTarget,
                         testing::ValuesIn(available_targets().begin(), available_targets().end()),
                         [](const auto& target) { return std::string(to_string(target.param)); });

TEST_P(DistanceOnEveryTarget, AgreesWithDoubleForEveryDimensionAndMisalignment) {
  constexpr size_t kRows = 7;  // one group of four and three single ones
  for (const size_t dims : tested_dims()) {
    for (size_t offset = 0; offset < 4; ++offset) {
      base::Random random(dims * 4 + offset);
      TightFloats query(dims, offset, random);
      TightFloats rows(kRows * dims, 3 - offset, random);
      for (const Metric metric : kMetrics) {
        SCOPED_TRACE(testing::Message() << "dims " << dims << " offset " << offset << " metric "
                                        << static_cast<int>(metric));
        std::vector<float> out(kRows);
        distance_kernels(metric, GetParam()).scan(query.data(), rows.data(), kRows, dims, out.data());
        for (size_t r = 0; r < kRows; ++r) {
          const Expected want = expected(metric, query.data(), rows.data() + r * dims, dims);
          ASSERT_NEAR(out[r], want.distance, want.tolerance) << "row " << r;
        }
      }
    }
  }
}

TEST_P(DistanceOnEveryTarget, GivesTheSameBitsInEveryForm) {
  constexpr size_t kDims[] = {1, 3, 8, 15, 16, 17, 31, 33, 48, 100, 127, 128, 129, 784, 1537};
  constexpr size_t kRowCounts[] = {1, 2, 3, 4, 5, 9, 130};
  for (const size_t dims : kDims) {
    for (const size_t row_count : kRowCounts) {
      const size_t query_count = 1 + row_count % 7;
      base::Random random(dims * 1000 + row_count);
      TightFloats queries(query_count * dims, 1, random);
      TightFloats rows(row_count * dims, 0, random);
      std::vector<uint32_t> ids(row_count);
      for (uint32_t& id : ids) id = static_cast<uint32_t>(random.below(row_count));
      for (const Metric metric : kMetrics) {
        SCOPED_TRACE(testing::Message() << "dims " << dims << " rows " << row_count << " metric "
                                        << static_cast<int>(metric));
        const DistanceKernels& kernels = distance_kernels(metric, GetParam());
        std::vector<float> many(query_count * row_count);
        kernels.many_to_many(queries.data(), query_count, rows.data(), row_count, dims, many.data());
        for (size_t q = 0; q < query_count; ++q) {
          const float* query = queries.data() + q * dims;
          std::vector<float> scanned(row_count);
          std::vector<float> gathered(row_count);
          kernels.scan(query, rows.data(), row_count, dims, scanned.data());
          kernels.gather(query, rows.data(), ids.data(), row_count, dims, gathered.data());
          for (size_t r = 0; r < row_count; ++r) {
            const float single = kernels.one(query, rows.data() + r * dims, dims);
            ASSERT_EQ(std::memcmp(&single, &scanned[r], sizeof(float)), 0) << single << " and " << scanned[r];
            ASSERT_EQ(std::memcmp(&single, &many[q * row_count + r], sizeof(float)), 0);
            const float picked = kernels.one(query, rows.data() + ids[r] * dims, dims);
            ASSERT_EQ(std::memcmp(&picked, &gathered[r], sizeof(float)), 0);
          }
        }
      }
    }
  }
}

TEST_P(DistanceOnEveryTarget, IsSymmetricToTheLastBit) {
  base::Random random(11);
  TightFloats pair(2 * 333, 0, random);
  for (const Metric metric : kMetrics) {
    const DistanceKernels& kernels = distance_kernels(metric, GetParam());
    EXPECT_EQ(kernels.one(pair.data(), pair.data() + 333, 333), kernels.one(pair.data() + 333, pair.data(), 333));
  }
}

TEST_P(DistanceOnEveryTarget, PutsAZeroVectorAtCosineDistanceOne) {
  base::Random random(5);
  constexpr size_t kDims[] = {1, 16, 50, 129};
  for (const size_t dims : kDims) {
    const std::vector<float> zero(dims * 5, 0.0F);
    TightFloats other(dims, 0, random);
    const DistanceKernels& kernels = distance_kernels(Metric::kCosine, GetParam());
    EXPECT_EQ(kernels.one(zero.data(), other.data(), dims), 1.0F);
    EXPECT_EQ(kernels.one(other.data(), zero.data(), dims), 1.0F);
    EXPECT_EQ(kernels.one(zero.data(), zero.data(), dims), 1.0F);
    std::vector<float> out(5);
    kernels.scan(other.data(), zero.data(), 5, dims, out.data());
    for (const float distance : out) EXPECT_EQ(distance, 1.0F);
  }
}

TEST_P(DistanceOnEveryTarget, KeepsTheCosineOfHugeAndTinyVectors) {
  for (const float scale : {1e-44F, 1e-38F, 1e-30F, 1e-20F, 1e-9F, 1e9F, 1e18F, 1e30F, 1e38F}) {
    SCOPED_TRACE(scale);
    constexpr size_t kDims = 37;
    base::Random random(9);
    TightFloats rows(5 * kDims, 0, random);
    std::vector<float> query(kDims);
    for (size_t i = 0; i < kDims; ++i) query[i] = scale * std::round(4 * random.uniform_f32() - 2);
    const DistanceKernels& kernels = distance_kernels(Metric::kCosine, GetParam());
    std::vector<float> out(5);
    kernels.scan(query.data(), rows.data(), 5, kDims, out.data());
    for (size_t r = 0; r < 5; ++r) {
      const Expected want = expected(Metric::kCosine, query.data(), rows.data() + r * kDims, kDims);
      EXPECT_NEAR(out[r], want.distance, want.tolerance);
    }
    EXPECT_NEAR(kernels.one(query.data(), query.data(), kDims), 0, 1e-5);
  }
}

TEST_P(DistanceOnEveryTarget, NeverGivesNaNForFiniteInput) {
  constexpr size_t kDims = 67;
  const float values[] = {0.0F,
                          -0.0F,
                          1e-45F,
                          1.0F,
                          -1.0F,
                          1e20F,
                          -1e20F,
                          std::numeric_limits<float>::max(),
                          std::numeric_limits<float>::lowest()};
  base::Random random(77);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE(round);
    std::vector<float> query(kDims);
    std::vector<float> rows(5 * kDims);
    for (float& value : query) value = values[random.below(std::size(values))];
    for (float& value : rows) value = values[random.below(std::size(values))];
    for (const Metric metric : kMetrics) {
      std::vector<float> out(5);
      distance_kernels(metric, GetParam()).scan(query.data(), rows.data(), 5, kDims, out.data());
      for (size_t r = 0; r < 5; ++r) {
        ASSERT_FALSE(std::isnan(out[r]));
        if (metric == Metric::kL2 || metric == Metric::kL1) continue;
        ASSERT_TRUE(std::isfinite(out[r]));
        if (metric == Metric::kCosine) {
          ASSERT_NEAR(out[r], 1, 1.0001);
        }
      }
    }
  }
}

TEST_P(DistanceOnEveryTarget, TouchesNothingForNoRows) {
  const float query[1] = {1};
  float untouched = 7;
  for (const Metric metric : kMetrics) {
    const DistanceKernels& kernels = distance_kernels(metric, GetParam());
    kernels.scan(query, nullptr, 0, 1, &untouched);
    kernels.gather(query, nullptr, nullptr, 0, 1, &untouched);
    kernels.many_to_many(query, 1, nullptr, 0, 1, &untouched);
    kernels.many_to_many(nullptr, 0, query, 1, 1, &untouched);
  }
  EXPECT_EQ(untouched, 7);
}

TEST(Distance, OffersTheScalarTargetEverywhereAndTheBestLast) {
  ASSERT_FALSE(available_targets().empty());
  EXPECT_EQ(available_targets().front(), Target::kScalar);
  EXPECT_TRUE(std::is_sorted(available_targets().begin(), available_targets().end()));
}

TEST(Distance, ShowsUsersTheRootOfASquaredDistanceOnly) {
  EXPECT_EQ(to_user_distance(Metric::kL2, 9.0F), 3.0F);
  EXPECT_EQ(to_user_distance(Metric::kL2, 0.0F), 0.0F);
  EXPECT_EQ(to_user_distance(Metric::kCosine, 0.25F), 0.25F);
  EXPECT_EQ(to_user_distance(Metric::kInnerProduct, -4.0F), -4.0F);
  EXPECT_EQ(to_user_distance(Metric::kL1, 9.0F), 9.0F);
}

TEST(Distance, BoundsWhatUsersSeeToTheLastBit) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> radii = {0.0F, -0.0F, 1e-45F, 1e-23F,  3e-23F, 1e-20F,   1.0F,
                              2.0F, 0.1F,  1e19F,  1.9e19F, 3e38F,  kInfinity};
  base::Random random(3);
  for (int i = 0; i < 10000; ++i) radii.push_back(std::exp(40 * random.normal()));
  for (const float radius : radii) {
    SCOPED_TRACE(radius);
    const float bound = to_kernel_bound(Metric::kL2, radius);
    ASSERT_LE(to_user_distance(Metric::kL2, bound), radius);
    if (bound == kInfinity) continue;
    ASSERT_GT(to_user_distance(Metric::kL2, std::nextafter(bound, kInfinity)), radius);
  }
  EXPECT_EQ(to_kernel_bound(Metric::kL2, kInfinity), kInfinity);
  EXPECT_EQ(to_kernel_bound(Metric::kInnerProduct, -4.0F), -4.0F);
  EXPECT_EQ(to_kernel_bound(Metric::kCosine, 0.25F), 0.25F);
  EXPECT_EQ(to_kernel_bound(Metric::kL1, 9.0F), 9.0F);
}

}  // namespace
}  // namespace omendb::simd
