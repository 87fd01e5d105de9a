// Compiled with the flags of code_distance_avx512.cc and -mavx512vnni (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/code_distance_kernels.h"

#include "engine/simd/code_distance_avx512_vector.h"

namespace omendb::simd {

#if defined(__AVX512VNNI__)
namespace {

struct Avx512Vnni : Avx512Codes {
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference(query, code);
    return _mm512_dpwssd_epi32(sum, d, d);
  }
  static Reg add_square_half(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference_half(query, code);
    return _mm512_dpwssd_epi32(sum, d, d);
  }
};

}  // namespace

const CodeKernels* avx512_vnni_code_kernels() { return &code_kernels_of::kKernelsOf<Avx512Vnni>; }

#else

const CodeKernels* avx512_vnni_code_kernels() { return nullptr; }

#endif

}  // namespace omendb::simd
