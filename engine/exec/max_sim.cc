#include "engine/exec/max_sim.h"

#include "engine/quantize/unit_vectors.h"
#include "engine/simd/distance.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace omendb::exec {
namespace {

constexpr float kLeast = std::numeric_limits<float>::lowest();
constexpr size_t kVectorsAtOnce = 64;  // of a row: their products stay in the first-level cache
// Squares of lengths outside of these go the slow way, which knows vectors of any length.
constexpr float kSquareMin = 1e-18F;
constexpr float kSquareMax = 1e18F;

const simd::DistanceKernels& kernels(simd::Metric metric) { return simd::distance_kernels(metric); }

}  // namespace

MaxSim::MaxSim(Metric metric, std::span<const float> query, size_t dims)
    : metric_(metric),
      dims_(dims),
      normalized_(metric == Metric::kCosine ? quantize::unit_vectors(query, dims) : std::vector<float>()),
      query_(metric == Metric::kCosine ? std::span<const float>(normalized_) : query),
      query_count_(query.size() / dims),
      products_(kVectorsAtOnce * query_count_),
      best_(query_count_) {
  assert((metric == Metric::kCosine || metric == Metric::kInnerProduct) && query_count_ != 0);
}

float MaxSim::score(std::span<const float> vectors) {
  std::ranges::fill(best_, kLeast);
  const size_t count = vectors.size() / dims_;
  for (size_t first = 0; first < count; first += kVectorsAtOnce)
    add(vectors.data() + first * dims_, std::min(kVectorsAtOnce, count - first));
  double sum = 0;
  for (const float best : best_) sum += static_cast<double>(best);
  constexpr double kMax = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(sum, -kMax, kMax));
}

void MaxSim::add(const float* vectors, size_t count) {
  const simd::DistanceKernels& products = kernels(simd::Metric::kInnerProduct);
  products.many_to_many(vectors, count, query_.data(), query_count_, dims_, products_.data());
  for (size_t v = 0; v < count; ++v) {
    float* negated = products_.data() + v * query_count_;
    float factor = -1;
    if (metric_ == Metric::kCosine) {
      const float* vector = vectors + v * dims_;
      const float square = -products.one(vector, vector, dims_);
      if (square > kSquareMin && square < kSquareMax) {
        factor = -1 / std::sqrt(square);
      } else {
        kernels(simd::Metric::kCosine).scan(vector, query_.data(), query_count_, dims_, negated);
        for (size_t q = 0; q < query_count_; ++q) negated[q] -= 1;
      }
    }
    for (size_t q = 0; q < query_count_; ++q)
      best_[q] = negated[q] * factor > best_[q] ? negated[q] * factor : best_[q];
  }
}

}  // namespace omendb::exec
