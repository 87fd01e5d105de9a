#pragma once

// The one source of the kernels over codes: templates over a register type V, compiled once per instruction set by the code_distance_<target>.cc files, under the
// rules of distance_kernels.h (V in an anonymous namespace, nothing of the standard library is called). Not for other rooms; they include code_distance.h.
//
// V offers: Reg, kDims (components a step), zero(), add_square(sum, query, code) = sum + (query - code)^2 by lanes of 32 bits, add_square_half for 16
// components, sum(reg), sum4(regs, out).

#include "engine/simd/code_distance.h"

#include <cstddef>
#include <cstdint>

namespace omendb::simd::code_kernels_of {

inline constexpr size_t kLineBytes = 64;
inline constexpr size_t kPrefetchBytes = 4096;  // about what the line fill buffers of one core hold, twice

[[gnu::always_inline]] inline void prefetch_code(const std::byte* code, size_t length) {
  for (size_t i = 0; i < length; i += kLineBytes) __builtin_prefetch(code + i, 0, 3);
}

// The sums of one query with kCodes codes at once.
template <class V, size_t kCodes>
[[gnu::always_inline]] inline void add_squares(const int16_t* query, const std::byte* const* codes, size_t length,
                                               typename V::Reg* sums) {
  for (size_t c = 0; c < kCodes; ++c) sums[c] = V::zero();
  size_t i = 0;
  for (; i + V::kDims <= length; i += V::kDims) {
#pragma GCC unroll 4
    for (size_t c = 0; c < kCodes; ++c) sums[c] = V::add_square(sums[c], query + i, codes[c] + i);
  }
  if constexpr (V::kDims > kCodeDimsStep) {
    if (i == length) return;
    for (size_t c = 0; c < kCodes; ++c) sums[c] = V::add_square_half(sums[c], query + i, codes[c] + i);
  }
}

template <class V>
void bytes(const int16_t* query, const std::byte* const* codes, size_t count, size_t length, float* out) {
  const size_t wanted = kPrefetchBytes / (length == 0 ? 1 : length);
  const size_t ahead = wanted < 4 ? 4 : wanted > 16 ? 16 : wanted;
  for (size_t i = 0; i < ahead && i < count; ++i) prefetch_code(codes[i], length);
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t next = i + ahead; next < i + ahead + 4 && next < count; ++next) prefetch_code(codes[next], length);
    typename V::Reg sums[4];
    add_squares<V, 4>(query, codes + i, length, sums);
    V::sum4(sums, out + i);
  }
  for (; i < count; ++i) {
    typename V::Reg sum[1];
    add_squares<V, 1>(query, codes + i, length, sum);
    out[i] = V::sum(sum[0]);
  }
}

template <class V>
constexpr CodeKernels kKernelsOf = {&bytes<V>};

}  // namespace omendb::simd::code_kernels_of

namespace omendb::simd {

// Null where the compiler does not build for that target.
const CodeKernels* scalar_code_kernels();
const CodeKernels* avx2_code_kernels();
const CodeKernels* avx512_code_kernels();
const CodeKernels* avx512_vnni_code_kernels();

}  // namespace omendb::simd
