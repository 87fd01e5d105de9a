#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace omendb::bench {

inline constexpr size_t kDims = 128;

// `row_count` x kDims floats, row after row: clusters of a Gaussian mixture in 32 dimensions, bent by tanh, with noise. The same numbers for the
// same seed; rows from different `stream`s come from the same clusters. Cost: about 2 us a row.
std::vector<float> sample_vectors(size_t row_count, uint64_t seed, uint64_t stream = 0);

}  // namespace omendb::bench
