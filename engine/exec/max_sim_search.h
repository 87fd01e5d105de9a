#pragma once

// The best rows of a column of several vectors a row, by MaxSim: candidates by their encodings, from the graph over these, are compared one by one; or every row is, where that is
// faster or asked for.

#include <omendb/query.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/base/stop.h"
#include "engine/exec/vector_search.h"
#include "engine/plan/max_sim_strategy.h"
#include "engine/plan/step.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/table_version.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace omendb::exec {

// "" or what is wrong with the vectors of the query for such a column.
std::string several_vectors_fault(const SearchQuery& query, const ColumnSpec& spec);

// Of queries that passed check_vectors(); otherwise as vector_search().
Result<VectorHits> max_sim_search(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                  const SearchQuery& query, const table::LiveBitmap* passing, plan::Step* report,
                                  base::Stop* stop);

// As distances_to().
std::vector<float> max_sim_distances(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                     const SearchQuery& query, std::span<const RowId> rows);

}  // namespace omendb::exec
