#include "engine/simd/code_distance.h"

#include "engine/simd/code_distance_kernels.h"

#include <algorithm>
#include <array>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace omendb::simd {
namespace {

bool has(Target target) {
  const std::span<const Target> targets = available_targets();
  return std::find(targets.begin(), targets.end(), target) != targets.end();
}

#if defined(__x86_64__)
// No CPU with AVX2 is known that lacks these, but no manual promises it.
bool has_halves_and_counts() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0 && (ecx & bit_POPCNT) != 0;
}
bool has_vnni() { return __builtin_cpu_supports("avx512vnni") != 0; }
bool has_vector_counts() { return __builtin_cpu_supports("avx512vpopcntdq") != 0; }
#else
bool has_halves_and_counts() { return false; }
bool has_vnni() { return false; }
bool has_vector_counts() { return false; }
#endif

CodeKernels with(CodeKernels kernels, const CodeKernels& better) {
  if (better.bytes != nullptr) kernels.bytes = better.bytes;
  if (better.packed != nullptr) kernels.packed = better.packed;
  if (better.unpack != nullptr) kernels.unpack = better.unpack;
  if (better.hamming != nullptr) kernels.hamming = better.hamming;
  if (better.jaccard != nullptr) kernels.jaccard = better.jaccard;
  return kernels;
}

// What this CPU can run, each set better than the one before.
struct Available {
  std::array<CodeKernels, 5> kernels{};
  std::array<NamedCodeKernels, 5> names{};
  size_t count = 0;
  std::array<const CodeKernels*, 4> by_target{};

  void add(std::string_view name, Target target, const CodeKernels& added) {
    kernels[count] = added;
    names[count] = {name, &kernels[count]};
    by_target[static_cast<size_t>(target)] = &kernels[count++];
  }

  Available() {
    add("scalar", Target::kScalar, *scalar_code_kernels());
    by_target.fill(&kernels[0]);  // a target without kernels of its own for codes takes the plain ones
    const CodeKernels* avx2 = avx2_code_kernels();
    if (avx2 != nullptr && has(Target::kAvx2) && has_halves_and_counts()) add("avx2", Target::kAvx2, *avx2);
    const CodeKernels* avx512 = avx512_code_kernels();
    if (avx512 == nullptr || !has(Target::kAvx512) || !has_halves_and_counts()) return;
    add("avx512", Target::kAvx512, *avx512);
    if (has_vnni()) {
      add("avx512_vnni", Target::kAvx512, with(kernels[count - 1], avx512_vnni_code_kernels()));
    }
    if (has_vector_counts()) {
      add("avx512_popcount", Target::kAvx512, with(kernels[count - 1], avx512_popcount_code_kernels()));
    }
  }
  Available(const Available&) = delete;
  Available& operator=(const Available&) = delete;
};

const Available& available() {
  static const Available kFound;
  return kFound;
}

}  // namespace

const CodeKernels& code_kernels(Target target) { return *available().by_target[static_cast<size_t>(target)]; }

std::span<const NamedCodeKernels> available_code_kernels() { return {available().names.data(), available().count}; }

}  // namespace omendb::simd
