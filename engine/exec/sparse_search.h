#pragma once

// Rows of one version of the largest inner product with a sparse vector.

#include <omendb/query.h>
#include <omendb/status.h>

#include "engine/base/stop.h"
#include "engine/sparse/sparse_vector.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/table_version.h"
#include "engine/text/text_search.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace omendb::exec {

// For explain.
struct SparseSearchStats {
  uint64_t scored_rows = 0;
  uint64_t posting_count = 0;
  bool by_rows = false;  // every row that passes was read, as they are so few
};

// A query and the column that it is of. Borrows from the version, which must stay pinned. Threads: any, one with a `stop`, as which every search may fail.
class SparseSearch {
 public:
  // Of a query that has a sparse vector. Fails: kInvalidArgument, kSchema.
  static Result<SparseSearch> make(const table::TableVersion& version, const SearchQuery& query,
                                   base::Stop* stop = nullptr);

  // The k best of `rows` that share an index with the query, best first, ties by row. Exact. Cost: a step for each posting of the query's indexes, or for each pair of `rows`
  // where these are fewer. Fails: kCorruption, kOutOfMemory.
  Result<std::vector<text::ScoredRow>> best(const table::LiveBitmap& rows, size_t k,
                                            SparseSearchStats* stats = nullptr) const;
  // Of rows in any order; 0 for those that share no index.
  Result<std::vector<float>> scores_of(std::span<const RowId> rows) const;
  // No more rows than that match.
  Result<uint64_t> matching_rows_max() const;
  const std::string& column_name() const;
  size_t pair_count() const { return query_.size(); }

 private:
  Result<std::vector<text::ScoredRow>> best_of_few(const table::LiveBitmap& rows, size_t k, uint64_t& scored) const;

  const table::TableVersion* version_ = nullptr;
  const table::TextColumnVersion* column_ = nullptr;
  std::vector<text::PlacedRun> runs_;
  std::vector<sparse::Pair> query_;  // rising
  base::Stop* stop_ = nullptr;
};

}  // namespace omendb::exec
