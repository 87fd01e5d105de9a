// Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/distance_kernels.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX512F__) && defined(__AVX512DQ__)
namespace {

struct Avx512Vector {
  static constexpr size_t kLanes = 16;
  static constexpr size_t kTileQueries = 4;  // 16 sums, 2 rows, 1 query and 1 difference of 32 registers
  static constexpr size_t kTileRows = 2;
  using Reg = __m512;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg load(const float* from) { return _mm512_loadu_ps(from); }
  static Reg load_first(const float* from, size_t count) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << count) - 1U), from);
  }
  static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg subtract(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg absolute(Reg a) { return _mm512_abs_ps(a); }
  static Reg multiply_add(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static __m128 fold(Reg reg) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(reg), _mm512_extractf32x8_ps(reg, 1));
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  }
  static float sum(Reg reg) {
    const __m128 four = fold(reg);
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static void sum4(const Reg* regs, float* out) {
    __m128 a = fold(regs[0]);
    __m128 b = fold(regs[1]);
    __m128 c = fold(regs[2]);
    __m128 d = fold(regs[3]);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(a, c), _mm_add_ps(b, d)));
  }
};

}  // namespace

const DistanceKernels* avx512_kernels(Metric metric) { return &kernels::kernels_for<Avx512Vector>(metric); }

#else

const DistanceKernels* avx512_kernels(Metric) { return nullptr; }

#endif

}  // namespace omendb::simd
