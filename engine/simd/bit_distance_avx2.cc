// Compiled with -mavx2 -mfma (see the root CMakeLists.txt); called only where the CPU has both.

#include "engine/simd/bit_distance_kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX2__)
namespace {

struct Avx2Bits {
  using Reg = __m256i;
  static constexpr size_t kBytes = sizeof(Reg);

  static Reg zero() { return _mm256_setzero_si256(); }
  static Reg load(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static Reg load_first(const uint8_t* from, size_t count) {
    alignas(32) uint8_t bytes[kBytes] = {};
    for (size_t i = 0; i < count; ++i) bytes[i] = from[i];
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes));
  }
  static Reg differing(Reg a, Reg b) { return _mm256_xor_si256(a, b); }
  static Reg either(Reg a, Reg b) { return _mm256_or_si256(a, b); }
  // The set bits of each half byte are looked up (Mula, Kurz & Lemire 2018, "Faster population counts using AVX2 instructions", section 3.1).
  static Reg add_count(Reg sum, Reg bits) {
    const Reg counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2,
                                        3, 2, 3, 3, 4);
    const Reg low_mask = _mm256_set1_epi8(0x0F);
    const Reg low = _mm256_shuffle_epi8(counts, _mm256_and_si256(bits, low_mask));
    const Reg high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(bits, 4), low_mask));
    return _mm256_add_epi64(sum, _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256()));
  }
  static uint64_t sum(Reg reg) {
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(reg), _mm256_extracti128_si256(reg, 1));
    return static_cast<uint64_t>(_mm_cvtsi128_si64(two)) + static_cast<uint64_t>(_mm_extract_epi64(two, 1));
  }
};

}  // namespace

const DistanceKernels* avx2_bit_kernels(Metric metric) { return &bit_kernels::kernels_for<Avx2Bits>(metric); }

#else

const DistanceKernels* avx2_bit_kernels(Metric) { return nullptr; }

#endif

}  // namespace omendb::simd
