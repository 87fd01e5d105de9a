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
};

}  // namespace

const SelectKernels* avx512_select_kernels() { return &kernels::select_kernels_of<Avx512Columns>(); }

#else

const SelectKernels* avx512_select_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
