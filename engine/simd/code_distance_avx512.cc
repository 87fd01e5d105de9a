// Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/code_distance_kernels.h"

#include "engine/simd/code_distance_avx512_vector.h"

namespace omendb::simd {

#if defined(__AVX512BW__) && defined(__AVX512VL__)
namespace {

struct Avx512MultiplyAdd : Avx512Codes {
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference(query, code);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(d, d));
  }
  static Reg add_square_half(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference_half(query, code);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(d, d));
  }
};

}  // namespace

const CodeKernels* avx512_code_kernels() { return &code_kernels_of::kKernelsOf<Avx512MultiplyAdd>; }

#else

const CodeKernels* avx512_code_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
