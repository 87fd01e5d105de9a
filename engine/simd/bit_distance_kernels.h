#pragma once

// The one source of the kernels over rows of bits, under the rules of distance_kernels.h: templates over a register type V, compiled once per instruction set by
// the bit_distance_<target>.cc files. Not for other rooms; they include distance.h.
//
// V offers: Reg, kBytes, zero(), load(p), load_first(p, count) (the other bytes 0, no byte behind the last is touched), differing(a, b) = a ^ b, either(a, b) =
// a | b, add_count(sum, bits) = sum and the set bits by lanes of 64, sum(reg). Counts are whole numbers, so all targets and forms give the same bits.

#include "engine/simd/distance.h"
#include "engine/simd/prefetch.h"

#include <cstddef>
#include <cstdint>

namespace omendb::simd::bit_kernels {

inline constexpr size_t kRowBlockBytes =
    256 << 10;  // rows that stay in the second-level cache while all queries pass over them

// What a pair of rows has in common, so far.
template <class V, Metric kMetric>
struct Counts {
  using Reg = typename V::Reg;
  Reg differing = V::zero();
  Reg either = V::zero();

  void add(Reg query, Reg row) {
    differing = V::add_count(differing, V::differing(query, row));
    if constexpr (kMetric == Metric::kJaccard) either = V::add_count(either, V::either(query, row));
  }
  float distance() const {
    const auto differing_count = static_cast<float>(V::sum(differing));
    if constexpr (kMetric == Metric::kHamming) return differing_count;
    const auto either_count = static_cast<float>(V::sum(either));
    return either_count == 0.0F ? 0.0F : differing_count / either_count;  // 1 - |and| / |or|, rounded once
  }
};

// Bits behind the last one of a row are 0 on both sides.
template <class V, Metric kMetric>
float distance(const uint8_t* query, const uint8_t* row, size_t row_bytes) {
  Counts<V, kMetric> counts;
  size_t i = 0;
  for (; i + V::kBytes <= row_bytes; i += V::kBytes) counts.add(V::load(query + i), V::load(row + i));
  if (i < row_bytes) counts.add(V::load_first(query + i, row_bytes - i), V::load_first(row + i, row_bytes - i));
  return counts.distance();
}

template <class V, Metric kMetric>
float one(const void* query, const void* row, size_t dims) {
  return distance<V, kMetric>(static_cast<const uint8_t*>(query), static_cast<const uint8_t*>(row),
                              bit_row_bytes(dims));
}

template <class V, Metric kMetric>
void gather(const void* query, const void* base, const uint32_t* ids, size_t count, size_t dims, float* out) {
  const size_t row_bytes = bit_row_bytes(dims);
  const auto* rows = static_cast<const uint8_t*>(base);
  const size_t ahead = entries_ahead(row_bytes);
  for (size_t i = 0; i < ahead && i < count; ++i) prefetch(rows + ids[i] * row_bytes, row_bytes);
  for (size_t i = 0; i < count; ++i) {
    if (i + ahead < count) prefetch(rows + ids[i + ahead] * row_bytes, row_bytes);
    out[i] = distance<V, kMetric>(static_cast<const uint8_t*>(query), rows + ids[i] * row_bytes, row_bytes);
  }
}

template <class V, Metric kMetric>
void scan(const void* query, const void* rows, size_t count, size_t dims, float* out) {
  const size_t row_bytes = bit_row_bytes(dims);
  for (size_t i = 0; i < count; ++i) {
    out[i] = distance<V, kMetric>(static_cast<const uint8_t*>(query), static_cast<const uint8_t*>(rows) + i * row_bytes,
                                  row_bytes);
  }
}

template <class V, Metric kMetric>
void many_to_many(const void* queries, size_t query_count, const void* rows, size_t row_count, size_t dims,
                  float* out) {
  const size_t row_bytes = bit_row_bytes(dims);
  const size_t fitting = kRowBlockBytes / (row_bytes == 0 ? 1 : row_bytes);
  const size_t block_rows = fitting < 16 ? 16 : fitting;
  for (size_t first = 0; first < row_count; first += block_rows) {
    const size_t count = row_count - first < block_rows ? row_count - first : block_rows;
    for (size_t q = 0; q < query_count; ++q) {
      scan<V, kMetric>(static_cast<const uint8_t*>(queries) + q * row_bytes,
                       static_cast<const uint8_t*>(rows) + first * row_bytes, count, dims, out + q * row_count + first);
    }
  }
}

template <class V, Metric kMetric>
constexpr DistanceKernels kKernelsOf = {&one<V, kMetric>, &gather<V, kMetric>, &scan<V, kMetric>,
                                        &many_to_many<V, kMetric>};

template <class V>
const DistanceKernels& kernels_for(Metric metric) {
  static constexpr DistanceKernels kHamming = kKernelsOf<V, Metric::kHamming>;
  static constexpr DistanceKernels kJaccard = kKernelsOf<V, Metric::kJaccard>;
  return metric == Metric::kJaccard ? kJaccard : kHamming;
}

}  // namespace omendb::simd::bit_kernels

namespace omendb::simd {

// Null where the compiler does not build for that target.
const DistanceKernels* scalar_bit_kernels(Metric metric);
const DistanceKernels* avx2_bit_kernels(Metric metric);
const DistanceKernels* avx512_bit_kernels(Metric metric);

}  // namespace omendb::simd
