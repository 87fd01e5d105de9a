#pragma once

// Nearest rows in one version of a table: the graph where there is one, every row of the fresh tail beside it, or every row where that is faster or asked for.

#include <omendb/query.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/table/table_version.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace omendb::exec {

struct VectorHits {
  std::vector<uint32_t> offsets;  // hits of query i: offsets[i] .. offsets[i + 1]
  std::vector<RowId> rows;
  std::vector<float> distances;  // as the user sees them
};

// The column of this name, or the only one where the name is empty. Fails: kInvalidArgument, kSchema.
Result<const table::VectorColumnVersion*> find_vector_column(const table::TableVersion& version, std::string_view name);

// Checks the query against the table and runs it, on `query.threads` threads if there are several queries. The version must stay pinned. Fails: kInvalidArgument, kSchema.
Result<VectorHits> vector_search(const table::TableVersion& version, const SearchQuery& query);

}  // namespace omendb::exec
