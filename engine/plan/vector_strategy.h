#pragma once

// Which way a search by vector goes.

#include <omendb/query.h>

#include "engine/table/table_version.h"

#include <cstdint>
#include <optional>
#include <string>

namespace omendb::plan {

struct VectorStrategy {
  bool compare_all = false;  // with every row that may be an answer, instead of walking the graph
  size_t ef = 0;             // beam of the walk
  size_t ef_wide = 0;        // graph::SearchOptions
  graph::Filtered filtered = graph::Filtered::kNot;
  std::string why;  // only where it was asked for
};

// Of a query over `column` whose condition, if it has one, leaves so many rows. Cost: a look at the calibration.
VectorStrategy choose_vector_strategy(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                      const SearchQuery& query, std::optional<uint64_t> passing_count, bool say_why);

}  // namespace omendb::plan
