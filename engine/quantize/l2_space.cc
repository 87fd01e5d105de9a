#include "engine/quantize/l2_space.h"

#include "engine/base/try.h"

#include <algorithm>
#include <cmath>

namespace omendb::quantize {
namespace {

// Norms this near to the longest count as equal to it: what rounding leaves of normalised vectors.
constexpr double kNormTolerance = 1e-3;
constexpr double kNormMax = 3.4e38;  // what a float holds

// Rows are left as they are if the largest component lies between these powers of two: then a half has bits to spare on either side.
constexpr int kExponentMin = -6;
constexpr int kExponentMax = 12;
constexpr int kScaleExponentMax = 126;  // both the scale and its inverse are ordinary floats

// Squares outside of these may have lost something in float.
constexpr float kSquareMin = 1e-18F;
constexpr float kSquareMax = 1e18F;

double norm_of(const float* vector, size_t dims) {
  const float fast = -simd::distance_kernels(simd::Metric::kInnerProduct).one(vector, vector, dims);
  if (fast > kSquareMin && fast < kSquareMax) return std::sqrt(static_cast<double>(fast));
  double square = 0;  // squares of finite floats neither overflow nor vanish here
  for (size_t i = 0; i < dims; ++i) square += static_cast<double>(vector[i]) * static_cast<double>(vector[i]);
  return std::sqrt(square);
}

void multiply(const float* from, size_t dims, double factor, float* out) {
  for (size_t i = 0; i < dims; ++i) out[i] = static_cast<float>(static_cast<double>(from[i]) * factor);
}

// Returns false if a component was clamped.
bool multiply_and_clamp(const float* from, size_t dims, float factor, float* out) {
  int32_t outside = 0;
  for (size_t i = 0; i < dims; ++i) {
    const float value = from[i] * factor;
    outside |= static_cast<int32_t>(std::fabs(value) > kPlacedMax);
    const float capped = value < -kPlacedMax ? -kPlacedMax : value;
    out[i] = capped > kPlacedMax ? kPlacedMax : capped;
  }
  return outside == 0;
}

float scale_for(double largest) {
  int exponent = 0;  // largest < 2^exponent
  (void)std::frexp(largest, &exponent);
  if (largest == 0 || (exponent > kExponentMin && exponent <= kExponentMax)) return 1.0F;
  return std::ldexp(1.0F, std::clamp(-exponent, -kScaleExponentMax, kScaleExponentMax));
}

}  // namespace

L2Space L2Space::learn(simd::Metric metric, const float* rows, size_t count, size_t dims) {
  if (metric == simd::Metric::kL2) {
    float largest = 0;
    for (size_t i = 0; i < count * dims; ++i) largest = std::max(largest, std::fabs(rows[i]));
    return {metric, dims, 0, scale_for(static_cast<double>(largest)), false};
  }
  double longest = 0;
  double shortest = kNormMax;
  for (size_t r = 0; r < count; ++r) {
    const double norm = std::min(norm_of(rows + r * dims, dims), kNormMax);
    longest = std::max(longest, norm);
    shortest = std::min(shortest, norm);
  }
  if (metric == simd::Metric::kCosine) return {metric, dims, 0, 1.0F, shortest == 0};
  return {metric, dims, static_cast<float>(longest), scale_for(longest), shortest < longest * (1 - kNormTolerance)};
}

bool L2Space::place_row(const float* row, float* out) const {
  if (metric_ == simd::Metric::kL2) return multiply_and_clamp(row, dims_, scale_, out);
  const double norm = norm_of(row, dims_);
  if (metric_ == simd::Metric::kCosine) {
    multiply(row, dims_, norm == 0 ? 0 : 1 / norm, out);
    if (has_extra_) out[dims_] = norm == 0 ? 1.0F : 0.0F;
    return norm != 0 || has_extra_;
  }
  const double scale = static_cast<double>(scale_);
  const double longest = static_cast<double>(longest_norm_);
  const bool too_long = norm > longest * (1 + kNormTolerance);
  multiply(row, dims_, too_long ? longest / norm * scale : scale, out);
  if (has_extra_) out[dims_] = static_cast<float>(std::sqrt(std::max(longest * longest - norm * norm, 0.0)) * scale);
  return !too_long && (has_extra_ || norm >= longest * (1 - 2 * kNormTolerance));
}

bool L2Space::place_query(const float* query, float* out) const {
  if (metric_ == simd::Metric::kL2) return multiply_and_clamp(query, dims_, scale_, out);
  // The length of a query does not change the order of rows: as long as the rows, so that both fit one scale.
  const double norm = norm_of(query, dims_);
  const bool cosine = metric_ == simd::Metric::kCosine;
  const double wanted = cosine ? 1.0 : static_cast<double>(longest_norm_) * static_cast<double>(scale_);
  multiply(query, dims_, norm == 0 ? 0 : wanted / norm, out);
  if (has_extra_) out[dims_] = 0;
  return true;
}

void L2Space::save(base::ByteWriter& out) const {
  out.put_u8(has_extra_ ? 1 : 0);
  out.put_f32(longest_norm_);
  out.put_f32(scale_);
}

Result<L2Space> L2Space::load(simd::Metric metric, size_t dims, base::ByteReader& in) {
  TRY(has_extra, in.u8("flags"));
  TRY(longest_norm, in.f32("longest norm"));
  TRY(scale, in.f32("scale"));
  if (has_extra > (metric == simd::Metric::kL2 ? 0 : 1)) return in.corruption("flags that are not known");
  if (!(longest_norm >= 0 && std::isfinite(longest_norm))) return in.corruption("a longest norm that is none");
  int exponent = 0;
  const bool is_power = std::isnormal(scale) && std::frexp(scale, &exponent) == 0.5F;
  if (!is_power || std::abs(exponent - 1) > kScaleExponentMax) return in.corruption("a scale that is none");
  if (metric != simd::Metric::kInnerProduct && longest_norm != 0) return in.corruption("a norm that no metric needs");
  if (metric == simd::Metric::kCosine && scale != 1) return in.corruption("a scale that cosine does not need");
  if (metric == simd::Metric::kInnerProduct && scale != scale_for(static_cast<double>(longest_norm))) {
    return in.corruption("a scale that does not fit the longest norm");
  }
  return L2Space(metric, dims, longest_norm, scale, has_extra != 0);
}

}  // namespace omendb::quantize
