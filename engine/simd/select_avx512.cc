// Compiled for AVX-512 F, DQ, BW, VL and POPCNT (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/select_kernels.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
namespace {

struct Avx512Columns {
  static constexpr size_t kInts = 8;
  using Ints = __m512i;
  using Floats = __m512d;

  static Ints all_ints(int64_t value) { return _mm512_set1_epi64(value); }
  static Floats all_floats(double value) { return _mm512_set1_pd(value); }

  static uint64_t between(const int64_t* from, Ints low, Ints high) {
    const Ints value = _mm512_loadu_si512(from);
    return _mm512_mask_cmple_epi64_mask(_mm512_cmple_epi64_mask(low, value), value, high);
  }
  static uint64_t between(const double* from, Floats low, Floats high) {
    const Floats value = _mm512_loadu_pd(from);
    return _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask(value, low, _CMP_GE_OQ), value, high, _CMP_LE_OQ);
  }
  static uint64_t not_outside(const double* from, Floats low, Floats high) {
    const Floats value = _mm512_loadu_pd(from);
    return _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask(value, low, _CMP_NLT_UQ), value, high, _CMP_NGT_UQ);
  }
  static uint64_t equal(const int64_t* from, const int64_t* wanted, size_t count) {
    const Ints value = _mm512_loadu_si512(from);
    uint64_t found = 0;
    for (size_t i = 0; i < count; ++i) found |= _mm512_cmpeq_epi64_mask(value, all_ints(wanted[i]));
    return found;
  }
  static uint64_t not_zero(const uint8_t* bytes) {
    const Ints value = _mm512_loadu_si512(bytes);
    return _mm512_test_epi8_mask(value, value);
  }
  static uint64_t odd(const uint8_t* bytes) {
    return _mm512_test_epi8_mask(_mm512_loadu_si512(bytes), _mm512_set1_epi8(1));
  }

  // Sixteen numbers a step: their blocks' addresses, their words of 32 bits, their bits.
  static SelectKernels::Parted part_by_bits(const uint32_t* numbers, size_t count, const uint64_t* const* blocks,
                                            uint32_t bit_count, uint32_t* set, uint32_t* unset) {
    constexpr int kWordBytesMask = kBitsPerBlock / 8 - 4;
    const __m512i end = _mm512_set1_epi32(static_cast<int>(bit_count));
    size_t set_count = 0;
    size_t unset_count = 0;
    for (size_t i = 0; i < count; i += kPartedAtOnce) {
      const auto lanes = static_cast<__mmask16>(count - i < kPartedAtOnce ? (1U << (count - i)) - 1 : 0xffffU);
      const __m512i number = _mm512_maskz_loadu_epi32(lanes, numbers + i);
      const __mmask16 known = _mm512_mask_cmplt_epu32_mask(lanes, number, end);
      const __m512i block = _mm512_srli_epi32(number, 15);
      const __m512i offset = _mm512_and_si512(_mm512_srli_epi32(number, 3), _mm512_set1_epi32(kWordBytesMask));
      const __m256i low =
          words_at(blocks, _mm512_castsi512_si256(block), _mm512_castsi512_si256(offset), static_cast<__mmask8>(known));
      const __m256i high = words_at(blocks, _mm512_extracti64x4_epi64(block, 1), _mm512_extracti64x4_epi64(offset, 1),
                                    static_cast<__mmask8>(known >> 8));
      const __m512i words = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
      const __m512i bits = _mm512_srlv_epi32(words, _mm512_and_si512(number, _mm512_set1_epi32(31)));
      const __mmask16 is_set = _mm512_mask_test_epi32_mask(known, bits, _mm512_set1_epi32(1));
      const auto is_unset = static_cast<__mmask16>(known & ~is_set);
      _mm512_storeu_si512(set + set_count, _mm512_maskz_compress_epi32(is_set, number));
      _mm512_storeu_si512(unset + unset_count, _mm512_maskz_compress_epi32(is_unset, number));
      set_count += static_cast<size_t>(__builtin_popcount(is_set));
      unset_count += static_cast<size_t>(__builtin_popcount(is_unset));
    }
    return {set_count, unset_count};
  }
  // At an offset in bytes of each of eight blocks; 0 where `known` is not set, and of null blocks.
  static __m256i words_at(const uint64_t* const* blocks, __m256i block, __m256i offset, __mmask8 known) {
    const __m512i begin = _mm512_mask_i32gather_epi64(_mm512_setzero_si512(), known, block, blocks, 8);
    const __mmask8 present = _mm512_test_epi64_mask(begin, begin);
    const __m512i address = _mm512_add_epi64(begin, _mm512_cvtepu32_epi64(offset));
    return _mm512_mask_i64gather_epi32(_mm256_setzero_si256(), present, address, nullptr, 1);
  }
};

}  // namespace

const SelectKernels* avx512_select_kernels() { return &kernels::select_kernels_of<Avx512Columns>(); }

#else

const SelectKernels* avx512_select_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
