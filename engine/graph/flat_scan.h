#pragma once

// Exact nearest rows by comparing with every live row of a range: for the fresh tail, for small tables, and the judge of the graph's recall.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/stop.h"
#include "engine/graph/graph.h"
#include "engine/simd/distance.h"

namespace omendb::graph {

inline constexpr float kNoRadius = std::numeric_limits<float>::infinity();

// The k nearest of the rows offered that are no farther than `radius`, ties to the smaller row number. Memory: borrows `into`, a heap until sort(), which grows to
// at most k.
class NearestRows {
 public:
  NearestRows(std::vector<Neighbor>& into, size_t k, float radius = kNoRadius);
  void offer(Neighbor neighbor) {
    if (neighbor.distance <= limit_) push(neighbor);
  }
  // Nearest first. No offers afterwards.
  void sort();

 private:
  void push(Neighbor neighbor);

  std::vector<Neighbor>* into_;
  size_t k_;
  float limit_;  // rows farther than this need not be offered
};

// Fills `out` with the (at most) k live rows in [first, last) nearest to `query` and no farther than `radius`, nearest first, ties by row number; distances as
// DistanceKernels returns them. A row without a vector in this column must not be live in `live`. Vectors between the first and the last live row of a 64-row word may be read.
// Cost: one pass over the live vectors, limited by memory bandwidth when most rows live. Threads: any. Memory: out.capacity() grows with the rows found, nothing else. `stop`
// is asked every 1,024 rows, of many queries every 64; what a stopped scan leaves in `out` means nothing.
void flat_scan(simd::Metric metric, const VectorsView& vectors, const void* query, const LiveRows& live, RowId first,
               RowId last, size_t k, std::vector<Neighbor>& out, float radius = kNoRadius, base::Stop* stop = nullptr);

// The same for query_count queries, tightly packed as rows are: every row is loaded once per block of queries. out.size() becomes query_count.
// Memory: additionally 64 floats per query.
void flat_scan_batch(simd::Metric metric, const VectorsView& vectors, const void* queries, size_t query_count,
                     const LiveRows& live, RowId first, RowId last, size_t k, std::vector<std::vector<Neighbor>>& out,
                     float radius = kNoRadius, base::Stop* stop = nullptr);

// The same a part at a time: offers the live rows in [first, last) to nearest[i], the nearest so far of query i. Parts may come in any order.
void flat_scan_part(simd::Metric metric, const VectorsView& vectors, const void* queries, const LiveRows& live,
                    RowId first, RowId last, std::span<NearestRows> nearest, base::Stop* stop = nullptr);

// How many rows are live. About 1 ns per 64 rows.
uint64_t count_live(const LiveRows& live);

}  // namespace omendb::graph
