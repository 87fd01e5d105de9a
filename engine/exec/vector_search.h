#pragma once

// Nearest rows in one version of a table: the graph where there is one, every row of the fresh tail beside it, or every row where that is faster or asked for.

#include <omendb/query.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/base/stop.h"
#include "engine/plan/step.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/table_version.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::exec {

struct VectorHits {
  std::vector<uint32_t> offsets;  // hits of query i: offsets[i] .. offsets[i + 1]
  std::vector<RowId> rows;
  std::vector<float> distances;  // as the user sees them
  Metric metric = Metric::kL2;   // of the column; kInnerProduct of several vectors a row
};

// The column of this name, or the only one where the name is empty. Fails: kInvalidArgument, kSchema.
Result<const table::VectorColumnVersion*> find_vector_column(const table::TableVersion& version, std::string_view name);

// Whether the vectors of the query fit the column. Fails: kInvalidArgument.
Result<void> check_vectors(const table::TableVersion& version, const SearchQuery& query,
                           const table::VectorColumnVersion& column);

// Checks the query against the table and runs it, on `query.threads` threads if there are several queries. `passing`: the live rows that may be answers; null: all. `report`, if
// given, of one query, gets notes on what is done. The version must stay pinned. Fails: kInvalidArgument, kSchema, and as `stop` says.
Result<VectorHits> vector_search(const table::TableVersion& version, const SearchQuery& query,
                                 const table::LiveBitmap* passing = nullptr, plan::Step* report = nullptr,
                                 base::Stop* stop = nullptr);

// The same of a column and a query that were checked.
Result<VectorHits> nearest_rows(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                const SearchQuery& query, const table::LiveBitmap* passing, plan::Step* report,
                                base::Stop* stop);

// How far rows are from the one vector of a query that vector_search() takes; NaN for those without a vector.
Result<std::vector<float>> distances_to(const table::TableVersion& version, const SearchQuery& query,
                                        std::span<const RowId> rows);

}  // namespace omendb::exec
