#include "engine/exec/vector_search.h"

#include "engine/base/thread_pool.h"
#include "engine/base/try.h"
#include "engine/exec/max_sim_search.h"
#include "engine/graph/flat_scan.h"
#include "engine/plan/vector_strategy.h"
#include "engine/table/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace omendb::exec {
namespace {

// A search's working memory beyond the graph's own; one per worker, reused from query to query.
struct Scratch {
  std::vector<graph::Neighbor> neighbors;
  std::vector<graph::Neighbor> tail;
  graph::SearchCounters counters;  // of the last walk, where somebody asks
};

// What every query of one call shares.
struct Plan {
  const table::TableVersion& version;
  const table::VectorColumnVersion& column;
  std::optional<table::LiveBitmap> passing;  // of a condition
  graph::VectorsView vectors;
  const std::byte* queries;  // row after row, as the column's
  simd::Metric metric;
  size_t k;
  float radius;  // as the kernels return distances; infinite: none
  plan::VectorStrategy strategy;
  plan::Step* report;  // null: nobody asks
  base::Stop* stop;    // null: nobody can

  double passing_share() const {  // of kWalk
    return passing ? static_cast<double>(passing->live_count()) / column.searchable.live_count() : 1;
  }
  graph::LiveRows rows() const { return passing ? passing->view() : column.searchable.view(); }  // that may be answers
};

// "" or what is wrong with the vectors of the query.
std::string floats_fault(const SearchQuery& query, const ColumnSpec& spec) {
  const size_t dims = spec.vector.dims;
  if (!query.bits.empty()) return fmt::format("column '{}' holds float32 vectors, but the query is bits", spec.name);
  if (query.vectors.size() / dims != query.query_count || query.vectors.size() % dims != 0) {
    const size_t given = query.query_count == 0 ? 0 : query.vectors.size() / query.query_count;
    return fmt::format("column '{}' holds vectors of {} dimensions, but the query has {}", spec.name, dims, given);
  }
  const auto bad = std::find_if(query.vectors.begin(), query.vectors.end(), [](float v) { return !std::isfinite(v); });
  if (bad == query.vectors.end()) return "";
  const auto at = static_cast<size_t>(bad - query.vectors.begin());
  return fmt::format("component {} of query {} is {}; vectors hold finite numbers only", at % dims, at / dims, *bad);
}

std::string bits_fault(const SearchQuery& query, const ColumnSpec& spec) {
  const size_t row_bytes = table::fixed_width(spec);
  if (!query.vectors.empty()) return fmt::format("column '{}' holds bits, but the query is float32", spec.name);
  if (query.bits.size() / row_bytes != query.query_count || query.bits.size() % row_bytes != 0) {
    const size_t given = query.query_count == 0 ? 0 : query.bits.size() / query.query_count;
    return fmt::format("column '{}' holds rows of {} bits in {} bytes, but the query has {} bytes", spec.name,
                       spec.vector.dims, row_bytes, given);
  }
  for (size_t i = 0; i < query.query_count; ++i) {
    if (table::has_bits_behind(query.bits.data() + i * row_bytes, spec.vector.dims))
      return fmt::format("the bits behind the last of {} of query {} are not 0", spec.vector.dims, i);
  }
  return "";
}

Result<void> check_query(const table::TableVersion& version, const SearchQuery& query, const ColumnSpec& spec) {
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("search in table '{}': {}", version.info->name, what)};
  };
  if (query.k < 1 || query.k > kSearchRowsMax)
    return wrong(fmt::format("k is 1 to {}, not {}", kSearchRowsMax, query.k));
  if (query.recall != 0 && !(query.recall > 0 && query.recall <= 1))
    return wrong(fmt::format("recall is above 0 and at most 1, not {}", query.recall));
  if (query.radius && std::isnan(*query.radius)) return wrong("radius is not a number");
  if (query.radius && *query.radius < 0 && spec.vector.metric != Metric::kInnerProduct)
    return wrong(
        fmt::format("radius is {}, but no {} distance is below 0", *query.radius, to_string(spec.vector.metric)));
  if (spec.type != Type::kVectors && !query.vector_counts.empty())
    return wrong(fmt::format("column '{}' holds one vector a row, so its queries are not made of several", spec.name));
  const bool of_bits = spec.vector.element == Element::kBit;
  const auto fault_of = spec.type == Type::kVectors ? several_vectors_fault : of_bits ? bits_fault : floats_fault;
  if (const std::string fault = fault_of(query, spec); !fault.empty()) return wrong(fault);
  return {};
}

Plan make_plan(const table::TableVersion& version, const table::VectorColumnVersion& column, const SearchQuery& query,
               const table::LiveBitmap* passing_rows, plan::Step* report, base::Stop* stop) {
  const table::VectorIndex& index = *column.index;
  const simd::Metric metric = index.graph().options().metric;
  std::optional<table::LiveBitmap> passing;
  std::optional<uint64_t> passing_count;
  if (passing_rows != nullptr) {
    const bool all_have_vectors = version.columns[index.column()].all_have_vectors();
    passing = all_have_vectors ? *passing_rows : table::intersection(*passing_rows, column.searchable);
    passing_count = passing->live_count();
  }
  plan::VectorStrategy strategy =
      plan::choose_vector_strategy(version, column, query, passing_count, report != nullptr);
  if (report != nullptr) report->notes.push_back(std::move(strategy.why));
  return Plan{
      .version = version,
      .column = column,
      .passing = std::move(passing),
      .vectors = version.vectors_view(index),
      .queries = simd::is_of_bits(metric) ? std::as_bytes(query.bits).data() : std::as_bytes(query.vectors).data(),
      .metric = metric,
      .k = query.k,
      .radius = query.radius ? simd::to_kernel_bound(metric, *query.radius) : graph::kNoRadius,
      .strategy = std::move(strategy),
      .report = report,
      .stop = stop};
}

// The k best of both lists, nearest first; a row that stands in both is kept once.
void merge(std::vector<graph::Neighbor>& best, const std::vector<graph::Neighbor>& more, size_t k) {
  best.insert(best.end(), more.begin(), more.end());
  std::sort(best.begin(), best.end());
  best.erase(std::unique(best.begin(), best.end(), [](const auto& a, const auto& b) { return a.row == b.row; }),
             best.end());
  best.resize(std::min(best.size(), k));
}

void search_graph(const Plan& plan, const std::byte* query, Scratch& scratch) {
  const graph::LiveRows live = plan.rows();
  const uint32_t tail_start = plan.column.index->watermark();
  scratch.neighbors.resize(plan.k);
  const table::VectorIndex::LinkedVectors linked = plan.column.index->linked_vectors(plan.version);
  const size_t found =
      plan.column.index->graph().search(linked.view, query, live,
                                        {.k = plan.k,
                                         .ef = plan.strategy.ef,
                                         .radius = plan.radius,
                                         .filtered = plan.strategy.filtered,
                                         .passing_count = plan.passing ? plan.passing->live_count() : 0,
                                         .passing_share = plan.passing_share(),
                                         .ef_wide = plan.strategy.ef_wide,
                                         .linked_below = tail_start,
                                         .stop = plan.stop},
                                        scratch.neighbors, plan.report == nullptr ? nullptr : &scratch.counters);
  scratch.neighbors.resize(found);
  if (tail_start >= live.row_count || base::stopped(plan.stop)) return;
  graph::flat_scan(plan.metric, plan.vectors, query, live, {tail_start}, {live.row_count}, plan.k, scratch.tail,
                   plan.radius, plan.stop);
  merge(scratch.neighbors, scratch.tail, plan.k);
}

void report_walk(const Plan& plan, const Scratch& scratch) {
  const uint32_t row_count = plan.rows().row_count;
  const uint32_t tail_start = std::min(plan.column.index->watermark(), row_count);
  plan.report->notes.push_back(fmt::format(
      "looked at {} rows, {} distances; {} fresh rows behind the graph compared one by one",
      plan::with_commas(scratch.counters.visited_rows), plan::with_commas(scratch.counters.distance_computations),
      plan::with_commas(row_count - tail_start)));
}

void append(VectorHits& hits, const Plan& plan, std::span<const graph::Neighbor> neighbors) {
  for (const graph::Neighbor& neighbor : neighbors) {
    hits.rows.push_back(neighbor.row);
    hits.distances.push_back(simd::to_user_distance(plan.metric, neighbor.distance));
  }
  hits.offsets.push_back(static_cast<uint32_t>(hits.rows.size()));
}

// Of a stopped search some hits or none.
VectorHits search_range(const Plan& plan, const SearchQuery& query, size_t first, size_t last) {
  VectorHits hits;
  hits.offsets.reserve(last - first + 1);
  hits.offsets.push_back(0);
  if (!query.radius) {
    hits.rows.reserve((last - first) * query.k);
    hits.distances.reserve((last - first) * query.k);
  }
  const std::byte* queries = plan.queries + first * plan.vectors.row_bytes;
  if (plan.strategy.compare_all) {
    const graph::LiveRows live = plan.rows();
    std::vector<std::vector<graph::Neighbor>> nearest;
    graph::flat_scan_batch(plan.metric, plan.vectors, queries, last - first, live, {0}, {live.row_count}, plan.k,
                           nearest, plan.radius, plan.stop);
    for (const auto& neighbors : nearest) append(hits, plan, neighbors);
    return hits;
  }
  Scratch scratch;
  for (size_t i = 0; i < last - first && !base::asked(plan.stop); ++i) {
    search_graph(plan, queries + i * plan.vectors.row_bytes, scratch);
    if (plan.report != nullptr) report_walk(plan, scratch);
    append(hits, plan, scratch.neighbors);
  }
  return hits;
}

void concatenate(VectorHits& all, const VectorHits& part) {
  const auto base = static_cast<uint32_t>(all.rows.size());
  for (size_t i = 1; i < part.offsets.size(); ++i) all.offsets.push_back(base + part.offsets[i]);
  all.rows.insert(all.rows.end(), part.rows.begin(), part.rows.end());
  all.distances.insert(all.distances.end(), part.distances.begin(), part.distances.end());
}

VectorHits run(const Plan& plan, const SearchQuery& query) {
  const size_t threads =
      std::min<size_t>(query.threads == 0 ? base::default_worker_count() : query.threads, query.query_count);
  if (threads <= 1) return search_range(plan, query, 0, query.query_count);

  // Chunks, not single queries: threads meet seldom, and results join in order.
  constexpr size_t kQueriesPerChunk = 16;
  const size_t chunk_count = (query.query_count + kQueriesPerChunk - 1) / kQueriesPerChunk;
  std::vector<VectorHits> parts(chunk_count);
  base::ThreadPool pool({.name = "omen-search", .thread_count = static_cast<unsigned>(threads) - 1});
  pool.parallel_for(chunk_count, static_cast<unsigned>(threads), [&](size_t chunk) {
    if (base::stopped(plan.stop)) return;
    parts[chunk] = search_range(plan, query, chunk * kQueriesPerChunk,
                                std::min(query.query_count, (chunk + 1) * kQueriesPerChunk));
  });
  VectorHits hits;
  hits.offsets.push_back(0);
  for (const VectorHits& part : parts) concatenate(hits, part);
  return hits;
}

}  // namespace

Result<const table::VectorColumnVersion*> find_vector_column(const table::TableVersion& version,
                                                             std::string_view name) {
  const table::TableInfo& info = *version.info;
  if (version.vectors.empty())
    return Error{ErrorCode::kSchema, fmt::format("table '{}' has no vector column to search", info.name)};
  if (name.empty() && version.vectors.size() == 1) return &version.vectors.front();
  if (name.empty())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("table '{}' has several vector columns; say which one to search (column=)", info.name)};
  for (const table::VectorColumnVersion& column : version.vectors) {
    if (info.schema.columns[column.index->column()].name == name) return &column;
  }
  return Error{ErrorCode::kSchema, fmt::format("table '{}' has no vector column '{}'", info.name, name)};
}

Result<void> check_vectors(const table::TableVersion& version, const SearchQuery& query,
                           const table::VectorColumnVersion& column) {
  return check_query(version, query, version.info->schema.columns[column.index->column()]);
}

Result<std::vector<float>> distances_to(const table::TableVersion& version, const SearchQuery& query,
                                        std::span<const RowId> rows) {
  TRY(column, find_vector_column(version, query.column));
  if (column->index->encoding() != nullptr) return max_sim_distances(version, *column, query, rows);
  const graph::VectorsView vectors = version.vectors_view(*column->index);
  const simd::Metric metric = column->index->graph().options().metric;
  const void* const from =
      simd::is_of_bits(metric) ? static_cast<const void*>(query.bits.data()) : query.vectors.data();
  std::vector<float> distances;
  for (const RowId row : rows) {
    const bool has_vector = column->searchable.contains(row);
    distances.push_back(has_vector ? simd::to_user_distance(metric, simd::distance_kernels(metric).one(
                                                                        from, vectors.row(row.value), vectors.dims))
                                   : std::numeric_limits<float>::quiet_NaN());
  }
  return distances;
}

Result<VectorHits> vector_search(const table::TableVersion& version, const SearchQuery& query,
                                 const table::LiveBitmap* passing, plan::Step* report, base::Stop* stop) {
  TRY(column, find_vector_column(version, query.column));
  TRY_OK(check_vectors(version, query, *column));
  if (column->index->encoding() != nullptr) return max_sim_search(version, *column, query, passing, report, stop);
  return nearest_rows(version, *column, query, passing, report, stop);
}

Result<VectorHits> nearest_rows(const table::TableVersion& version, const table::VectorColumnVersion& column,
                                const SearchQuery& query, const table::LiveBitmap* passing, plan::Step* report,
                                base::Stop* stop) {
  const Plan plan = make_plan(version, column, query, passing, report, stop);
  TRY_OK(base::begin_stage(
      stop, plan.strategy.compare_all ? "comparing vectors one by one" : "walking over the graph of a vector column"));
  VectorHits hits = run(plan, query);
  TRY_OK(base::unless_stopped(stop));
  hits.metric = version.info->schema.columns[column.index->column()].vector.metric;
  return hits;
}

}  // namespace omendb::exec
