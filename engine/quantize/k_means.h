#pragma once

// 16 or 256 centroids for points of a few dimensions: what four bits or a byte of product quantization stand for.

#include "engine/base/random.h"
#include "engine/simd/code_distance.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::quantize {

// Lloyd's algorithm from points chosen at random; a centroid without points moves to where the most is lost. `points` holds at least one point of `dims` floats.
// `wanted` is simd::kCentroids or simd::kNibbleCentroids. Cost: at most 10 passes of so many distances a point. Returns dims * wanted floats, laid out as
// simd::CodeKernels::centroids wants them. Throws std::bad_alloc.
std::vector<float> k_means(const simd::CodeKernels& kernels, std::span<const float> points, size_t dims, size_t wanted,
                           base::Random& random);

}  // namespace omendb::quantize
