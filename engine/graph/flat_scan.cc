#include "engine/graph/flat_scan.h"

#include <algorithm>
#include <bit>

#include "engine/graph/live_words.h"

namespace omendb::graph {
namespace {

// Fewer live rows than this in a word of 64 are picked one by one; more, and reading the dead ones between them too is cheaper.
constexpr int kDenseRowsMin = 24;

// From so many queries on a stop is asked for every word of rows.
constexpr size_t kQueriesMany = 16;

// Room that answers get at once; more as they come.
constexpr size_t kAnswersFirst = 64;

struct WordRange {
  uint32_t first;  // row of the lowest set bit
  size_t count;    // rows from there to the highest
};

WordRange range_of(uint32_t word_row, uint64_t bits) {
  const int low = std::countr_zero(bits);
  const int high = 63 - std::countl_zero(bits);
  return {word_row + static_cast<uint32_t>(low), static_cast<size_t>(high - low + 1)};
}

void offer_set_bits(NearestRows& nearest, uint32_t word_row, uint64_t bits, WordRange range, const float* distances) {
  for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
    const uint32_t row = word_row + static_cast<uint32_t>(std::countr_zero(rest));
    nearest.offer({distances[row - range.first], RowId{row}});
  }
}

}  // namespace

NearestRows::NearestRows(std::vector<Neighbor>& into, size_t k, float radius)
    : into_(&into), k_(k), limit_(k == 0 ? -kNoRadius : radius) {
  into.clear();
  into.reserve(std::min(k, kAnswersFirst));
}

void NearestRows::sort() { std::sort_heap(into_->begin(), into_->end()); }

void NearestRows::push(Neighbor neighbor) {
  if (into_->size() < k_) {
    into_->push_back(neighbor);
  } else {
    if (k_ == 0 || !(neighbor < into_->front())) return;
    std::pop_heap(into_->begin(), into_->end());
    into_->back() = neighbor;
  }
  std::push_heap(into_->begin(), into_->end());
  if (into_->size() == k_) limit_ = into_->front().distance;
}

void flat_scan(simd::Metric metric, const VectorsView& vectors, const void* query, const LiveRows& live, RowId first,
               RowId last, size_t k, std::vector<Neighbor>& out, float radius, base::Stop* stop) {
  const simd::DistanceKernels& kernels = simd::distance_kernels(metric);
  NearestRows nearest(out, k, radius);
  float distances[64];
  for_each_live_word(live, first.value, last.value, stop, kRowsPerLook, [&](uint32_t word_row, uint64_t bits) {
    if (std::popcount(bits) >= kDenseRowsMin) {
      const WordRange range = range_of(word_row, bits);
      kernels.scan(query, vectors.row(range.first), range.count, vectors.dims, distances);
      offer_set_bits(nearest, word_row, bits, range, distances);
      return;
    }
    uint32_t rows[64];
    size_t count = 0;
    for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
      rows[count++] = word_row + static_cast<uint32_t>(std::countr_zero(rest));
    }
    kernels.gather(query, vectors.bytes, rows, count, vectors.dims, distances);
    for (size_t i = 0; i < count; ++i) nearest.offer({distances[i], RowId{rows[i]}});
  });
  nearest.sort();
}

void flat_scan_batch(simd::Metric metric, const VectorsView& vectors, const void* queries, size_t query_count,
                     const LiveRows& live, RowId first, RowId last, size_t k, std::vector<std::vector<Neighbor>>& out,
                     float radius, base::Stop* stop) {
  out.resize(query_count);
  std::vector<NearestRows> nearest;
  nearest.reserve(query_count);
  for (std::vector<Neighbor>& one : out) nearest.emplace_back(one, k, radius);
  flat_scan_part(metric, vectors, queries, live, first, last, nearest, stop);
  for (NearestRows& one : nearest) one.sort();
}

void flat_scan_part(simd::Metric metric, const VectorsView& vectors, const void* queries, const LiveRows& live,
                    RowId first, RowId last, std::span<NearestRows> nearest, base::Stop* stop) {
  const simd::DistanceKernels& kernels = simd::distance_kernels(metric);
  std::vector<float> distances(nearest.size() * 64);
  const uint32_t rows_per_look = nearest.size() < kQueriesMany ? kRowsPerLook : 64;
  for_each_live_word(live, first.value, last.value, stop, rows_per_look, [&](uint32_t word_row, uint64_t bits) {
    const WordRange range = range_of(word_row, bits);
    kernels.many_to_many(queries, nearest.size(), vectors.row(range.first), range.count, vectors.dims,
                         distances.data());
    for (size_t q = 0; q < nearest.size(); ++q) {
      offer_set_bits(nearest[q], word_row, bits, range, distances.data() + q * range.count);
    }
  });
}

uint64_t count_live(const LiveRows& live) {
  uint64_t count = 0;
  for_each_live_word(live, 0, live.row_count,
                     [&count](uint32_t, uint64_t bits) { count += static_cast<uint64_t>(std::popcount(bits)); });
  return count;
}

}  // namespace omendb::graph
