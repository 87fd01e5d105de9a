#include "engine/simd/select.h"

#include "engine/simd/select_kernels.h"

namespace omendb::simd {
namespace {

// The compiler must have the target, the CPU its count of bits, which distances do without.
const SelectKernels* kernels_or_null(Target target) {
#if defined(__x86_64__)
  if (target >= Target::kAvx2 && __builtin_cpu_supports("popcnt") != 0)
    return target == Target::kAvx512 ? avx512_select_kernels() : avx2_select_kernels();
#endif
  return target == Target::kScalar ? scalar_select_kernels() : nullptr;
}

}  // namespace

const SelectKernels& select_kernels(Target target) {
  const SelectKernels* kernels = kernels_or_null(target);
  return kernels != nullptr ? *kernels : *scalar_select_kernels();
}

}  // namespace omendb::simd
