#include "engine/quantize/rabitq_grid.h"

#include <omendb/schema.h>

#include "engine/simd/distance.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace omendb::quantize {
namespace {

constexpr size_t kDimsMax = kVectorDimsMax + 64;
constexpr size_t kBitsMax = 8;
constexpr float kSquareMin = 1e-30F;  // of a vector that has a direction

// The step that loses least of a normal distribution with deviation 1 (as Max 1960 has them for few levels): where the search begins. One bit has no step.
constexpr std::array<float, kBitsMax + 1> kNormalSteps = {0,       1.596F,  0.9957F, 0.5860F, 0.3352F,
                                                          0.1881F, 0.1041F, 0.0569F, 0.0308F};
// Steps are tried in even ratios from a little below the smaller of that one and the one that clips nothing (few dimensions have no long tail) to a little above it;
// then the best one's neighbours, ever nearer.
constexpr float kLowShare = 0.85F;
constexpr float kHighShare = 1.25F;
constexpr size_t kTries = 9;
constexpr std::array<float, 3> kRefinements = {1.04F, 1.02F, 1.01F};

// Magnitudes of components, in units of their root mean square.
using Magnitudes = std::array<float, kDimsMax>;

float best_step(const simd::CodeKernels& kernels, const Magnitudes& magnitudes, size_t dims, size_t bits) {
  const auto top = static_cast<float>((1U << (bits - 1)) - 1);
  float best = kNormalSteps[bits];
  float best_cosine = 0;  // but for the factor 1 / |r|
  const auto try_step = [&](float step) {
    const simd::GridFit fit = kernels.grid_fit(magnitudes.data(), dims, 1 / step, top);
    const float cosine = fit.dot / std::sqrt(fit.square);
    if (cosine > best_cosine) {
      best_cosine = cosine;
      best = step;
    }
  };
  const float largest = *std::max_element(magnitudes.begin(), magnitudes.begin() + static_cast<ptrdiff_t>(dims));
  const float low = kLowShare * std::min(kNormalSteps[bits], largest / (top + 1));
  const float ratio = std::pow(kHighShare * kNormalSteps[bits] / low, 1.0F / (kTries - 1));
  float step = low;
  for (size_t i = 0; i < kTries; ++i, step *= ratio) try_step(step);
  for (const float factor : kRefinements) {
    const float centre = best;
    try_step(centre * factor);
    try_step(centre / factor);
  }
  return best;
}

}  // namespace

GridPoint nearest_grid_point(const simd::CodeKernels& kernels, const float* vector, size_t dims, size_t bits,
                             uint8_t* numbers) {
  const uint32_t half = 1U << (bits - 1);
  const float square = -simd::distance_kernels(simd::Metric::kInnerProduct).one(vector, vector, dims);
  if (square < kSquareMin) {
    std::fill_n(numbers, dims, static_cast<uint8_t>(half));
    return {};
  }
  const float unit = std::sqrt(static_cast<float>(dims) / square);
  Magnitudes magnitudes;
  for (size_t d = 0; d < dims; ++d) magnitudes[d] = std::fabs(vector[d]) * unit;
  const float inverse = bits == 1 ? 0.0F : 1 / best_step(kernels, magnitudes, dims, bits);
  const auto top = static_cast<float>(half - 1);
  for (size_t d = 0; d < dims; ++d) {
    const float wanted = magnitudes[d] * inverse;
    const auto whole = static_cast<int32_t>(wanted < top ? wanted : top);
    const int32_t number = vector[d] >= 0 ? whole : -1 - whole;
    numbers[d] = static_cast<uint8_t>(number + static_cast<int32_t>(half));
  }
  const simd::GridFit fit = kernels.grid_fit(magnitudes.data(), dims, inverse, top);
  return {square, fit.dot / unit, fit.square};
}

}  // namespace omendb::quantize
