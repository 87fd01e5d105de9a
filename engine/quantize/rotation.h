#pragma once

// A random rotation in O(dims log dims): after it the components of any vector look alike, which is what RaBitQ and one-bit codes need. Vectors get zeros up to a
// multiple of 64 dimensions first; the rotation spreads them over these too.
//
// Rounds of random signs and Hadamard transforms (Ailon and Chazelle 2009; three rounds pass for a random rotation in practice, Andoni et al. 2015). A Hadamard
// transform wants a power of two: where dims_out() is none, rounds take turns between the longest power of two at the front and at the back, and after each pair of
// them one butterfly mixes the two halves of the vector. (A butterfly before each transform keeps half of a lone component from being spread, every time: components
// of up to 12 deviations at 1,536 dimensions, against 6 now.) Signs are all that is random, and no sum is reassociated: the same seed gives the same bits everywhere.

#include "engine/simd/code_distance.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace omendb::quantize {

class Rotation {
 public:
  Rotation(size_t dims_in, uint64_t seed);

  size_t dims_in() const { return dims_in_; }
  size_t dims_out() const { return dims_out_; }
  // Reads dims_in() floats, writes dims_out(); keeps lengths and angles. `in` may be `out`. Threads: any. Allocates nothing.
  void apply(const float* in, float* out) const;

 private:
  size_t dims_in_;
  size_t dims_out_;
  size_t block_;              // the largest power of two in dims_out_
  std::vector<float> signs_;  // +-1, dims_out_ for each round
  const simd::CodeKernels& kernels_;
};

}  // namespace omendb::quantize
