#pragma once

// The rows of the largest inner product with a sparse vector, over the runs of one column.

#include <omendb/status.h>

#include "engine/base/stop.h"
#include "engine/sparse/sparse_vector.h"
#include "engine/text/text_search.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::sparse {

// How many postings the runs have of the indexes of a query, those of dead rows among them: no more rows than that match. Cost: a look at each dictionary for each index.
uint64_t count_postings(std::span<const text::PlacedRun> runs, std::span<const Pair> query);

// The k best of `rows` that share an index with the query, best first, ties by row. Scores are exact. `query` rises; `runs` rise, none of their rows in two of them. Every
// posting of the query's indexes is read once. `scored_rows`, if given, is added to. Threads: any, one with a `stop`. Memory: 40 KiB, and 2.2 KiB an index. Cost: 2 to 3 ns a
// posting. Fails: kCorruption, kOutOfMemory, and as `stop` says, which is asked every few thousand rows.
Result<std::vector<text::ScoredRow>> best_rows(std::span<const text::PlacedRun> runs, std::span<const Pair> query,
                                               text::RowBits rows, size_t k, uint64_t* scored_rows = nullptr,
                                               base::Stop* stop = nullptr);

}  // namespace omendb::sparse
