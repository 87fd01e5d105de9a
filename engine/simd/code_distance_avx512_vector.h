#pragma once

// What the AVX-512 files of code kernels share. Each includes it inside an anonymous namespace's reach: it defines nothing but types of that file's own.

#if defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

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

// 64 numbers of up to 8 bits in one register; products are the file's own.
struct Avx512Numbers {
  using Reg = __m512i;
  using Query = __m512i;
  using Numbers = __m512i;

  static Reg zero() { return _mm512_setzero_si512(); }
  static Query load(const int8_t* query) { return _mm512_loadu_si512(query); }
  // Lanes of 64 bits each see the code's bytes and move their field of them down; what comes from the byte above is masked away.
  template <size_t kWidth>
  static Numbers unpack(const std::byte* code) {
    if constexpr (kWidth == 8) {
      return _mm512_loadu_si512(code);
    } else if constexpr (kWidth == 4) {
      const __m512i all = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(code)));
      return fields(all, _mm512_setr_epi64(0, 0, 0, 0, 4, 4, 4, 4), 0x0f);
    } else if constexpr (kWidth == 2) {
      const __m512i all = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(code)));
      return fields(all, _mm512_setr_epi64(0, 0, 2, 2, 4, 4, 6, 6), 3);
    } else {
      int64_t word = 0;
      __builtin_memcpy(&word, code, sizeof(word));
      return fields(_mm512_set1_epi64(word), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), 1);
    }
  }
  static Numbers fields(__m512i all, __m512i shifts, char mask) {
    return _mm512_and_si512(_mm512_srlv_epi64(all, shifts), _mm512_set1_epi8(mask));
  }
  template <size_t kWidth>
  static Numbers append(Numbers numbers, Numbers below) {
    return _mm512_or_si512(_mm512_slli_epi64(numbers, kWidth), below);
  }
  static void store(uint8_t* to, Numbers numbers) { _mm512_storeu_si512(to, numbers); }
  static int64_t sum(Reg reg) { return _mm512_reduce_add_epi32(reg); }
};

}  // namespace
}  // namespace omendb::simd
#endif
