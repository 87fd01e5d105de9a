// Plain C++: any CPU, and what the others are compared with. The compiler turns it into whatever the build's own instruction set has.

#include "engine/simd/code_distance_kernels.h"

namespace omendb::simd {
namespace {

struct ScalarCodes {
  struct Reg {
    int32_t total;
  };
  static constexpr size_t kDims = kCodeDimsStep;

  static Reg zero() { return {0}; }
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    for (size_t i = 0; i < kDims; ++i) {
      const int32_t d = int32_t{query[i]} - static_cast<int32_t>(code[i]);
      sum.total += d * d;
    }
    return sum;
  }
  static float sum(Reg reg) { return static_cast<float>(reg.total); }
  static void sum4(const Reg* regs, float* out) {
    for (size_t i = 0; i < 4; ++i) out[i] = sum(regs[i]);
  }
};

}  // namespace

const CodeKernels* scalar_code_kernels() { return &code_kernels_of::kKernelsOf<ScalarCodes>; }

}  // namespace omendb::simd
