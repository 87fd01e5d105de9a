// Compiled with -mavx2 -mfma (see the root CMakeLists.txt); called only where the CPU has both.

#include "engine/simd/distance_kernels.h"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX2__) && defined(__FMA__)
namespace {

// The mask of the first n lanes begins at kMasks + 8 - n.
alignas(64) constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

struct Avx2Vector {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kTileQueries = 2;  // 8 sums, 2 rows, 1 query and 1 difference fit the 16 registers
  static constexpr size_t kTileRows = 2;
  using Reg = __m256;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg load(const float* from) { return _mm256_loadu_ps(from); }
  static Reg load_first(const float* from, size_t count) {
    return _mm256_maskload_ps(from, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + kLanes - count)));
  }
  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg subtract(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg absolute(Reg a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a); }
  static Reg multiply_add(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static __m128 fold(Reg reg) { return _mm_add_ps(_mm256_castps256_ps128(reg), _mm256_extractf128_ps(reg, 1)); }
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

const DistanceKernels* avx2_kernels(Metric metric) { return &kernels::kernels_for<Avx2Vector>(metric); }

#else

const DistanceKernels* avx2_kernels(Metric) { return nullptr; }

#endif

}  // namespace omendb::simd
