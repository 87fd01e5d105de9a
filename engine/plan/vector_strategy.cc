#include "engine/plan/vector_strategy.h"

#include "engine/plan/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

// graph::rows_within_two_links(), with fewer of which it is chance which rows a walk over those that pass meets.
constexpr double kReachMin = 8;

// Where nothing was measured under conditions: all that pass are about equally far from a query that is away from them, and a beam that suffices amid them misses a third.
// (60,000 x 784, half of 20 clusters pass: 0.66; 0.81 with twice the beam, 0.91 with four times, 0.97 with eight times. With walks that end early, as they do since, eight
// times found 0.94 where four of 20 clusters pass.)
constexpr size_t kBeamsWide = 12;

// The beams of a search under a condition.
struct FilteredEffort {
  table::Effort amid;  // rows that pass
  table::Effort away;  // from them
};

FilteredEffort choose_filtered_effort(const table::VectorIndex& index, const SearchQuery& query, double share,
                                      size_t ef_unfiltered) {
  if (query.ef != 0) return {{query.ef, false}, {query.ef, false}};
  const auto calibration = index.calibration();
  const auto measured = [&](table::ConditionKind kind, size_t by_rule) {
    const auto effort = calibration == nullptr ? std::nullopt
                                               : table::filtered_effort_for(*calibration, kind, share, query.k,
                                                                            wanted_recall(query), index.watermark());
    return effort.value_or(table::Effort{by_rule, false});
  };
  const double scattered = std::ceil(static_cast<double>(ef_unfiltered) * table::widening_by_rule(share));
  return {measured(table::ConditionKind::kScattered, static_cast<size_t>(scattered)),
          measured(table::ConditionKind::kAway, kBeamsWide * ef_unfiltered)};
}

// What a walk over the rows that pass takes, in distances: those to the rows that a step leads to, as many as a list holds, and reading the lists that lead there, about
// three distances each.
double walk_cost(uint32_t m, double passing_share, size_t ef) {
  const double links = graph::links_of_row(m);
  const double rows = 2.0 * m;
  const double lists = std::min(links, rows / (passing_share * links) - 1);
  return static_cast<double>(ef) * (rows + 3 * lists);
}

// Of a search by radius, which walks through all rows: whether comparing with those that pass takes no more distances.
bool fewer_than_walk(const table::VectorIndex& index, uint64_t passing_count, uint64_t row_count, size_t ef) {
  return passing_count * passing_count <= uint64_t{ef} * index.graph().options().m * row_count;
}

std::string why_walk(const table::VectorIndex& index, const SearchQuery& query, size_t ef) {
  std::string beam = fmt::format("walks the graph with a beam of {}", ef);
  if (query.ef != 0) return beam + ": ef= says so";
  const auto calibration = index.calibration();
  const auto expected =
      calibration == nullptr || query.radius ? std::nullopt : table::expected_recall(*calibration, query.k, ef);
  beam += fmt::format(" for recall {}", wanted_recall(query));
  return expected ? fmt::format("{} (measured with the table's own rows: {:.3f})", beam, *expected) : beam;
}

// Of a search for the k nearest under a condition.
VectorStrategy choose_filtered(const table::VectorIndex& index, const SearchQuery& query, uint64_t passing_count,
                               uint64_t row_count, size_t ef_unfiltered, bool say_why) {
  const double share = static_cast<double>(passing_count) / static_cast<double>(row_count);
  const uint32_t m = index.graph().options().m;
  const auto scan = [&](std::string_view why) {
    return VectorStrategy{
        false, ef_unfiltered, 0, graph::Filtered::kScan,
        say_why ? fmt::format("compares with each of the {} rows that pass: {}", with_commas(passing_count), why) : ""};
  };
  if (passing_count == 0) return scan("none");
  const FilteredEffort effort = choose_filtered_effort(index, query, share, ef_unfiltered);
  if (effort.amid.exact) return scan("no beam reaches the recall that is wanted");
  const size_t ef = effort.amid.ef;
  if (static_cast<double>(passing_count) <= walk_cost(m, share, ef)) return scan("cheaper than a walk");
  if (graph::rows_within_two_links(m, share) < kReachMin) return scan("too few links lead from one to the next");
  const size_t ef_wide =
      effort.away.exact ? passing_count : effort.away.ef;  // as wide as that is a comparison with each
  return {false, ef, ef_wide, graph::Filtered::kWalk,
          say_why ? fmt::format("walks the graph over the {} rows that pass with a beam of {} for recall {}, {}",
                                with_commas(passing_count), ef, wanted_recall(query),
                                ef_wide == ef ? "ef= says so"
                                              : fmt::format("{} where few of those around the query do", ef_wide))
                  : ""};
}

}  // namespace

VectorStrategy choose_vector_strategy(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                      const SearchQuery& query, std::optional<uint64_t> passing_count, bool say_why) {
  const table::VectorIndex& index = *column.index;
  const auto all = [say_why](std::string_view why) {
    return VectorStrategy{true, 0, 0, graph::Filtered::kNot,
                          say_why ? fmt::format("compares with every row: {}", why) : ""};
  };
  if (query.exact) return all("exact= says so");
  if (index.small(version)) return all("so few rows need no graph");
  if (index.watermark() == 0) return all("they still wait for the graph");
  const table::Effort effort = choose_effort(index, query);
  if (effort.exact) return all("no beam reaches the recall that is wanted");
  const uint64_t row_count = column.searchable.live_count();
  const bool some = passing_count && *passing_count < row_count;
  if (some && !query.radius) return choose_filtered(index, query, *passing_count, row_count, effort.ef, say_why);
  if (some && fewer_than_walk(index, *passing_count, row_count, effort.ef))
    return all("fewer of them pass than a walk would meet");
  return {false, effort.ef, 0, graph::Filtered::kNot, say_why ? why_walk(index, query, effort.ef) : ""};
}

}  // namespace omendb::plan
