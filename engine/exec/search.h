#pragma once

// A search by vector, by text, by sparse vector, or by several of them, over one version of a table.

#include <omendb/query.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/base/stop.h"
#include "engine/plan/step.h"
#include "engine/table/table_version.h"

#include <cstdint>
#include <vector>

namespace omendb::exec {

// As omendb::Hits has them.
struct SearchHits {
  std::vector<uint32_t> offsets;
  std::vector<RowId> rows;
  std::vector<float> distances;
  std::vector<float> scores;
  std::vector<float> text_scores;
  std::vector<float> sparse_scores;
};

// The version must stay pinned. `report`, if given, of one query, is filled with what was done and how long it took. Fails: kInvalidArgument, kSchema, kCorruption, kOutOfMemory;
// as `stop` says, which stands for query.stop_when.
Result<SearchHits> search(const table::TableVersion& version, const SearchQuery& query, plan::Step* report = nullptr,
                          base::Stop* stop = nullptr);

// What search() would do, with what it expects; nothing is searched. Conditions are tried on a sample of the rows. Fails: as search() does.
Result<plan::Step> explain(const table::TableVersion& version, const SearchQuery& query, base::Stop* stop = nullptr);

// The same for a condition alone, as counting rows and scans ask it. `analyze`: of every row, not of a sample.
Result<plan::Step> explain_rows(const table::TableVersion& version, const Where& where, bool analyze,
                                base::Stop* stop = nullptr);

}  // namespace omendb::exec
