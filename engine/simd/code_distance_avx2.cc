// Compiled with -mavx2 -mfma -mf16c -mpopcnt (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/code_distance_kernels.h"

#include "engine/simd/code_distance_words.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX2__)
namespace {

const __m256i* at(const void* address) { return reinterpret_cast<const __m256i*>(address); }
const __m128i* half_at(const void* address) { return reinterpret_cast<const __m128i*>(address); }

__m128i fold(__m256i reg) { return _mm_add_epi32(_mm256_castsi256_si128(reg), _mm256_extracti128_si256(reg, 1)); }

int32_t sum_of(__m256i reg) {
  const __m128i four = fold(reg);
  const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

struct Avx2Bytes {
  using Reg = __m256i;
  static constexpr size_t kDims = 16;

  static Reg zero() { return _mm256_setzero_si256(); }
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(half_at(code)));
    const __m256i d = _mm256_sub_epi16(_mm256_loadu_si256(at(query)), wide);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(d, d));
  }
  static float sum(Reg reg) { return static_cast<float>(sum_of(reg)); }
  static void sum4(const Reg* regs, float* out) {
    const __m128i ab = _mm_hadd_epi32(fold(regs[0]), fold(regs[1]));
    const __m128i cd = _mm_hadd_epi32(fold(regs[2]), fold(regs[3]));
    _mm_storeu_ps(out, _mm_cvtepi32_ps(_mm_hadd_epi32(ab, cd)));
  }
};

struct IeeeHalf {
  static __m256 widen(__m128i halves) { return _mm256_cvtph_ps(halves); }
};
struct Bfloat {
  static __m256 widen(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
};

template <class Format>
struct Avx2Halves {
  using Reg = __m256;
  static constexpr size_t kDims = 8;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg add(Reg left, Reg right) { return _mm256_add_ps(left, right); }
  static Reg add_square(Reg sum, const float* query, const std::byte* code) {
    const Reg d = _mm256_sub_ps(_mm256_loadu_ps(query), Format::widen(_mm_loadu_si128(half_at(code))));
    return _mm256_fmadd_ps(d, d, sum);
  }
  static __m128 fold_floats(Reg reg) { return _mm_add_ps(_mm256_castps256_ps128(reg), _mm256_extractf128_ps(reg, 1)); }
  static float sum(Reg reg) {
    const __m128 two = _mm_hadd_ps(fold_floats(reg), _mm_setzero_ps());
    return _mm_cvtss_f32(_mm_hadd_ps(two, two));
  }
  static void sum4(const Reg* regs, float* out) {
    const __m128 ab = _mm_hadd_ps(fold_floats(regs[0]), fold_floats(regs[1]));
    const __m128 cd = _mm_hadd_ps(fold_floats(regs[2]), fold_floats(regs[3]));
    _mm_storeu_ps(out, _mm_hadd_ps(ab, cd));
  }
};

// 64 bytes in two registers.
struct Avx2Packed {
  using Reg = __m256i;
  struct Query {
    __m256i parts[2];
  };
  using Numbers = Query;

  static Reg zero() { return _mm256_setzero_si256(); }
  static Query load(const int8_t* query) {
    return {{_mm256_loadu_si256(at(query)), _mm256_loadu_si256(at(query + 32))}};
  }

  // Lanes of 64 bits each see the code's bytes and move their field of them down; what comes from the byte above is masked away.
  template <size_t kWidth>
  static Numbers unpack(const std::byte* code) {
    if constexpr (kWidth == 8) {
      return {{_mm256_loadu_si256(at(code)), _mm256_loadu_si256(at(code + 32))}};
    } else if constexpr (kWidth == 4) {
      const __m256i all = _mm256_loadu_si256(at(code));
      const __m256i mask = _mm256_set1_epi8(0x0f);
      return {{_mm256_and_si256(all, mask), _mm256_and_si256(_mm256_srli_epi64(all, 4), mask)}};
    } else if constexpr (kWidth == 2) {
      const __m256i all = _mm256_broadcastsi128_si256(_mm_loadu_si128(half_at(code)));
      return fields(all, _mm256_setr_epi64x(0, 0, 2, 2), _mm256_setr_epi64x(4, 4, 6, 6), 3);
    } else {
      int64_t word = 0;
      __builtin_memcpy(&word, code, sizeof(word));
      return fields(_mm256_set1_epi64x(word), _mm256_setr_epi64x(0, 1, 2, 3), _mm256_setr_epi64x(4, 5, 6, 7), 1);
    }
  }
  static Numbers fields(__m256i all, __m256i first, __m256i second, char mask) {
    const __m256i bits = _mm256_set1_epi8(mask);
    return {{_mm256_and_si256(_mm256_srlv_epi64(all, first), bits),
             _mm256_and_si256(_mm256_srlv_epi64(all, second), bits)}};
  }

  template <size_t kWidth>
  static Numbers append(const Numbers& numbers, const Numbers& below) {
    return {{_mm256_or_si256(_mm256_slli_epi64(numbers.parts[0], kWidth), below.parts[0]),
             _mm256_or_si256(_mm256_slli_epi64(numbers.parts[1], kWidth), below.parts[1])}};
  }
  static void store(uint8_t* to, const Numbers& numbers) {
    for (size_t i = 0; i < 2; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32 * i), numbers.parts[i]);
  }
  template <size_t kBits>
  static Reg add_products(Reg sum, const Numbers& numbers, const Query& query) {
    for (size_t i = 0; i < 2; ++i) sum = _mm256_add_epi32(sum, products<kBits>(numbers.parts[i], query.parts[i]));
    return sum;
  }
  // Two products of bytes fit 16 bits up to 7 bits a number (2 * 127 * 127); those of 8 bits need wider lanes.
  template <size_t kBits>
  static __m256i products(__m256i numbers, __m256i query) {
    if constexpr (kBits < 8) {
      return _mm256_madd_epi16(_mm256_maddubs_epi16(numbers, query), _mm256_set1_epi16(1));
    } else {
      const __m256i low = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(numbers)),
                                            _mm256_cvtepi8_epi16(_mm256_castsi256_si128(query)));
      const __m256i high = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(numbers, 1)),
                                             _mm256_cvtepi8_epi16(_mm256_extracti128_si256(query, 1)));
      return _mm256_add_epi32(low, high);
    }
  }
  static int64_t sum(Reg reg) { return sum_of(reg); }
};

// Two bytes of 16 codes a register, one a lane.
struct Avx2Nibbles {
  using Reg = __m256i;
  static constexpr size_t kRegs = 8;

  static Reg zero() { return _mm256_setzero_si256(); }
  // Codes i and 8 + i lie side by side; three rounds interleave them, and the last brings both halves of a byte's codes into one lane.
  static void transpose(const std::byte* const* codes, size_t offset, Reg* regs) {
    Reg rows[8];
    Reg pairs[8];
    Reg fours[8];
    for (size_t i = 0; i < 8; ++i) {
      const __m128i upper = _mm_loadu_si128(half_at(codes[8 + i] + offset));
      rows[i] = _mm256_set_m128i(upper, _mm_loadu_si128(half_at(codes[i] + offset)));
    }
    for (size_t i = 0; i < 4; ++i) {
      pairs[i] = _mm256_unpacklo_epi8(rows[2 * i], rows[2 * i + 1]);
      pairs[4 + i] = _mm256_unpackhi_epi8(rows[2 * i], rows[2 * i + 1]);
    }
    for (size_t i = 0; i < 8; i += 2) {
      const size_t to = i / 4 * 4 + i % 4 / 2;
      fours[to] = _mm256_unpacklo_epi16(pairs[i], pairs[i + 1]);
      fours[to + 2] = _mm256_unpackhi_epi16(pairs[i], pairs[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 2) {
      regs[i] = _mm256_permute4x64_epi64(_mm256_unpacklo_epi32(fours[i], fours[i + 1]), 0b11011000);
      regs[i + 1] = _mm256_permute4x64_epi64(_mm256_unpackhi_epi32(fours[i], fours[i + 1]), 0b11011000);
    }
  }
  static Reg low_nibbles(Reg reg) { return _mm256_and_si256(reg, _mm256_set1_epi8(0x0f)); }
  static Reg high_nibbles(Reg reg) { return low_nibbles(_mm256_srli_epi16(reg, 4)); }
  static Reg lookup(const uint8_t* tables, Reg nibbles) {
    return _mm256_shuffle_epi8(_mm256_loadu_si256(at(tables)), nibbles);
  }
  static Reg add(Reg left, Reg right) { return _mm256_add_epi16(left, right); }
  static Reg subtract(Reg left, Reg right) { return _mm256_sub_epi16(left, right); }
  static Reg down(Reg reg) { return _mm256_srli_epi16(reg, 8); }
  static Reg up(Reg reg) { return _mm256_slli_epi16(reg, 8); }
  static __m128i fold(Reg reg) { return _mm_add_epi16(_mm256_castsi256_si128(reg), _mm256_extracti128_si256(reg, 1)); }
  static void store(Reg even, Reg odd, uint32_t* out) {
    const __m128i first = _mm_unpacklo_epi16(fold(even), fold(odd));
    const __m128i second = _mm_unpackhi_epi16(fold(even), fold(odd));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_cvtepu16_epi32(first));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8), _mm256_cvtepu16_epi32(second));
  }
};

struct Avx2Floats {
  using Reg = __m256;
  static constexpr size_t kLanes = 8;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg broadcast(float value) { return _mm256_set1_ps(value); }
  static Reg load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Reg reg) { _mm256_storeu_ps(to, reg); }
  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg subtract(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg multiply(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg multiply_add(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static Reg min(Reg a, Reg b) { return _mm256_min_ps(a, b); }
  static Reg max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg whole_part(Reg a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
  static float sum(Reg a) { return Avx2Halves<Bfloat>::sum(a); }
  static float min_of(Reg a) {
    __m128 four = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    four = _mm_min_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_min_ps(four, _mm_movehdup_ps(four)));
  }
  static float max_of(Reg a) { return -min_of(_mm256_sub_ps(_mm256_setzero_ps(), a)); }
  static size_t first_equal(const float* from, float value) {
    const int equal = _mm256_movemask_ps(_mm256_cmp_ps(load(from), broadcast(value), _CMP_EQ_OQ));
    return equal == 0 ? kLanes : static_cast<size_t>(__builtin_ctz(static_cast<unsigned>(equal)));
  }
  // The partner of each lane, plus the lane itself in the first of a pair and less it in the second: products with +-1 are exact.
  static Reg inner_butterflies(Reg a) {
    a = multiply_add(a, _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1), _mm256_permute_ps(a, 0b10110001));
    a = multiply_add(a, _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1), _mm256_permute_ps(a, 0b01001110));
    return multiply_add(a, _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1), _mm256_permute2f128_ps(a, a, 1));
  }
};

struct ByInstruction {
  static uint64_t count_ones(uint64_t word) { return static_cast<uint64_t>(_mm_popcnt_u64(word)); }
};
using Avx2Bits = BitWords<ByInstruction>;

}  // namespace

const CodeKernels* avx2_code_kernels() {
  static constexpr CodeKernels kKernels = {
      .bytes = &code_kernels_of::bytes<Avx2Bytes>,
      .halves = &code_kernels_of::halves<Avx2Halves<IeeeHalf>>,
      .bfloats = &code_kernels_of::halves<Avx2Halves<Bfloat>>,
      .packed = &code_kernels_of::packed<Avx2Packed>,
      .unpack = &code_kernels_of::unpack<Avx2Packed>,
      .lookups = &code_kernels_of::lookups<Avx2Bytes>,
      .nibble_lookups = &code_kernels_of::nibble_lookups<Avx2Nibbles>,
      .hamming = &code_kernels_of::hamming<Avx2Bits>,
      .jaccard = &code_kernels_of::jaccard<Avx2Bits>,
      .centroids = &code_kernels_of::centroids<Avx2Floats>,
      .nearest = &code_kernels_of::nearest<Avx2Floats>,
      .range = &code_kernels_of::range<Avx2Floats>,
      .hadamard = &code_kernels_of::hadamard<Avx2Floats>,
      .grid_fit = &code_kernels_of::grid_fit<Avx2Floats>,
  };
  return &kKernels;
}

#else

const CodeKernels* avx2_code_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
