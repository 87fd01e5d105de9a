#pragma once

// Distances between float32 vectors, one readable source compiled once per instruction set; the set is chosen once at run time.
//
// All distances order like the metric and are what the graph compares: squared L2, negated inner product, 1 - cosine, the sum of absolute differences (L1).
// "Smaller is nearer" always.
// Units: `dims` floats per vector, 1..65,535, rows tightly packed, any alignment of 4 bytes. Results are float, summed in float lanes: relative error
// about 1e-6 * sqrt(dims) of the sum of magnitudes. A cosine with a zero vector on either side is 1. Inputs must be finite (checked at the door of the database).
// Threads: any. Nothing here allocates, throws or fails.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace omendb::simd {

enum class Metric : uint8_t { kL2 = 1, kCosine = 2, kInnerProduct = 3, kL1 = 4 };

// An instruction set that kernels exist for, best last.
enum class Target : uint8_t { kScalar, kNeon, kAvx2, kAvx512 };

std::string_view to_string(Target target);

// The kernels of one metric on one target. Fetch once per search; calling through these pointers is the only cost.
struct DistanceKernels {
  // Distance of `query` to one row.
  float (*one)(const float* query, const float* row, size_t dims);
  // out[i] = distance to rows[ids[i]], ids.size() == count; rows start at `base`, `dims` floats apart. Prefetches ahead of itself. The form the
  // graph search uses for one neighbour list.
  void (*gather)(const float* query, const float* base, const uint32_t* ids, size_t count, size_t dims, float* out);
  // out[i] = distance to the i-th of `count` consecutive rows at `rows`: the form of exact scans (memory bandwidth bound).
  void (*scan)(const float* query, const float* rows, size_t count, size_t dims, float* out);
  // out[q * row_count + r] for every pair: scans of several queries at once, each row loaded once per block of queries.
  void (*many_to_many)(const float* queries, size_t query_count, const float* rows, size_t row_count, size_t dims,
                       float* out);
};

// Best target this CPU has, unless OMENDB_SIMD=scalar|avx2|avx512 in the environment asks for a lower one.
Target best_target();
std::span<const Target> available_targets();

// Never null members. `target` must be available on this CPU.
const DistanceKernels& distance_kernels(Metric metric, Target target);
inline const DistanceKernels& distance_kernels(Metric metric) { return distance_kernels(metric, best_target()); }

// The distance a user sees: sqrt of the squared L2 that the kernels return; the others unchanged (1 - cosine, -inner product, L1).
float to_user_distance(Metric metric, float kernel_distance);
// The largest kernel distance that a user sees as no more than `user_distance`, which is not NaN, and not negative under L2: the bound of a search by radius.
float to_kernel_bound(Metric metric, float user_distance);

}  // namespace omendb::simd
