#pragma once

// Distances between a query and vectors kept as small whole numbers, the inner loop of searches over quantized vectors. As in distance.h the instruction set is
// chosen once, smaller is nearer, nothing allocates, throws or fails, and any number of threads may call.

#include "engine/simd/distance.h"

#include <cstddef>
#include <cstdint>

namespace omendb::simd {

// Codes are taken in pieces of this many dimensions; what is missing to a whole piece is zero on both sides.
inline constexpr size_t kCodeDimsStep = 16;
// Components of a byte kernel's query lie between these, so that no sum over kCodeLengthMax dimensions leaves 32 bits: 8,208 * 511^2 < 2^31.
inline constexpr size_t kCodeLengthMax = 8208;
inline constexpr int16_t kByteQueryMin = -256;
inline constexpr int16_t kByteQueryMax = 511;

struct CodeKernels {
  // out[i] = sum over j of (query[j] - codes[i][j])^2, each code being `length` unsigned bytes. `length` is a multiple of kCodeDimsStep; `query` is aligned to 64
  // bytes, codes to 16. Asks for the memory of codes ahead of itself.
  void (*bytes)(const int16_t* query, const std::byte* const* codes, size_t count, size_t length, float* out);
};

const CodeKernels& code_kernels(Target target);
inline const CodeKernels& code_kernels() { return code_kernels(best_target()); }

}  // namespace omendb::simd
