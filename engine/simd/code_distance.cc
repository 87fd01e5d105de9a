#include "engine/simd/code_distance.h"

#include "engine/simd/code_distance_kernels.h"

namespace omendb::simd {
namespace {

const CodeKernels* best_of_avx512() {
#if defined(__x86_64__)
  if (avx512_vnni_code_kernels() != nullptr && __builtin_cpu_supports("avx512vnni") != 0) {
    return avx512_vnni_code_kernels();
  }
#endif
  return avx512_code_kernels();
}

}  // namespace

// A target without kernels of its own for codes takes the plain ones.
const CodeKernels& code_kernels(Target target) {
  const CodeKernels* kernels = nullptr;
  if (target == Target::kAvx2) kernels = avx2_code_kernels();
  if (target == Target::kAvx512) kernels = best_of_avx512();
  return kernels != nullptr ? *kernels : *scalar_code_kernels();
}

}  // namespace omendb::simd
