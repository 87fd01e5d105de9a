#include "engine/quantize/rabitq.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/quantize/codec_test_sets.h"
#include "engine/quantize/rabitq_grid.h"

namespace omendb::quantize {
namespace {

using simd::Metric;

struct Errors {
  double mean = 0;       // of estimate less true, in units of the deviation that the bound speaks of
  double deviation = 0;  // in the same units
  double relative = 0;   // root mean square of error / (|r| |q|)
  double outside = 0;    // share of pairs beyond their bound
};

// All pairs of 400 rows and 40 queries around one centre, for several rotations.
Errors errors_of(uint32_t bits, size_t dims, uint64_t first_seed) {
  const Vectors all = clustered_vectors(440, dims, 3, 0.5F, first_seed);
  const Vectors rows{dims, {all.values.begin(), all.values.begin() + static_cast<ptrdiff_t>(400 * dims)}};
  Errors errors;
  double pairs = 0;
  for (uint64_t seed = first_seed; seed < first_seed + 5; ++seed) {
    const auto codec = Rabitq::train({.storage = Storage::kRabitq, .rabitq_bits = bits, .seed = seed}, rows.sample());
    const auto& rabitq = static_cast<const Rabitq&>(*codec);
    const Codes codes(rabitq, rows);
    AlignedBytes prepared(rabitq.query_bytes());
    std::vector<float> out(rows.count());
    std::vector<float> bounds(rows.count());
    for (size_t q = 400; q < all.count(); ++q) {
      EXPECT_TRUE(rabitq.prepare(all.row(q), prepared.data()));
      rabitq.distances_with_bounds(prepared.data(), codes.list().data(), rows.count(), out.data(), bounds.data());
      for (size_t r = 0; r < rows.count(); ++r) {
        const double exact = exact_distance(Metric::kL2, all.row(q), rows.row(r), dims);
        const double error = static_cast<double>(out[r]) - exact;
        const double unit = static_cast<double>(bounds[r] / kRabitqBoundDeviations);
        errors.mean += error / unit;
        errors.deviation += error * error / (unit * unit);
        errors.relative += error * error / (exact * exact);
        errors.outside += std::abs(error) > static_cast<double>(bounds[r]) ? 1 : 0;
        pairs += 1;
      }
    }
  }
  return {errors.mean / pairs, std::sqrt(errors.deviation / pairs), std::sqrt(errors.relative / pairs),
          errors.outside / pairs};
}

TEST(Rabitq, IsUnbiasedAndKeepsItsBound) {
  for (const size_t dims : {60UL, 128UL, 200UL}) {
    for (uint32_t bits = 1; bits <= 8; ++bits) {
      const uint64_t seed = 100 * bits + dims;
      SCOPED_TRACE(testing::Message() << dims << " dims, " << bits << " bits, seed " << seed);
      const Errors errors = errors_of(bits, dims, seed);
      EXPECT_LT(std::abs(errors.mean), 0.05);
      EXPECT_LT(errors.deviation, 1.1);  // the bound is not broken, and
      EXPECT_GT(errors.deviation, 0.5);  // not so wide that it says nothing
      EXPECT_LE(errors.outside, 0.01);
    }
  }
}

TEST(Rabitq, ErrsLessTheMoreBitsItHas) {
  double before = 1e300;
  for (uint32_t bits = 1; bits <= 8; ++bits) {
    const Errors errors = errors_of(bits, 128, 9);
    EXPECT_LT(errors.relative, 0.7 * before) << bits;
    before = errors.relative;
  }
}

TEST(Rabitq, MeasuresAVectorFromItsOwnCodeAsNothing) {
  const Vectors rows = clustered_vectors(200, 100, 3, 1, 4);
  for (const uint32_t bits : {1U, 4U, 5U, 8U}) {
    SCOPED_TRACE(bits);
    const auto codec = train({.storage = Storage::kRabitq, .rabitq_bits = bits}, rows.sample());
    const Codes codes(*codec, rows);
    for (size_t r = 0; r < rows.count(); ++r) {
      const double square = exact_distance(Metric::kL2, rows.row(r), std::vector<float>(100).data(), 100);
      ASSERT_NEAR(codes.estimates_from_code(r)[r], 0, 1e-4 * square);
    }
  }
}

TEST(Rabitq, IsExactForRowsAtTheCentre) {
  const Vectors rows{5, std::vector<float>(50, 3.0F)};
  const auto codec = train({.storage = Storage::kRabitq, .rabitq_bits = 1}, rows.sample());
  const float query[] = {3, 3, 3, 3, 7};
  EXPECT_NEAR(Codes(*codec, rows).estimates(query)[0], 16, 1e-4);
}

// Every step a hundredth apart, from one that clips nothing to one that clips nearly all.
double best_cosine(const std::vector<float>& vector, size_t bits) {
  const double top = static_cast<double>((1U << (bits - 1)) - 1);
  double square = 0;
  double largest = 0;
  for (const float value : vector) {
    square += static_cast<double>(value) * static_cast<double>(value);
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  double best = 0;
  for (double step = 1.1 * largest / (top + 1); step > 0.1 * largest / (top + 1); step /= 1.01) {
    double dot = 0;
    double grid_square = 0;
    for (const float value : vector) {
      const double magnitude = std::abs(static_cast<double>(value));
      const double y = std::min(std::floor(magnitude / step), top) + 0.5;
      dot += y * magnitude;
      grid_square += y * y;
    }
    best = std::max(best, dot / std::sqrt(grid_square * square));
  }
  return best;
}

TEST(RabitqGrid, FindsNearlyTheBestPoint) {
  for (size_t bits = 1; bits <= 8; ++bits) {
    for (const size_t dims : {64UL, 192UL, 768UL}) {
      SCOPED_TRACE(testing::Message() << "bits " << bits << " dims " << dims);
      const Vectors vectors = clustered_vectors(10, dims, 1, 0, bits * 1000 + dims);
      std::vector<uint8_t> numbers(dims);
      double lost_sum = 0;
      double least_sum = 0;
      for (size_t r = 0; r < vectors.count(); ++r) {
        const std::vector<float> vector(vectors.row(r), vectors.row(r) + dims);
        const GridPoint point = nearest_grid_point(simd::code_kernels(), vector.data(), dims, bits, numbers.data());
        double dot = 0;
        double square = 0;
        for (size_t d = 0; d < dims; ++d) {
          const double y = numbers[d] - static_cast<double>((1U << bits) - 1) / 2;
          dot += y * static_cast<double>(vector[d]);
          square += y * y;
        }
        EXPECT_NEAR(point.dot, dot, 1e-4 * std::abs(dot));
        EXPECT_NEAR(point.square, square, 1e-4 * square);
        const double cosine = static_cast<double>(point.dot) /
                              std::sqrt(static_cast<double>(point.square) * static_cast<double>(point.vector_square));
        const double lost = 1 - cosine;
        const double least = 1 - best_cosine(vector, bits);
        EXPECT_LT(lost, 1.5 * least + 1e-7);
        lost_sum += lost;
        least_sum += least;
      }
      EXPECT_LT(lost_sum, 1.1 * least_sum + 1e-6);
    }
  }
}

}  // namespace
}  // namespace omendb::quantize
