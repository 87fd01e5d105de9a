#include "engine/exec/max_sim_search.h"

#include "engine/base/thread_pool.h"
#include "engine/base/try.h"
#include "engine/exec/max_sim.h"
#include "engine/graph/flat_scan.h"
#include "engine/table/row_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace omendb::exec {
namespace {

constexpr size_t kRowsAtOnce = 64;  // on one thread, between two looks at a stop

// Where the vectors of each query begin, and the end of the last.
std::vector<size_t> first_vectors(const SearchQuery& query, size_t dims) {
  std::vector<size_t> first = {0};
  if (query.vector_counts.empty()) first.push_back(query.vectors.size() / dims);
  for (const uint32_t count : query.vector_counts) first.push_back(first.back() + count);
  return first;
}

// What every query of one call shares.
struct Plan {
  const table::TableVersion& version;
  const table::VectorColumnVersion& column;
  const SearchQuery& query;
  size_t dims;
  Metric metric;
  std::vector<size_t> first;
  base::Stop* stop;

  size_t query_count() const { return first.size() - 1; }
  std::span<const float> query_vectors(size_t q) const {
    return query.vectors.subspan(first[q] * dims, (first[q + 1] - first[q]) * dims);
  }
  std::span<const float> row_vectors(RowId row) const {
    return table::vectors_of(version.columns[column.index->column()].bytes(row), dims);
  }
};

Plan make_plan(const table::TableVersion& version, const table::VectorColumnVersion& column, const SearchQuery& query,
               base::Stop* stop) {
  const VectorOptions& options = version.info->schema.columns[column.index->column()].vector;
  return {version, column, query, options.dims, options.metric, first_vectors(query, options.dims), stop};
}

// Negative scores: smaller is nearer.
void compare(const Plan& plan, MaxSim& max_sim, std::span<const RowId> rows, std::span<float> distances) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i % kRowsAtOnce == 0 && base::asked(plan.stop)) return;
    distances[i] = -max_sim.score(plan.row_vectors(rows[i]));
  }
}

// Another thread takes some tens of microseconds to begin.
unsigned threads_for(const Plan& plan, size_t q, std::span<const RowId> rows) {
  constexpr double kProductsPerThread = 2e7;  // a millisecond or two
  if (rows.empty()) return 1;
  const size_t vectors_of_a_row = plan.row_vectors(rows[rows.size() / 2]).size() / plan.dims;
  const double products = static_cast<double>(rows.size()) * static_cast<double>(plan.query_vectors(q).size()) *
                          static_cast<double>(vectors_of_a_row);
  const auto worth = static_cast<unsigned>(std::min(products / kProductsPerThread, 1e3));
  return std::clamp(worth, 1U, base::default_worker_count());
}

// The k best of some rows.
std::vector<graph::Neighbor> best_of(const Plan& plan, size_t q, std::span<const RowId> rows, unsigned threads) {
  std::vector<float> distances(rows.size());
  const auto compare_part = [&](size_t first, size_t count) {
    MaxSim max_sim(plan.metric, plan.query_vectors(q), plan.dims);
    compare(plan, max_sim, rows.subspan(first, count), std::span(distances).subspan(first, count));
  };
  if (threads <= 1) {
    compare_part(0, rows.size());
  } else {
    base::ThreadPool pool({.name = "omen-maxsim", .thread_count = threads - 1});
    pool.parallel_for((rows.size() + kRowsAtOnce - 1) / kRowsAtOnce, threads, [&](size_t part) {
      compare_part(part * kRowsAtOnce, std::min(kRowsAtOnce, rows.size() - part * kRowsAtOnce));
    });
  }
  std::vector<graph::Neighbor> best;
  graph::NearestRows nearest(best, plan.query.k);
  for (size_t i = 0; i < rows.size(); ++i) nearest.offer({distances[i], rows[i]});
  nearest.sort();
  return best;
}

// `rows_of(q)`: the rows that query q is compared with.
template <typename RowsOf>
VectorHits compare_all(const Plan& plan, const RowsOf& rows_of) {
  std::vector<std::vector<graph::Neighbor>> best(plan.query_count());
  if (best.size() == 1) {
    best[0] = best_of(plan, 0, rows_of(0), threads_for(plan, 0, rows_of(0)));
  } else {
    const unsigned wanted = plan.query.threads == 0 ? base::default_worker_count() : plan.query.threads;
    const auto threads = static_cast<unsigned>(std::min<size_t>(wanted, best.size()));
    base::ThreadPool pool({.name = "omen-maxsim", .thread_count = std::max(1U, threads) - 1});
    pool.parallel_for(best.size(), threads, [&](size_t q) {
      if (!base::stopped(plan.stop)) best[q] = best_of(plan, q, rows_of(q), 1);
    });
  }
  VectorHits hits;
  hits.metric = Metric::kInnerProduct;
  hits.offsets.push_back(0);
  for (const std::vector<graph::Neighbor>& neighbors : best) {
    for (const graph::Neighbor& neighbor : neighbors) {
      hits.rows.push_back(neighbor.row);
      hits.distances.push_back(neighbor.distance);
    }
    hits.offsets.push_back(static_cast<uint32_t>(hits.rows.size()));
  }
  return hits;
}

// The rows whose encodings are nearest to that of each query.
Result<VectorHits> find_candidates(const Plan& plan, size_t count, const table::LiveBitmap* passing,
                                   plan::Step* report) {
  constexpr size_t kDims = quantize::FixedEncoding::kDims;
  std::vector<float> encodings(plan.query_count() * kDims);
  for (size_t q = 0; q < plan.query_count(); ++q)
    plan.column.index->encoding()->encode_query(plan.query_vectors(q), std::span(encodings).subspan(q * kDims, kDims));
  SearchQuery encoded{.vectors = encodings,
                      .query_count = plan.query_count(),
                      .k = count,
                      .recall = plan.query.recall,
                      .ef = plan.query.ef == 0 ? 0 : count,
                      .threads = plan.query.threads};
  return nearest_rows(plan.version, plan.column, encoded, passing, report, plan.stop);
}

}  // namespace

std::string several_vectors_fault(const SearchQuery& query, const ColumnSpec& spec) {
  const size_t dims = spec.vector.dims;
  if (!query.bits.empty()) return fmt::format("column '{}' holds float32 vectors, but the query is bits", spec.name);
  if (query.radius)
    return fmt::format("column '{}' holds several vectors a row, which have no radius; min_score bounds the score",
                       spec.name);
  if (query.vectors.size() % dims != 0)
    return fmt::format("column '{}' holds vectors of {} dimensions, but the query has {} numbers", spec.name, dims,
                       query.vectors.size());
  if (query.query_count != std::max<size_t>(1, query.vector_counts.size()))
    return fmt::format("{} queries, but how many vectors each has is said of {}", query.query_count,
                       query.vector_counts.size());
  const std::vector<size_t> first = first_vectors(query, dims);
  for (size_t q = 0; q + 1 < first.size(); ++q) {
    const size_t count = first[q + 1] - first[q];
    if (count < 1 || count > kRowVectorsMax)
      return fmt::format("query {} has {} vectors; 1 to {} are searched for at once", q, count, kRowVectorsMax);
  }
  if (first.back() * dims != query.vectors.size())
    return fmt::format("the queries have {} vectors, but {} were given", first.back(), query.vectors.size() / dims);
  const auto bad = std::ranges::find_if(query.vectors, [](float v) { return !std::isfinite(v); });
  if (bad == query.vectors.end()) return "";
  const auto at = static_cast<size_t>(bad - query.vectors.begin());
  const auto q = static_cast<size_t>(std::ranges::upper_bound(first, at / dims) - first.begin()) - 1;
  return fmt::format("component {} of vector {} of query {} is {}; vectors hold finite numbers only", at % dims,
                     at / dims - first[q], q, *bad);
}

Result<VectorHits> max_sim_search(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                  const SearchQuery& query, const table::LiveBitmap* passing, plan::Step* report,
                                  base::Stop* stop) {
  const Plan plan = make_plan(version, column, query, stop);
  std::optional<table::LiveBitmap> rows;
  if (passing != nullptr) rows = table::intersection(*passing, column.searchable);
  const table::LiveBitmap& able = rows ? *rows : column.searchable;
  plan::MaxSimStrategy strategy = plan::choose_max_sim_strategy(query, able.live_count(), report != nullptr);
  if (report != nullptr) report->notes.push_back(std::move(strategy.why));
  if (strategy.compare_all) {
    TRY_OK(base::begin_stage(stop, "comparing with the vectors of rows one by one"));
    const std::vector<RowId> all = able.rows();
    VectorHits hits = compare_all(plan, [&](size_t) { return std::span<const RowId>(all); });
    TRY_OK(base::unless_stopped(stop));
    return hits;
  }
  TRY(found, find_candidates(plan, strategy.candidates, passing, report));
  TRY_OK(base::begin_stage(stop, "comparing with the vectors of candidates"));
  VectorHits hits = compare_all(plan, [&](size_t q) {
    return std::span<const RowId>(found.rows).subspan(found.offsets[q], found.offsets[q + 1] - found.offsets[q]);
  });
  TRY_OK(base::unless_stopped(stop));
  return hits;
}

std::vector<float> max_sim_distances(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                     const SearchQuery& query, std::span<const RowId> rows) {
  const Plan plan = make_plan(version, column, query, nullptr);
  MaxSim max_sim(plan.metric, plan.query_vectors(0), plan.dims);
  std::vector<float> distances;
  for (const RowId row : rows)
    distances.push_back(column.searchable.contains(row) ? -max_sim.score(plan.row_vectors(row))
                                                        : std::numeric_limits<float>::quiet_NaN());
  return distances;
}

}  // namespace omendb::exec
