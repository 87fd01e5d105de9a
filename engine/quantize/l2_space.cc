#include "engine/quantize/l2_space.h"

#include <algorithm>
#include <cmath>

namespace omendb::quantize {
namespace {

// Norms this near to the longest count as equal to it: what rounding leaves of normalised vectors.
constexpr double kNormTolerance = 1e-3;
constexpr double kNormMax = 3.4e38;  // what a float holds

// In double: squares of finite floats neither overflow nor vanish there.
double norm_of(const float* vector, size_t dims) {
  double square = 0;
  for (size_t i = 0; i < dims; ++i) square += static_cast<double>(vector[i]) * static_cast<double>(vector[i]);
  return std::sqrt(square);
}

void scale_to(const float* from, size_t dims, double factor, float* out) {
  for (size_t i = 0; i < dims; ++i) out[i] = static_cast<float>(static_cast<double>(from[i]) * factor);
}

}  // namespace

L2Space L2Space::learn(simd::Metric metric, const float* rows, size_t count, size_t dims) {
  if (metric == simd::Metric::kL2) return {metric, dims, 0, false};
  double longest = 0;
  double shortest = kNormMax;
  for (size_t r = 0; r < count; ++r) {
    const double norm = std::min(norm_of(rows + r * dims, dims), kNormMax);
    longest = std::max(longest, norm);
    shortest = std::min(shortest, norm);
  }
  if (metric == simd::Metric::kCosine) return {metric, dims, 0, shortest == 0};
  return {metric, dims, static_cast<float>(longest), shortest < longest * (1 - kNormTolerance)};
}

bool L2Space::place_row(const float* row, float* out) const {
  if (metric_ == simd::Metric::kL2) {
    std::copy_n(row, dims_, out);
    return true;
  }
  const double norm = norm_of(row, dims_);
  if (metric_ == simd::Metric::kCosine) {
    scale_to(row, dims_, norm == 0 ? 0 : 1 / norm, out);
    if (has_extra_) out[dims_] = norm == 0 ? 1.0F : 0.0F;
    return norm != 0 || has_extra_;
  }
  const double longest = static_cast<double>(longest_norm_);
  const bool too_long = norm > longest * (1 + kNormTolerance);
  scale_to(row, dims_, too_long ? longest / norm : 1, out);
  if (has_extra_) out[dims_] = static_cast<float>(std::sqrt(std::max(longest * longest - norm * norm, 0.0)));
  return !too_long && (has_extra_ || norm >= longest * (1 - 2 * kNormTolerance));
}

void L2Space::place_query(const float* query, float* out) const {
  if (metric_ == simd::Metric::kL2) {
    std::copy_n(query, dims_, out);
    return;
  }
  // The length of a query does not change the order of rows: as long as the rows, so that both fit one scale.
  const double norm = norm_of(query, dims_);
  const double wanted = metric_ == simd::Metric::kCosine ? 1.0 : static_cast<double>(longest_norm_);
  scale_to(query, dims_, norm == 0 ? 0 : wanted / norm, out);
  if (has_extra_) out[dims_] = 0;
}

}  // namespace omendb::quantize
