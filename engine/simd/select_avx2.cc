// Compiled with -mavx2 -mfma -mpopcnt (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/select_kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX2__)
namespace {

struct Avx2Columns {
  static constexpr size_t kInts = 4;
  using Ints = __m256i;
  using Floats = __m256d;

  static Ints all_ints(int64_t value) { return _mm256_set1_epi64x(value); }
  static Floats all_floats(double value) { return _mm256_set1_pd(value); }
  static Ints load(const int64_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static uint64_t bits(Floats mask) { return static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_pd(mask))); }
  static uint64_t bits(Ints mask) { return bits(_mm256_castsi256_pd(mask)); }

  static uint64_t between(const int64_t* from, Ints low, Ints high) {
    const Ints value = load(from);
    return bits(_mm256_or_si256(_mm256_cmpgt_epi64(low, value), _mm256_cmpgt_epi64(value, high))) ^ 0xf;
  }
  static uint64_t between(const double* from, Floats low, Floats high) {
    const Floats value = _mm256_loadu_pd(from);
    return bits(_mm256_and_pd(_mm256_cmp_pd(value, low, _CMP_GE_OQ), _mm256_cmp_pd(value, high, _CMP_LE_OQ)));
  }
  static uint64_t not_outside(const double* from, Floats low, Floats high) {
    const Floats value = _mm256_loadu_pd(from);
    return bits(_mm256_and_pd(_mm256_cmp_pd(value, low, _CMP_NLT_UQ), _mm256_cmp_pd(value, high, _CMP_NGT_UQ)));
  }
  static uint64_t equal(const int64_t* from, const int64_t* wanted, size_t count) {
    const Ints value = load(from);
    Ints found = _mm256_setzero_si256();
    for (size_t i = 0; i < count; ++i) found = _mm256_or_si256(found, _mm256_cmpeq_epi64(value, all_ints(wanted[i])));
    return bits(found);
  }

  static uint64_t bytes_mask(Ints low, Ints high) {
    return static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(low))) |
           static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(high))) << 32;
  }
  static Ints load(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static uint64_t not_zero(const uint8_t* bytes) {
    const Ints zero = _mm256_setzero_si256();
    return ~bytes_mask(_mm256_cmpeq_epi8(load(bytes), zero), _mm256_cmpeq_epi8(load(bytes + 32), zero));
  }
  static uint64_t odd(const uint8_t* bytes) {
    return bytes_mask(_mm256_slli_epi16(load(bytes), 7), _mm256_slli_epi16(load(bytes + 32), 7));
  }

  static SelectKernels::Parted part_by_bits(const uint32_t* numbers, size_t count, const uint64_t* const* blocks,
                                            uint32_t bit_count, uint32_t* set, uint32_t* unset) {
    return kernels::part_one_by_one(numbers, count, blocks, bit_count, set, unset);
  }
};

}  // namespace

const SelectKernels* avx2_select_kernels() { return &kernels::select_kernels_of<Avx2Columns>(); }

#else

const SelectKernels* avx2_select_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
