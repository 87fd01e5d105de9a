#pragma once

// Distances between float32 vectors, and between rows of bits, from readable sources compiled once per instruction set; the set is chosen once at run time.
//
// All distances order like the metric and are what the graph compares: squared L2, negated inner product, 1 - cosine, the sum of absolute differences (L1).
// "Smaller is nearer" always.
// Of bits: Hamming, the number of bits that differ, and Jaccard, 1 - |and| / |or| (0 between two rows without bits).
// Units: `dims` floats per vector, 1..65,535, rows tightly packed, any alignment of 4 bytes. Results are float, summed in float lanes: relative error
// about 1e-6 * sqrt(dims) of the sum of magnitudes. A cosine with a zero vector on either side is 1. Inputs must be finite (checked at the door of the database).
// Rows of bits: `dims` bits, 1..65,536, in whole bytes, those behind the last one 0, any alignment; results are exact.
// Threads: any. Nothing here allocates, throws or fails.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace omendb::simd {

enum class Metric : uint8_t { kL2 = 1, kCosine = 2, kInnerProduct = 3, kL1 = 4, kHamming = 5, kJaccard = 6 };

constexpr bool is_of_bits(Metric metric) { return metric == Metric::kHamming || metric == Metric::kJaccard; }

// Bytes of a row of `dims` bits. Inlined always, as the kernels of all targets use it.
[[gnu::always_inline]] constexpr size_t bit_row_bytes(size_t dims) { return (dims + 7) / 8; }
[[gnu::always_inline]] constexpr size_t row_bytes(Metric metric, size_t dims) {
  return is_of_bits(metric) ? bit_row_bytes(dims) : dims * sizeof(float);
}

// An instruction set that kernels exist for, best last.
enum class Target : uint8_t { kScalar, kNeon, kAvx2, kAvx512 };

std::string_view to_string(Target target);

// The kernels of one metric on one target. Fetch once per search; calling through these pointers is the only cost. Rows and queries are floats, or bits, as the
// metric says.
struct DistanceKernels {
  // Distance of `query` to one row.
  float (*one)(const void* query, const void* row, size_t dims);
  // out[i] = distance to rows[ids[i]], ids.size() == count; rows start at `base`, row_bytes(metric, dims) apart. Prefetches ahead of itself. The form the
  // graph search uses for one neighbour list.
  void (*gather)(const void* query, const void* base, const uint32_t* ids, size_t count, size_t dims, float* out);
  // out[i] = distance to the i-th of `count` consecutive rows at `rows`: the form of exact scans (memory bandwidth bound).
  void (*scan)(const void* query, const void* rows, size_t count, size_t dims, float* out);
  // out[q * row_count + r] for every pair: scans of several queries at once, each row loaded once per block of queries.
  void (*many_to_many)(const void* queries, size_t query_count, const void* rows, size_t row_count, size_t dims,
                       float* out);
};

// Best target this CPU has, unless OMENDB_SIMD=scalar|avx2|avx512 in the environment asks for a lower one.
Target best_target();
std::span<const Target> available_targets();

// Never null members. `target` must be available on this CPU.
const DistanceKernels& distance_kernels(Metric metric, Target target);
inline const DistanceKernels& distance_kernels(Metric metric) { return distance_kernels(metric, best_target()); }

// The distance a user sees: sqrt of the squared L2 that the kernels return; the others unchanged (1 - cosine, -inner product, L1, Hamming, Jaccard).
float to_user_distance(Metric metric, float kernel_distance);
// The largest kernel distance that a user sees as no more than `user_distance`, which is not NaN, and not negative under L2: the bound of a search by radius.
float to_kernel_bound(Metric metric, float user_distance);

}  // namespace omendb::simd
