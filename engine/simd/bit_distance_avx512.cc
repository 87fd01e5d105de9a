// Compiled with -mavx512vpopcntdq beside the flags of distance_avx512.cc; called only where the CPU has them all.

#include "engine/simd/bit_distance_kernels.h"

#if defined(__AVX512BW__) && defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX512BW__) && defined(__AVX512VPOPCNTDQ__)
namespace {

struct Avx512Bits {
  using Reg = __m512i;
  static constexpr size_t kBytes = sizeof(Reg);

  static Reg zero() { return _mm512_setzero_si512(); }
  static Reg load(const uint8_t* from) { return _mm512_loadu_si512(from); }
  static Reg load_first(const uint8_t* from, size_t count) {
    return _mm512_maskz_loadu_epi8((uint64_t{1} << count) - 1, from);
  }
  static Reg differing(Reg a, Reg b) { return _mm512_xor_si512(a, b); }
  static Reg either(Reg a, Reg b) { return _mm512_or_si512(a, b); }
  static Reg add_count(Reg sum, Reg bits) { return _mm512_add_epi64(sum, _mm512_popcnt_epi64(bits)); }
  static uint64_t sum(Reg reg) { return static_cast<uint64_t>(_mm512_reduce_add_epi64(reg)); }
};

}  // namespace

const DistanceKernels* avx512_bit_kernels(Metric metric) { return &bit_kernels::kernels_for<Avx512Bits>(metric); }

#else

const DistanceKernels* avx512_bit_kernels(Metric) { return nullptr; }

#endif

}  // namespace omendb::simd
