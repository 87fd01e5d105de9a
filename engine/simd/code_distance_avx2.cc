// Compiled with -mavx2 -mfma (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/code_distance_kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX2__)
namespace {

struct Avx2Codes {
  using Reg = __m256i;
  static constexpr size_t kDims = 16;

  static Reg zero() { return _mm256_setzero_si256(); }
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(code)));
    const __m256i d = _mm256_sub_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(query)), wide);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(d, d));
  }
  static __m128i fold(Reg reg) { return _mm_add_epi32(_mm256_castsi256_si128(reg), _mm256_extracti128_si256(reg, 1)); }
  static float sum(Reg reg) {
    const __m128i four = fold(reg);
    const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return static_cast<float>(_mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1))));
  }
  static void sum4(const Reg* regs, float* out) {
    const __m128i ab = _mm_hadd_epi32(fold(regs[0]), fold(regs[1]));
    const __m128i cd = _mm_hadd_epi32(fold(regs[2]), fold(regs[3]));
    _mm_storeu_ps(out, _mm_cvtepi32_ps(_mm_hadd_epi32(ab, cd)));
  }
};

}  // namespace

const CodeKernels* avx2_code_kernels() { return &code_kernels_of::kKernelsOf<Avx2Codes>; }

#else

const CodeKernels* avx2_code_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
