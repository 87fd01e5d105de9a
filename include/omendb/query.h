#pragma once

#include <omendb/batch.h>
#include <omendb/filter.h>
#include <omendb/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb {

// Nearest rows to one or several query vectors.
struct SearchQuery {
  std::span<const float> vectors;  // query_count x dims, row after row; finite
  size_t query_count = 1;
  std::string_view column{};  // may be empty when the table has one vector column
  size_t k = 10;              // 1 .. 10,000
  // Only rows no farther than this, as Hits::distances counts; negative for inner products only. k is then the most that are returned.
  std::optional<float> radius{};
  // Share of the true k nearest, or of the rows within the radius, that is wanted on average, above 0 and at most 1; 0 = 0.95. The beam is chosen by what was measured
  // with the table's own rows (docs/tuning.md); 1, and what no beam reaches, compares with every row. More: slower.
  double recall = 0;
  // Beam of the graph search, or with a radius how many rows beyond it are looked at, whatever the recall; 0 = chosen for it.
  size_t ef = 0;
  bool exact = false;    // compare with every row instead
  unsigned threads = 1;  // for several queries; 0 = what the hardware has
  std::span<const uint8_t>
      bits{};     // instead of `vectors` where the column holds bits: query_count rows as ColumnView has them
  Where where{};  // only rows for which this is true
};

inline constexpr size_t kSearchRowsMax = 10'000;

class Snapshot;  // a pinned version of the database; opaque

// Hits of query i are entries offsets[i] .. offsets[i + 1] of the flat arrays, nearest first, ties in the order of a scan. Fewer than k only when the
// table has fewer rows with a vector, or fewer lie within the radius. Holds the version it was made from, so fetch() returns the rows as they were.
struct Hits {
  std::vector<uint32_t> offsets;
  std::vector<float> distances;  // true L2, 1 - cosine, -inner product, L1, Hamming, or Jaccard
  std::vector<uint32_t> rows;    // internal row numbers, for fetch()
  ColumnData keys;               // primary keys, one per hit
  std::shared_ptr<const Snapshot> snapshot;

  size_t query_count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
};

}  // namespace omendb
