#include "engine/simd/distance_kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace omendb::simd {

#if defined(__aarch64__)
namespace {

struct NeonVector {
  static constexpr size_t kLanes = 4;
  static constexpr size_t kTileQueries = 4;
  static constexpr size_t kTileRows = 2;
  using Reg = float32x4_t;

  static Reg zero() { return vdupq_n_f32(0); }
  static Reg load(const float* from) { return vld1q_f32(from); }
  static Reg load_first(const float* from, size_t count) {
    if (count >= kLanes) return load(from);
    float lanes[kLanes] = {0, 0, 0, 0};
    for (size_t i = 0; i < count; ++i) lanes[i] = from[i];
    return vld1q_f32(lanes);
  }
  static Reg add(Reg a, Reg b) { return vaddq_f32(a, b); }
  static Reg subtract(Reg a, Reg b) { return vsubq_f32(a, b); }
  static Reg absolute(Reg a) { return vabsq_f32(a); }
  static Reg multiply_add(Reg a, Reg b, Reg c) { return vfmaq_f32(c, a, b); }
  static float sum(Reg reg) {
    const float32x2_t halves = vadd_f32(vget_low_f32(reg), vget_high_f32(reg));
    return vget_lane_f32(vpadd_f32(halves, halves), 0);
  }
  static void sum4(const Reg* regs, float* out) {
    for (size_t i = 0; i < 4; ++i) out[i] = sum(regs[i]);
  }
};

}  // namespace

const DistanceKernels* neon_kernels(Metric metric) { return &kernels::kernels_for<NeonVector>(metric); }

#else

const DistanceKernels* neon_kernels(Metric) { return nullptr; }

#endif

}  // namespace omendb::simd
