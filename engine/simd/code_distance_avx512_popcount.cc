// Compiled with the flags of code_distance_avx512.cc and -mavx512vpopcntdq (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/code_distance_kernels.h"

#if defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>
#endif

namespace omendb::simd {

#if defined(__AVX512VPOPCNTDQ__)
namespace {

struct PopcountBits {
  using Reg = __m512i;
  using Count = __m512i;
  static constexpr size_t kBytes = 64;

  static Reg load(const std::byte* from) { return _mm512_loadu_si512(from); }
  static Reg load_first(const std::byte* from, size_t count) {
    return _mm512_maskz_loadu_epi8((uint64_t{1} << count) - 1, from);
  }
  static Count zero() { return _mm512_setzero_si512(); }
  static Reg exclusive_or(Reg left, Reg right) { return _mm512_xor_si512(left, right); }
  static Reg both(Reg left, Reg right) { return _mm512_and_si512(left, right); }
  static Reg either(Reg left, Reg right) { return _mm512_or_si512(left, right); }
  static Count add_ones(Count count, Reg reg) { return _mm512_add_epi64(count, _mm512_popcnt_epi64(reg)); }
  static uint64_t sum(Count count) { return static_cast<uint64_t>(_mm512_reduce_add_epi64(count)); }
};

}  // namespace

CodeKernels avx512_popcount_code_kernels() {
  CodeKernels kernels{};
  kernels.hamming = &code_kernels_of::hamming<PopcountBits>;
  kernels.jaccard = &code_kernels_of::jaccard<PopcountBits>;
  return kernels;
}

#else

CodeKernels avx512_popcount_code_kernels() { return {}; }

#endif

}  // namespace omendb::simd
