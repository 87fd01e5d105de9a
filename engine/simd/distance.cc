#include "engine/simd/distance.h"

#include "engine/simd/bit_distance_kernels.h"
#include "engine/simd/distance_kernels.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace omendb::simd {
namespace {

struct Targets {
  std::array<Target, 4> list{};
  size_t count = 0;
};

bool cpu_has(Target target) {
#if defined(__x86_64__)
  if (target == Target::kAvx2) return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (target == Target::kAvx512) {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
           __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  }
#endif
  return target == Target::kScalar || target == Target::kNeon;  // where the compiler builds it, every 64-bit ARM has it
}

// A target without kernels of its own for bits takes the best below it: the instructions that AVX2 takes, every AVX-512 CPU has.
const DistanceKernels* bit_kernels(Metric metric, Target target) {
  const DistanceKernels* kernels = nullptr;
#if defined(__x86_64__)
  if (target == Target::kAvx512 && __builtin_cpu_supports("avx512vpopcntdq") != 0) kernels = avx512_bit_kernels(metric);
  if (target >= Target::kAvx2 && kernels == nullptr) kernels = avx2_bit_kernels(metric);
#endif
  return kernels != nullptr ? kernels : scalar_bit_kernels(metric);
}

const DistanceKernels* kernels_or_null(Metric metric, Target target) {
  if (is_of_bits(metric)) return bit_kernels(metric, target);
  switch (target) {
    case Target::kScalar: return scalar_kernels(metric);
    case Target::kNeon: return neon_kernels(metric);
    case Target::kAvx2: return avx2_kernels(metric);
    case Target::kAvx512: return avx512_kernels(metric);
  }
  return nullptr;
}

const Targets& targets() {
  static const Targets kFound = [] {
    Targets found;
    for (const Target target : {Target::kScalar, Target::kNeon, Target::kAvx2, Target::kAvx512}) {
      if (cpu_has(target) && kernels_or_null(Metric::kL2, target) != nullptr) found.list[found.count++] = target;
    }
    return found;
  }();
  return kFound;
}

Target choose_target() {
  const std::span<const Target> available = available_targets();
  Target chosen = available.back();
  const char* wanted = std::getenv("OMENDB_SIMD");
  if (wanted == nullptr) return chosen;
  for (const Target target : available) {
    if (to_string(target) == wanted) chosen = target;
  }
  return chosen;
}

// Each square of a float and each product of two is exact in double and never overflows there.
struct DoubleSums {
  double dot = 0;
  double left_square = 0;
  double right_square = 0;
};

DoubleSums sums_in_double(const float* left, const float* right, size_t dims) {
  DoubleSums sums;
  for (size_t i = 0; i < dims; ++i) {
    const double l = left[i];
    const double r = right[i];
    sums.dot += l * r;
    sums.left_square += l * l;
    sums.right_square += r * r;
  }
  return sums;
}

}  // namespace

std::string_view to_string(Target target) {
  switch (target) {
    case Target::kScalar: return "scalar";
    case Target::kNeon: return "neon";
    case Target::kAvx2: return "avx2";
    case Target::kAvx512: return "avx512";
  }
  return "unknown";
}

float cosine_distance_in_double(const float* left, const float* right, size_t dims) {
  const DoubleSums sums = sums_in_double(left, right, dims);
  if (sums.left_square == 0 || sums.right_square == 0) return 1.0F;
  // Each root by itself: the product of the squares of two huge vectors would not fit, nor that of two tiny ones.
  return static_cast<float>(1.0 - sums.dot / (std::sqrt(sums.left_square) * std::sqrt(sums.right_square)));
}

float negated_inner_product_in_double(const float* left, const float* right, size_t dims) {
  const double dot = sums_in_double(left, right, dims).dot;
  constexpr double kMax = static_cast<double>(kernels::kFloatMax);
  return static_cast<float>(-std::clamp(dot, -kMax, kMax));
}

std::span<const Target> available_targets() { return {targets().list.data(), targets().count}; }

Target best_target() {
  static const Target kBest = choose_target();
  return kBest;
}

const DistanceKernels& distance_kernels(Metric metric, Target target) {
  const DistanceKernels* kernels = kernels_or_null(metric, target);
  assert(kernels != nullptr && cpu_has(target) && "a target that this CPU does not have");
  return *kernels;
}

float to_user_distance(Metric metric, float kernel_distance) {
  return metric == Metric::kL2 ? std::sqrt(std::max(kernel_distance, 0.0F)) : kernel_distance;
}

float to_kernel_bound(Metric metric, float user_distance) {
  if (metric != Metric::kL2) return user_distance;
  assert(user_distance >= 0);
  // Several squares have one root in float: the largest of them is a few steps from the square.
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float bound = user_distance * user_distance;
  while (to_user_distance(metric, bound) > user_distance) bound = std::nextafter(bound, 0.0F);
  for (float next = std::nextafter(bound, kInfinity);
       next > bound && to_user_distance(metric, next) <= user_distance;) {
    bound = next;
    next = std::nextafter(bound, kInfinity);
  }
  return bound;
}

}  // namespace omendb::simd
