#include "engine/quantize/l2_space.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/test_result.h"
#include "engine/quantize/codec_test_sets.h"

namespace omendb::quantize {
namespace {

using simd::Metric;

double square_between(const PlacedVector& left, const PlacedVector& right, size_t dims) {
  return exact_distance(Metric::kL2, left.data(), right.data(), dims);
}

TEST(L2Space, OrdersRowsLikeTheMetric) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    for (const float factor : {1.0F, 0x1p-100F, 0x1p90F}) {
      SCOPED_TRACE(testing::Message() << "metric " << static_cast<int>(metric) << " factor " << factor);
      Vectors rows = clustered_vectors(200, 12, 4, 1, 6);
      for (float& value : rows.values) value *= factor;
      const L2Space space = L2Space::learn(metric, rows.values.data(), rows.count(), rows.dims);
      std::vector<PlacedVector> placed(rows.count());
      PlacedVector query;
      for (size_t r = 0; r < rows.count(); ++r) EXPECT_TRUE(space.place_row(rows.row(r), placed[r].data()));
      for (size_t q = 0; q < 20; ++q) {
        EXPECT_TRUE(space.place_query(rows.row(q), query.data()));
        for (size_t r = 1; r < rows.count(); ++r) {
          const double exact = exact_distance(metric, rows.row(q), rows.row(r), rows.dims);
          const double before = exact_distance(metric, rows.row(q), rows.row(r - 1), rows.dims);
          const double here = square_between(query, placed[r], space.dims_out());
          const double there = square_between(query, placed[r - 1], space.dims_out());
          if (std::abs(here - there) < 1e-4 * (here + there)) continue;
          ASSERT_EQ(exact < before, here < there) << q << " and " << r;
        }
      }
    }
  }
}

TEST(L2Space, LeavesOrdinaryRowsOfL2AsTheyAre) {
  const Vectors rows = clustered_vectors(20, 7, 2, 1, 1);
  const L2Space space = L2Space::learn(Metric::kL2, rows.values.data(), rows.count(), rows.dims);
  EXPECT_EQ(space.scale(), 1);
  PlacedVector placed;
  EXPECT_TRUE(space.place_row(rows.row(3), placed.data()));
  for (size_t d = 0; d < rows.dims; ++d) EXPECT_EQ(placed[d], rows.row(3)[d]);
}

TEST(L2Space, SaysWhichRowsHaveNoPlace) {
  const float unit[] = {1, 0, 0, 1};
  const float longer[] = {2, 0};
  const float shorter[] = {0.5F, 0};
  const float zero[] = {0, 0};
  const float huge[] = {1e30F, -1e30F};
  PlacedVector placed;
  const L2Space product = L2Space::learn(Metric::kInnerProduct, unit, 2, 2);
  EXPECT_EQ(product.dims_out(), 2U);
  EXPECT_FALSE(product.place_row(longer, placed.data()));
  EXPECT_FALSE(product.place_row(shorter, placed.data()));
  EXPECT_TRUE(product.place_row(unit, placed.data()));
  const L2Space cosine = L2Space::learn(Metric::kCosine, unit, 2, 2);
  EXPECT_FALSE(cosine.place_row(zero, placed.data()));
  EXPECT_TRUE(cosine.place_row(longer, placed.data()));
  const L2Space l2 = L2Space::learn(Metric::kL2, unit, 2, 2);
  EXPECT_FALSE(l2.place_row(huge, placed.data()));
  EXPECT_EQ(placed[0], kPlacedMax);
  EXPECT_EQ(placed[1], -kPlacedMax);
  EXPECT_FALSE(l2.place_query(huge, placed.data()));
}

TEST(L2Space, KeepsZeroVectorsAsFarFromAllOthersAsTheMetricSays) {
  const float rows[] = {3, 4, 0, 0};
  const L2Space space = L2Space::learn(Metric::kCosine, rows, 2, 2);
  ASSERT_EQ(space.dims_out(), 3U);
  PlacedVector zero;
  PlacedVector query;
  EXPECT_TRUE(space.place_row(rows + 2, zero.data()));
  EXPECT_TRUE(space.place_query(rows, query.data()));
  EXPECT_NEAR(square_between(zero, query, 3), 2, 1e-6);  // twice 1 - cosine
}

}  // namespace
}  // namespace omendb::quantize
