// Portable kernels: four lanes that a compiler may or may not turn into vector instructions. The oracle of no test, the fallback of every CPU.

#include "engine/simd/distance_kernels.h"

namespace omendb::simd {
namespace {

struct ScalarVector {
  static constexpr size_t kLanes = 4;
  static constexpr size_t kTileQueries = 2;
  static constexpr size_t kTileRows = 2;
  struct Reg {
    float lane[kLanes];
  };

  static Reg zero() { return {{0, 0, 0, 0}}; }
  static Reg load(const float* from) { return {{from[0], from[1], from[2], from[3]}}; }
  static Reg load_first(const float* from, size_t count) {
    Reg reg = zero();
    for (size_t i = 0; i < count; ++i) reg.lane[i] = from[i];
    return reg;
  }
  static Reg add(Reg a, const Reg& b) {
    for (size_t i = 0; i < kLanes; ++i) a.lane[i] += b.lane[i];
    return a;
  }
  static Reg subtract(Reg a, const Reg& b) {
    for (size_t i = 0; i < kLanes; ++i) a.lane[i] -= b.lane[i];
    return a;
  }
  static Reg absolute(Reg a) {
    for (size_t i = 0; i < kLanes; ++i) a.lane[i] = __builtin_fabsf(a.lane[i]);
    return a;
  }
  static Reg multiply_add(const Reg& a, const Reg& b, Reg c) {
    for (size_t i = 0; i < kLanes; ++i) c.lane[i] += a.lane[i] * b.lane[i];
    return c;
  }
  static float sum(const Reg& reg) { return (reg.lane[0] + reg.lane[2]) + (reg.lane[1] + reg.lane[3]); }
  static void sum4(const Reg* regs, float* out) {
    for (size_t i = 0; i < 4; ++i) out[i] = sum(regs[i]);
  }
};

}  // namespace

const DistanceKernels* scalar_kernels(Metric metric) { return &kernels::kernels_for<ScalarVector>(metric); }

}  // namespace omendb::simd
