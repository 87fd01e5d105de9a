#pragma once

// The grid of RaBitQ: points whose components are a whole number plus one half, 2^bits of them a dimension, symmetric around zero. A vector is replaced by the point
// whose direction is nearest to its own; lengths do not matter.

#include "engine/simd/code_distance.h"

#include <cstddef>
#include <cstdint>

namespace omendb::quantize {

struct GridPoint {
  float vector_square = 0;  // |r|^2
  float dot = 0;            // <y, r>
  float square = 0;         // |y|^2
};

// Writes y as numbers from 0 to 2^bits - 1: component d is numbers[d] - (2^bits - 1) / 2. A vector that is zero, or so small that its square is none, gets all members
// zero and the numbers of the smallest positive components. `dims` is a multiple of 64. Cost: 17 passes over the vector, 1 for a single bit.
GridPoint nearest_grid_point(const simd::CodeKernels& kernels, const float* vector, size_t dims, size_t bits,
                             uint8_t* numbers);

}  // namespace omendb::quantize
