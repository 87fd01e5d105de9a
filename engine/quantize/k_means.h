#pragma once

// 256 centroids for points of a few dimensions: what a byte of product quantization stands for.

#include "engine/base/random.h"
#include "engine/simd/code_distance.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::quantize {

// Lloyd's algorithm from points chosen at random; a centroid without points moves to where the most is lost. `points` holds at least one point of `dims` floats.
// Cost: at most 10 passes of 256 distances a point. Returns dims * 256 floats, laid out as simd::CodeKernels::centroids wants them. Throws std::bad_alloc.
std::vector<float> k_means(const simd::CodeKernels& kernels, std::span<const float> points, size_t dims,
                           base::Random& random);

}  // namespace omendb::quantize
