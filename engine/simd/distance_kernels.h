#pragma once

// The one source of all distance kernels: templates over a vector register type V, compiled once per instruction set by the distance_<target>.cc files.
// Not for other rooms; they include distance.h.
//
// V is declared in an anonymous namespace of its file, so that no code compiled for a newer CPU can be merged by the linker with code for an older one. For
// the same reason nothing of the standard library is called here. V offers: kLanes, kTileQueries, kTileRows, Reg, zero(), load(p), load_first(p, count)
// (the other lanes 0, no byte behind the last float is touched), add, subtract, absolute, multiply_add(a, b, c) = a * b + c, sum(reg), sum4(regs, out).
//
// Every form sums a pair in the same order: lane blocks go in turn into two accumulators, the accumulators are added, then the lanes by halving. So
// one(), gather(), scan() and many_to_many() of one target give the same bits for the same pair, and a row found twice has one distance.

#include "engine/simd/distance.h"
#include "engine/simd/prefetch.h"

#include <cstddef>
#include <cstdint>

namespace omendb::simd {

// Slow forms in double for what float can not hold: norms or sums that overflow, underflow or are zero. Always finite, never NaN.
float cosine_distance_in_double(const float* left, const float* right, size_t dims);
float negated_inner_product_in_double(const float* left, const float* right, size_t dims);

namespace kernels {

// How far ahead of the sums rows are asked for: about what the line fill buffers of one core hold, at most two groups of rows.
inline constexpr size_t kPrefetchFloats = kPrefetchBytes / sizeof(float);
// Rows that many_to_many keeps in the second-level cache while all queries pass over them.
inline constexpr size_t kRowBlockFloats = 65536;
inline constexpr size_t kRowsPerBlockMax = 512;

// Squares of norms outside of these, whose product could leave the range of float, send a cosine to double.
inline constexpr float kSquareMin = 1e-18F;
inline constexpr float kSquareMax = 1e18F;
inline constexpr float kFloatMax = 3.402823466e+38F;

[[gnu::always_inline]] inline float cosine_distance(float dot, float query_square, float row_square, const float* query,
                                                    const float* row, size_t dims) {
  const bool fits =
      query_square > kSquareMin && query_square < kSquareMax && row_square > kSquareMin && row_square < kSquareMax;
  if (!fits) [[unlikely]]
    return cosine_distance_in_double(query, row, dims);
  return 1.0F - dot / __builtin_sqrtf(query_square * row_square);
}

[[gnu::always_inline]] inline float negated_inner_product(float dot, const float* query, const float* row,
                                                          size_t dims) {
  if (!(dot >= -kFloatMax && dot <= kFloatMax)) [[unlikely]]
    return negated_inner_product_in_double(query, row, dims);
  return -dot;
}

// What one lane of a pair adds to the sum.
template <class V, Metric kMetric>
struct Terms {
  using Reg = typename V::Reg;
  static Reg accumulate(Reg sum, Reg query, Reg row) {
    if constexpr (kMetric == Metric::kL2) {
      const Reg difference = V::subtract(query, row);
      return V::multiply_add(difference, difference, sum);
    } else if constexpr (kMetric == Metric::kL1) {
      return V::add(sum, V::absolute(V::subtract(query, row)));
    } else {
      return V::multiply_add(query, row, sum);
    }
  }
};

// |vector|^2 in the order in which gather sums the squares of rows.
template <class V>
float square_of(const float* vector, size_t dims) {
  constexpr size_t kStep = V::kLanes;
  typename V::Reg sums[2] = {V::zero(), V::zero()};
  size_t i = 0;
  size_t turn = 0;
  for (; i + kStep <= dims; i += kStep, turn ^= 1) {
    const auto value = V::load(vector + i);
    sums[turn] = V::multiply_add(value, value, sums[turn]);
  }
  if (i < dims) {
    const auto value = V::load_first(vector + i, dims - i);
    sums[turn] = V::multiply_add(value, value, sums[turn]);
  }
  return V::sum(V::add(sums[0], sums[1]));
}

// The sums of one query with kRows rows at once: enough independent chains to hide the latency of multiply_add.
template <class V, Metric kMetric, size_t kRows>
struct RowGroup {
  using Reg = typename V::Reg;
  static constexpr bool kWithSquares = kMetric == Metric::kCosine;
  Reg sums[2][kRows];
  Reg squares[2][kWithSquares ? kRows : 1];

  void clear() {
    for (size_t turn = 0; turn < 2; ++turn) {
      for (size_t r = 0; r < kRows; ++r) sums[turn][r] = V::zero();
      if constexpr (kWithSquares) {
        for (size_t r = 0; r < kRows; ++r) squares[turn][r] = V::zero();
      }
    }
  }

  template <size_t kTurn, class Load>
  void step(const float* query, const float* const* rows, size_t i, const Load& load) {
    const Reg q = load(query + i);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const Reg row = load(rows[r] + i);
      sums[kTurn][r] = Terms<V, kMetric>::accumulate(sums[kTurn][r], q, row);
      if constexpr (kWithSquares) squares[kTurn][r] = V::multiply_add(row, row, squares[kTurn][r]);
    }
  }

  void run(const float* query, const float* const* rows, size_t dims) {
    constexpr size_t kStep = V::kLanes;
    const auto whole = [](const float* from) __attribute__((always_inline)) { return V::load(from); };
    clear();
    size_t i = 0;
    for (; i + 2 * kStep <= dims; i += 2 * kStep) {
      step<0>(query, rows, i, whole);
      step<1>(query, rows, i + kStep, whole);
    }
    const size_t rest = dims - i;
    if (rest == 0) return;
    const size_t first_count = rest < kStep ? rest : kStep;
    step<0>(query, rows, i, [first_count](const float* from) { return V::load_first(from, first_count); });
    if (rest <= kStep) return;
    step<1>(query, rows, i + kStep, [count = rest - kStep](const float* from) { return V::load_first(from, count); });
  }

  void finish(const float* query, float query_square, const float* const* rows, size_t dims, float* out) {
    float totals[kRows];
    float row_squares[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[0][r] = V::add(sums[0][r], sums[1][r]);
    total_of(sums[0], totals);
    if constexpr (kWithSquares) {
      for (size_t r = 0; r < kRows; ++r) squares[0][r] = V::add(squares[0][r], squares[1][r]);
      total_of(squares[0], row_squares);
    }
    for (size_t r = 0; r < kRows; ++r) {
      if constexpr (kMetric == Metric::kL2 || kMetric == Metric::kL1) {
        out[r] = totals[r];
      } else if constexpr (kMetric == Metric::kCosine) {
        out[r] = cosine_distance(totals[r], query_square, row_squares[r], query, rows[r], dims);
      } else {
        out[r] = negated_inner_product(totals[r], query, rows[r], dims);
      }
    }
  }

  static void total_of(const Reg* regs, float* totals) {
    if constexpr (kRows == 4) {
      V::sum4(regs, totals);
    } else {
      for (size_t r = 0; r < kRows; ++r) totals[r] = V::sum(regs[r]);
    }
  }
};

template <class V, Metric kMetric>
float query_square_for(const float* query, size_t dims) {
  if constexpr (kMetric == Metric::kCosine) return square_of<V>(query, dims);
  return 0.0F;
}

template <class V, Metric kMetric>
float one(const void* query_vector, const void* row_vector, size_t dims) {
  const auto* query = static_cast<const float*>(query_vector);
  const auto* row = static_cast<const float*>(row_vector);
  RowGroup<V, kMetric, 1> group;
  float distance = 0;
  const float query_square = query_square_for<V, kMetric>(query, dims);
  group.run(query, &row, dims);
  group.finish(query, query_square, &row, dims, &distance);
  return distance;
}

// Distances to `count` rows named by row_at(i), four at a time; rows are asked for a few groups ahead.
template <class V, Metric kMetric, class RowAt>
void distances(const float* query, size_t count, size_t dims, float* out, size_t ahead, const RowAt& row_at) {
  const float query_square = query_square_for<V, kMetric>(query, dims);
  for (size_t i = 0; i < ahead && i < count; ++i) prefetch(row_at(i), dims * sizeof(float));
  size_t i = 0;
  RowGroup<V, kMetric, 4> group;
  for (; i + 4 <= count; i += 4) {
    const float* rows[4] = {row_at(i), row_at(i + 1), row_at(i + 2), row_at(i + 3)};
    for (size_t next = i + ahead; ahead != 0 && next < i + ahead + 4 && next < count; ++next)
      prefetch(row_at(next), dims * sizeof(float));
    group.run(query, rows, dims);
    group.finish(query, query_square, rows, dims, out + i);
  }
  for (; i < count; ++i) {
    RowGroup<V, kMetric, 1> last;
    const float* row = row_at(i);
    last.run(query, &row, dims);
    last.finish(query, query_square, &row, dims, out + i);
  }
}

template <class V, Metric kMetric>
void gather(const void* query, const void* first_row, const uint32_t* ids, size_t count, size_t dims, float* out) {
  const auto* base = static_cast<const float*>(first_row);
  const size_t wanted = kPrefetchFloats / (dims == 0 ? 1 : dims);
  const size_t ahead = wanted < 4 ? 4 : wanted > 16 ? 16 : wanted;
  distances<V, kMetric>(
      static_cast<const float*>(query), count, dims, out, ahead,
      [ base, ids, dims ](size_t i)
          __attribute__((always_inline)) { return base + static_cast<size_t>(ids[i]) * dims; });
}

template <class V, Metric kMetric>
void scan(const void* query, const void* first_row, size_t count, size_t dims, float* out) {
  const auto* rows = static_cast<const float*>(first_row);
  // Consecutive rows: the CPU's own prefetcher sees the pattern.
  distances<V, kMetric>(
      static_cast<const float*>(query), count, dims, out, 0,
      [ rows, dims ](size_t i) __attribute__((always_inline)) { return rows + i * dims; });
}

// One tile: kTileQueries queries by kTileRows rows, every load used kTileRows or kTileQueries times.
template <class V, Metric kMetric>
struct Tile {
  using Reg = typename V::Reg;
  static constexpr size_t kQueries = V::kTileQueries;
  static constexpr size_t kRows = V::kTileRows;
  Reg sums[2][kQueries][kRows];

  template <size_t kTurn, class Load>
  void step(const float* queries, const float* rows, size_t dims, size_t i, const Load& load) {
    Reg row[kRows];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) row[r] = load(rows + r * dims + i);
#pragma GCC unroll 8
    for (size_t q = 0; q < kQueries; ++q) {
      const Reg query = load(queries + q * dims + i);
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r)
        sums[kTurn][q][r] = Terms<V, kMetric>::accumulate(sums[kTurn][q][r], query, row[r]);
    }
  }

  void run(const float* queries, const float* rows, size_t dims) {
    constexpr size_t kStep = V::kLanes;
    const auto whole = [](const float* from) __attribute__((always_inline)) { return V::load(from); };
    for (auto& turn : sums) {
      for (auto& line : turn) {
        for (auto& sum : line) sum = V::zero();
      }
    }
    size_t i = 0;
    for (; i + 2 * kStep <= dims; i += 2 * kStep) {
      step<0>(queries, rows, dims, i, whole);
      step<1>(queries, rows, dims, i + kStep, whole);
    }
    const size_t rest = dims - i;
    if (rest == 0) return;
    const size_t first_count = rest < kStep ? rest : kStep;
    step<0>(queries, rows, dims, i, [first_count](const float* from) { return V::load_first(from, first_count); });
    if (rest <= kStep) return;
    step<1>(queries, rows, dims, i + kStep,
            [count = rest - kStep](const float* from) { return V::load_first(from, count); });
  }

  // out[q * out_stride + r]
  void finish(const float* queries, const float* query_squares, const float* rows, const float* row_squares,
              size_t dims, float* out, size_t out_stride) {
    for (size_t r = 0; r < kRows; ++r) {
      float totals[kQueries];
      total_of_row(r, totals);
      for (size_t q = 0; q < kQueries; ++q) {
        float& distance = out[q * out_stride + r];
        if constexpr (kMetric == Metric::kL2 || kMetric == Metric::kL1) {
          distance = totals[q];
        } else if constexpr (kMetric == Metric::kCosine) {
          distance =
              cosine_distance(totals[q], query_squares[q], row_squares[r], queries + q * dims, rows + r * dims, dims);
        } else {
          distance = negated_inner_product(totals[q], queries + q * dims, rows + r * dims, dims);
        }
      }
    }
  }

  void total_of_row(size_t r, float* totals) {
    Reg row_sums[kQueries];
    for (size_t q = 0; q < kQueries; ++q) row_sums[q] = V::add(sums[0][q][r], sums[1][q][r]);
    if constexpr (kQueries == 4) {
      V::sum4(row_sums, totals);
    } else {
      for (size_t q = 0; q < kQueries; ++q) totals[q] = V::sum(row_sums[q]);
    }
  }
};

// All queries against `count` consecutive rows, at most kRowsPerBlockMax: tiles, then what does not fill a tile. out[q * out_stride + r].
template <class V, Metric kMetric>
void queries_to_row_block(const float* queries, size_t query_count, const float* rows, size_t count, size_t dims,
                          float* out, size_t out_stride) {
  constexpr size_t kQueries = V::kTileQueries;
  constexpr size_t kRows = V::kTileRows;
  const size_t tiled_rows = count / kRows * kRows;
  float row_squares[kRowsPerBlockMax];
  for (size_t r = 0; r < tiled_rows; ++r) row_squares[r] = query_square_for<V, kMetric>(rows + r * dims, dims);
  Tile<V, kMetric> tile;
  size_t q = 0;
  for (; q + kQueries <= query_count; q += kQueries) {
    const float* block_queries = queries + q * dims;
    float query_squares[kQueries];
    for (size_t i = 0; i < kQueries; ++i) {
      query_squares[i] = query_square_for<V, kMetric>(block_queries + i * dims, dims);
    }
    for (size_t r = 0; r < tiled_rows; r += kRows) {
      tile.run(block_queries, rows + r * dims, dims);
      tile.finish(block_queries, query_squares, rows + r * dims, row_squares + r, dims, out + q * out_stride + r,
                  out_stride);
    }
    for (size_t i = 0; i < kQueries && tiled_rows < count; ++i) {
      scan<V, kMetric>(block_queries + i * dims, rows + tiled_rows * dims, count - tiled_rows, dims,
                       out + (q + i) * out_stride + tiled_rows);
    }
  }
  for (; q < query_count; ++q) scan<V, kMetric>(queries + q * dims, rows, count, dims, out + q * out_stride);
}

template <class V, Metric kMetric>
void many_to_many(const void* query_vectors, size_t query_count, const void* first_row, size_t row_count, size_t dims,
                  float* out) {
  const auto* queries = static_cast<const float*>(query_vectors);
  const auto* rows = static_cast<const float*>(first_row);
  const size_t fitting = kRowBlockFloats / (dims == 0 ? 1 : dims);
  const size_t block_rows = fitting < 16 ? 16 : fitting < kRowsPerBlockMax ? fitting : kRowsPerBlockMax;
  for (size_t first = 0; first < row_count; first += block_rows) {
    const size_t count = row_count - first < block_rows ? row_count - first : block_rows;
    queries_to_row_block<V, kMetric>(queries, query_count, rows + first * dims, count, dims, out + first, row_count);
  }
}

template <class V, Metric kMetric>
constexpr DistanceKernels kKernelsOf = {&one<V, kMetric>, &gather<V, kMetric>, &scan<V, kMetric>,
                                        &many_to_many<V, kMetric>};

template <class V>
const DistanceKernels& kernels_for(Metric metric) {
  static constexpr DistanceKernels kL2 = kKernelsOf<V, Metric::kL2>;
  static constexpr DistanceKernels kCosine = kKernelsOf<V, Metric::kCosine>;
  static constexpr DistanceKernels kInnerProduct = kKernelsOf<V, Metric::kInnerProduct>;
  static constexpr DistanceKernels kL1 = kKernelsOf<V, Metric::kL1>;
  switch (metric) {
    case Metric::kL2: return kL2;
    case Metric::kCosine: return kCosine;
    case Metric::kInnerProduct: return kInnerProduct;
    case Metric::kL1: return kL1;
    case Metric::kHamming:
    case Metric::kJaccard: break;  // bit_distance_kernels.h
  }
  return kL2;
}

}  // namespace kernels

// Defined by the file of each target; where the compiler has no such target, `..._kernels` returns null.
const DistanceKernels* scalar_kernels(Metric metric);
const DistanceKernels* neon_kernels(Metric metric);
const DistanceKernels* avx2_kernels(Metric metric);
const DistanceKernels* avx512_kernels(Metric metric);

}  // namespace omendb::simd
