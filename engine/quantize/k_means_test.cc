#include "engine/quantize/k_means.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/quantize/codec_test_sets.h"

namespace omendb::quantize {
namespace {

constexpr size_t kDims = 3;

// Mean squared distance of points to their nearest centroid, by plain loops.
double error_of(const Vectors& points, const std::vector<float>& centroids) {
  double total = 0;
  for (size_t p = 0; p < points.count(); ++p) {
    double lowest = 1e300;
    for (size_t c = 0; c < simd::kCentroids; ++c) {
      double square = 0;
      for (size_t d = 0; d < points.dims; ++d) {
        const double difference =
            static_cast<double>(points.row(p)[d]) - static_cast<double>(centroids[d * simd::kCentroids + c]);
        square += difference * difference;
      }
      lowest = std::min(lowest, square);
    }
    total += lowest;
  }
  return total / static_cast<double>(points.count());
}

TEST(KMeans, LosesLessThanPointsChosenAtRandom) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Vectors points = clustered_vectors(3000, kDims, 20, 4, seed);
    base::Random random(seed);
    const std::vector<float> centroids = k_means(simd::code_kernels(), points.values, kDims, simd::kCentroids, random);
    std::vector<float> first(kDims * simd::kCentroids);
    for (size_t c = 0; c < simd::kCentroids; ++c) {
      for (size_t d = 0; d < kDims; ++d) first[d * simd::kCentroids + c] = points.row(c)[d];
    }
    EXPECT_LT(error_of(points, centroids), 0.75 * error_of(points, first));
  }
}

TEST(KMeans, GivesEachOfAFewPointsItsOwnCentroid) {
  const Vectors points = clustered_vectors(256, kDims, 5, 1, 8);
  base::Random random(8);
  EXPECT_EQ(error_of(points, k_means(simd::code_kernels(), points.values, kDims, simd::kCentroids, random)), 0);
}

TEST(KMeans, KeepsEqualPointsAsTheyAre) {
  const Vectors points{kDims, std::vector<float>(1000 * kDims, 7.0F)};
  base::Random random(8);
  EXPECT_EQ(error_of(points, k_means(simd::code_kernels(), points.values, kDims, simd::kCentroids, random)), 0);
}

TEST(KMeans, LeavesNoCentroidWithoutWorkWherePointsDiffer) {
  // Half of the points are one point, so many of the first centroids are equal and all but one of those starve.
  Vectors points = clustered_vectors(4000, kDims, 1, 0, 5);
  std::fill_n(points.values.begin(), points.values.size() / 2, 0.25F);
  base::Random random(5);
  const std::vector<float> centroids = k_means(simd::code_kernels(), points.values, kDims, simd::kCentroids, random);
  std::vector<bool> used(simd::kCentroids);
  for (size_t p = 0; p < points.count(); ++p) {
    used[simd::code_kernels().nearest(points.row(p), centroids.data(), simd::kCentroids, kDims).centroid] = true;
  }
  EXPECT_GT(std::count(used.begin(), used.end(), true), 200);
}

}  // namespace
}  // namespace omendb::quantize
