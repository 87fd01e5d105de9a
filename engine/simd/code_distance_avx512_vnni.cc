// Compiled with the flags of code_distance_avx512.cc and -mavx512vnni (see the root CMakeLists.txt); called only where the CPU has them.

#include "engine/simd/code_distance_kernels.h"

#include "engine/simd/code_distance_avx512_vector.h"

namespace omendb::simd {

#if defined(__AVX512VNNI__)
namespace {

struct VnniBytes : Avx512Codes {
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference(query, code);
    return _mm512_dpwssd_epi32(sum, d, d);
  }
  static Reg add_square_half(Reg sum, const int16_t* query, const std::byte* code) {
    const Reg d = difference_half(query, code);
    return _mm512_dpwssd_epi32(sum, d, d);
  }
};

struct VnniPacked : Avx512Numbers {
  template <size_t kBits>
  static Reg add_products(Reg sum, Numbers numbers, Query query) {
    return _mm512_dpbusd_epi32(sum, numbers, query);
  }
};

}  // namespace

CodeKernels avx512_vnni_code_kernels() {
  CodeKernels kernels{};
  kernels.bytes = &code_kernels_of::bytes<VnniBytes>;
  kernels.packed = &code_kernels_of::packed<VnniPacked>;
  kernels.unpack = &code_kernels_of::unpack<VnniPacked>;
  return kernels;
}

#else

CodeKernels avx512_vnni_code_kernels() { return {}; }

#endif

}  // namespace omendb::simd
