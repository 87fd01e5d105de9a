// Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl -mpopcnt (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/code_distance_kernels.h"

#include "engine/simd/code_distance_avx512_vector.h"
#include "engine/simd/code_distance_words.h"

namespace omendb::simd {

#if defined(__AVX512BW__) && defined(__AVX512VL__)
namespace {

struct Avx512Bytes : Avx512Codes {
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference(query, code);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(d, d));
  }
  static Reg add_square_half(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference_half(query, code);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(d, d));
  }
};

struct IeeeHalf {
  static __m512 widen(__m256i halves) { return _mm512_cvtph_ps(halves); }
};
struct Bfloat {
  static __m512 widen(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
};

template <class Format>
struct Avx512Halves {
  using Reg = __m512;
  static constexpr size_t kDims = 16;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg add(Reg left, Reg right) { return _mm512_add_ps(left, right); }
  static Reg add_square(Reg sum, const float* query, const std::byte* code) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(code));
    const Reg d = _mm512_sub_ps(_mm512_loadu_ps(query), Format::widen(halves));
    return _mm512_fmadd_ps(d, d, sum);
  }
  static Reg add_square_half(Reg sum, const float* query, const std::byte* code) {
    const __m256i halves = _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(code)));
    const Reg d = _mm512_sub_ps(_mm512_maskz_loadu_ps(0xff, query), Format::widen(halves));
    return _mm512_fmadd_ps(d, d, sum);
  }
  static __m128 fold_floats(Reg reg) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(reg), _mm512_extractf32x8_ps(reg, 1));
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  }
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

struct Avx512Packed : Avx512Numbers {
  // Two products of bytes fit 16 bits up to 7 bits a number (2 * 127 * 127); those of 8 bits need wider lanes.
  template <size_t kBits>
  static Reg add_products(Reg sum, Numbers numbers, Query query) {
    if constexpr (kBits < 8) {
      const __m512i pairs = _mm512_maddubs_epi16(numbers, query);
      return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    } else {
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(numbers)),
                                                    _mm512_cvtepi8_epi16(_mm512_castsi512_si256(query))));
      return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(numbers, 1)),
                                                     _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(query, 1))));
    }
  }
};

// Four bytes of 16 codes a register, one a lane.
struct Avx512Nibbles {
  using Reg = __m512i;
  static constexpr size_t kRegs = 4;

  static Reg zero() { return _mm512_setzero_si512(); }
  static __m128i load(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
  // Every fourth code lies in one register; two rounds interleave them to four bytes of four codes a lane, and the last gives each byte a lane.
  static void transpose(const std::byte* const* codes, size_t offset, Reg* regs) {
    const Reg by_byte = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    Reg rows[4];
    Reg pairs[4];
    for (size_t i = 0; i < 4; ++i) {
      const __m256i lower = _mm256_set_m128i(load(codes[i + 4] + offset), load(codes[i] + offset));
      const __m256i upper = _mm256_set_m128i(load(codes[i + 12] + offset), load(codes[i + 8] + offset));
      rows[i] = _mm512_inserti64x4(_mm512_castsi256_si512(lower), upper, 1);
    }
    for (size_t i = 0; i < 2; ++i) {
      pairs[i] = _mm512_unpacklo_epi8(rows[2 * i], rows[2 * i + 1]);
      pairs[2 + i] = _mm512_unpackhi_epi8(rows[2 * i], rows[2 * i + 1]);
    }
    for (size_t i = 0; i < 4; i += 2) {
      regs[i] = _mm512_permutexvar_epi32(by_byte, _mm512_unpacklo_epi16(pairs[i], pairs[i + 1]));
      regs[i + 1] = _mm512_permutexvar_epi32(by_byte, _mm512_unpackhi_epi16(pairs[i], pairs[i + 1]));
    }
  }
  static Reg low_nibbles(Reg reg) { return _mm512_and_si512(reg, _mm512_set1_epi8(0x0f)); }
  static Reg high_nibbles(Reg reg) { return low_nibbles(_mm512_srli_epi16(reg, 4)); }
  static Reg lookup(const uint8_t* tables, Reg nibbles) {
    return _mm512_shuffle_epi8(_mm512_loadu_si512(tables), nibbles);
  }
  static Reg add(Reg left, Reg right) { return _mm512_add_epi16(left, right); }
  static Reg subtract(Reg left, Reg right) { return _mm512_sub_epi16(left, right); }
  static Reg down(Reg reg) { return _mm512_srli_epi16(reg, 8); }
  static Reg up(Reg reg) { return _mm512_slli_epi16(reg, 8); }
  static __m128i fold(Reg reg) {
    const __m256i two = _mm256_add_epi16(_mm512_castsi512_si256(reg), _mm512_extracti64x4_epi64(reg, 1));
    return _mm_add_epi16(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
  }
  static void store(Reg even, Reg odd, uint32_t* out) {
    const __m128i first = _mm_unpacklo_epi16(fold(even), fold(odd));
    const __m128i second = _mm_unpackhi_epi16(fold(even), fold(odd));
    _mm512_storeu_si512(out, _mm512_cvtepu16_epi32(_mm256_set_m128i(second, first)));
  }
};

struct Avx512Floats {
  using Reg = __m512;
  static constexpr size_t kLanes = 16;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg broadcast(float value) { return _mm512_set1_ps(value); }
  static Reg load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Reg reg) { _mm512_storeu_ps(to, reg); }
  static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg subtract(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg multiply(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg multiply_add(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static Reg min(Reg a, Reg b) { return _mm512_min_ps(a, b); }
  static Reg max(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static Reg whole_part(Reg a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
  static float sum(Reg a) { return _mm512_reduce_add_ps(a); }
  static float min_of(Reg a) { return _mm512_reduce_min_ps(a); }
  static float max_of(Reg a) { return _mm512_reduce_max_ps(a); }
  static size_t first_equal(const float* from, float value) {
    const __mmask16 equal = _mm512_cmp_ps_mask(load(from), broadcast(value), _CMP_EQ_OQ);
    return equal == 0 ? kLanes : static_cast<size_t>(__builtin_ctz(equal));
  }
  // The partner of each lane, plus the lane itself in the first of a pair and less it in the second: products with +-1 are exact.
  static Reg inner_butterflies(Reg a) {
    a = multiply_add(a, signs(0xaaaa), _mm512_permute_ps(a, 0b10110001));
    a = multiply_add(a, signs(0xcccc), _mm512_permute_ps(a, 0b01001110));
    a = multiply_add(a, signs(0xf0f0), _mm512_shuffle_f32x4(a, a, 0b10110001));
    return multiply_add(a, signs(0xff00), _mm512_shuffle_f32x4(a, a, 0b01001110));
  }
  static Reg signs(__mmask16 negative) { return _mm512_mask_blend_ps(negative, broadcast(1.0F), broadcast(-1.0F)); }
};

struct ByInstruction {
  static uint64_t count_ones(uint64_t word) { return static_cast<uint64_t>(_mm_popcnt_u64(word)); }
};
using Avx512Bits = BitWords<ByInstruction>;

}  // namespace

const CodeKernels* avx512_code_kernels() {
  static constexpr CodeKernels kKernels = {
      .bytes = &code_kernels_of::bytes<Avx512Bytes>,
      .halves = &code_kernels_of::halves<Avx512Halves<IeeeHalf>>,
      .bfloats = &code_kernels_of::halves<Avx512Halves<Bfloat>>,
      .packed = &code_kernels_of::packed<Avx512Packed>,
      .unpack = &code_kernels_of::unpack<Avx512Packed>,
      .lookups = &code_kernels_of::lookups<Avx512Bytes>,
      .nibble_lookups = &code_kernels_of::nibble_lookups<Avx512Nibbles>,
      .hamming = &code_kernels_of::hamming<Avx512Bits>,
      .jaccard = &code_kernels_of::jaccard<Avx512Bits>,
      .centroids = &code_kernels_of::centroids<Avx512Floats>,
      .nearest = &code_kernels_of::nearest<Avx512Floats>,
      .range = &code_kernels_of::range<Avx512Floats>,
      .hadamard = &code_kernels_of::hadamard<Avx512Floats>,
      .grid_fit = &code_kernels_of::grid_fit<Avx512Floats>,
  };
  return &kKernels;
}

#else

const CodeKernels* avx512_code_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
