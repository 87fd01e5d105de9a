#include "engine/plan/vector_strategy.h"

#include "engine/plan/step.h"

#include <fmt/format.h>

#include <algorithm>

namespace omendb::plan {
namespace {

// The fewest rows beyond the radius that a walk passes: what reaches recall 0.95 on sets whose graphs are easy to search (graph_range_test.cc).
constexpr size_t kRimMin = 96;

// A walk for a radius is one for the k nearest whose beam is wider than its answers by a rim. How many answers there will be is known only at its end, so the
// rim is the widest that any number of them takes, as far as was measured.
table::Effort effort_within_radius(const table::Calibration* calibration, size_t k_max, double recall,
                                   uint32_t row_count_now) {
  table::Effort rim{kRimMin, false};
  for (const size_t calibrated_k : table::kCalibratedK) {
    const size_t k = std::min(calibrated_k, k_max);
    const table::Effort effort = table::effort_for(calibration, k, recall, row_count_now);
    if (effort.exact) return effort;
    rim.ef = std::max(rim.ef, effort.ef - k);
  }
  return rim;
}

double wanted_recall(const SearchQuery& query) { return query.recall != 0 ? query.recall : table::kRecallDefault; }

// A beam that is given overrides the recall that is wanted.
table::Effort choose_effort(const table::VectorIndex& index, const SearchQuery& query) {
  if (query.ef != 0) return {query.ef, false};
  const auto calibration = index.calibration();
  const auto choose = query.radius ? effort_within_radius : table::effort_for;
  return choose(calibration.get(), query.k, wanted_recall(query), index.watermark());
}

// Whether comparing with each of the rows that a condition leaves takes no more distances than a walk for so many of them among all the others: every row of the
// beam takes about m new distances, and so do those that the walk passes through.
bool fewer_than_walk(const table::VectorIndex& index, uint64_t passing_count, uint64_t row_count, size_t ef) {
  return passing_count * passing_count <= uint64_t{ef} * index.graph().options().m * row_count;
}

// A beam that was measured with every row as an answer, for a walk that passes others: rows that pass and are near each other are linked by fewer ways. Half as many
// again hold the recall where a condition goes with the vectors (python/tests/test_where.py: 0.94 without).
size_t widened(size_t ef) { return ef + ef / 2; }

std::string why_walk(const table::VectorIndex& index, const SearchQuery& query, size_t ef, bool filtered) {
  std::string beam = fmt::format("walks the graph with a beam of {}", ef);
  if (query.ef != 0) return beam + ": ef= says so";
  const auto calibration = index.calibration();
  const auto expected =
      calibration == nullptr || query.radius ? std::nullopt : table::expected_recall(*calibration, query.k, ef);
  beam += fmt::format(" for recall {}", wanted_recall(query));
  if (filtered) return beam + ", half as wide again as without a condition";
  return expected ? fmt::format("{} (measured with the table's own rows: {:.3f})", beam, *expected) : beam;
}

}  // namespace

VectorStrategy choose_vector_strategy(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                      const SearchQuery& query, std::optional<uint64_t> passing_count, bool say_why) {
  const table::VectorIndex& index = *column.index;
  const auto all = [say_why](std::string_view why) {
    return VectorStrategy{true, 0, say_why ? fmt::format("compares with every row: {}", why) : ""};
  };
  if (query.exact) return all("exact= says so");
  if (index.small(version)) return all("so few rows need no graph");
  if (index.watermark() == 0) return all("they still wait for the graph");
  const table::Effort effort = choose_effort(index, query);
  if (effort.exact) return all("no beam reaches the recall that is wanted");
  const size_t ef = passing_count && query.ef == 0 ? widened(effort.ef) : effort.ef;
  const bool few = passing_count && fewer_than_walk(index, *passing_count, column.searchable.live_count(), ef);
  if (!few) return {false, ef, say_why ? why_walk(index, query, ef, passing_count.has_value()) : ""};
  return {true, ef,
          say_why ? fmt::format("compares with each of the {} rows that pass: fewer distances than a walk",
                                with_commas(*passing_count))
                  : ""};
}

}  // namespace omendb::plan
