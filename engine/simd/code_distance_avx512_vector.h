#pragma once

// What the two AVX-512 files of code kernels share. Each includes it inside an anonymous namespace's reach: it defines nothing but static inline functions.

#if defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

namespace omendb::simd {
namespace {

struct Avx512Codes {
  using Reg = __m512i;
  static constexpr size_t kDims = 32;

  static Reg zero() { return _mm512_setzero_si512(); }
  static Reg difference(const int16_t* query, const std::byte* code) {
    const __m512i wide = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(code)));
    return _mm512_sub_epi16(_mm512_loadu_si512(query), wide);
  }
  static Reg difference_half(const int16_t* query, const std::byte* code) {
    const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(code)));
    const __m256i read = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(query));
    return _mm512_zextsi256_si512(_mm256_sub_epi16(read, wide));
  }
  static float sum(Reg reg) { return static_cast<float>(_mm512_reduce_add_epi32(reg)); }
  static __m128i fold(Reg reg) {
    const __m256i eight = _mm256_add_epi32(_mm512_castsi512_si256(reg), _mm512_extracti64x4_epi64(reg, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  }
  static void sum4(const Reg* regs, float* out) {
    const __m128i ab = _mm_hadd_epi32(fold(regs[0]), fold(regs[1]));
    const __m128i cd = _mm_hadd_epi32(fold(regs[2]), fold(regs[3]));
    _mm_storeu_ps(out, _mm_cvtepi32_ps(_mm_hadd_epi32(ab, cd)));
  }
};

}  // namespace
}  // namespace omendb::simd
#endif
