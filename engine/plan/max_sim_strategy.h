#pragma once

// Which way a search over several vectors a row goes: comparing with every row that may be an answer, or with candidates alone, those whose encodings are nearest.

#include <omendb/query.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace omendb::plan {

struct MaxSimStrategy {
  bool compare_all = false;
  size_t candidates = 0;  // else
  std::string why;        // only where it was asked for
};

// Of a query that `row_count` rows with vectors may answer, those that pass its condition if it has one. Cost: none.
MaxSimStrategy choose_max_sim_strategy(const SearchQuery& query, uint64_t row_count, bool say_why);

}  // namespace omendb::plan
