#include "engine/plan/max_sim_strategy.h"

#include "engine/plan/step.h"
#include "engine/table/calibration.h"

#include <fmt/format.h>

#include <algorithm>

namespace omendb::plan {
namespace {

// How many rows have to be compared for a recall. The encodings of 5,000 rows of 30 vectors in clusters have 0.967 of the true 10 among their first 100, 0.992
// among their first 200 and 0.995 among their first 300 (bench/multi_vector.py's set).
size_t candidates_for(size_t k, double recall) {
  const size_t base = 100 + 20 * k;
  if (recall <= 0.9) return std::max(k, base / 2);
  if (recall <= 0.95) return base;
  return (recall <= 0.99 ? 4 : 16) * base;
}

// Looking for a candidate takes as long as comparing with about one row more.
constexpr uint64_t kRowsPerCandidate = 2;

}  // namespace

MaxSimStrategy choose_max_sim_strategy(const SearchQuery& query, uint64_t row_count, bool say_why) {
  const auto all = [&](std::string_view why) {
    return MaxSimStrategy{true, 0,
                          say_why ? fmt::format("compares with each of {} rows: {}", with_commas(row_count), why) : ""};
  };
  const double recall = query.recall != 0 ? query.recall : table::kRecallDefault;
  if (query.exact) return all("exact= says so");
  if (recall >= 1) return all("recall= says so");
  const size_t candidates = query.ef != 0 ? std::max(query.ef, query.k) : candidates_for(query.k, recall);
  if (row_count <= kRowsPerCandidate * candidates) return all("so few need no candidates");
  return {false, candidates,
          say_why ? fmt::format("looks for {} candidates by the encodings of {} rows, for {}, and compares with each",
                                with_commas(candidates), with_commas(row_count),
                                query.ef != 0 ? "ef=" : fmt::format("recall {}", recall))
                  : ""};
}

}  // namespace omendb::plan
