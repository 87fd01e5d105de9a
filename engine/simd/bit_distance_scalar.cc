// Portable kernels over rows of bits: a word of 64 bits at a time.

#include "engine/simd/bit_distance_kernels.h"

namespace omendb::simd {
namespace {

struct ScalarBits {
  using Reg = uint64_t;
  static constexpr size_t kBytes = sizeof(Reg);

  static Reg zero() { return 0; }
  static Reg load(const uint8_t* from) {
    Reg reg = 0;
    __builtin_memcpy(&reg, from, kBytes);
    return reg;
  }
  static Reg load_first(const uint8_t* from, size_t count) {
    Reg reg = 0;
    for (size_t i = 0; i < count; ++i) reg |= static_cast<Reg>(from[i]) << (8 * i);
    return reg;
  }
  static Reg differing(Reg a, Reg b) { return a ^ b; }
  static Reg either(Reg a, Reg b) { return a | b; }
  static Reg add_count(Reg sum, Reg bits) { return sum + static_cast<Reg>(__builtin_popcountll(bits)); }
  static uint64_t sum(Reg reg) { return reg; }
};

}  // namespace

const DistanceKernels* scalar_bit_kernels(Metric metric) { return &bit_kernels::kernels_for<ScalarBits>(metric); }

}  // namespace omendb::simd
