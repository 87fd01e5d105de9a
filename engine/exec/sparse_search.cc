#include "engine/exec/sparse_search.h"

#include "engine/base/try.h"
#include "engine/sparse/sparse_search.h"
#include "engine/text/top_k.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <optional>

namespace omendb::exec {
namespace {

constexpr uint32_t kRowsPerLook = 256;

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "no memory for a search by sparse vector"}; }

Error wrong(const table::TableVersion& version, const std::string& what) {
  return {ErrorCode::kInvalidArgument, fmt::format("search in table '{}': {}", version.info->name, what)};
}

const ColumnSpec& spec_of(const table::TableVersion& version, const table::TextColumnVersion& column) {
  return version.info->schema.columns[column.index->column()];
}

// The column of this name, or the only one of sparse vectors.
Result<const table::TextColumnVersion*> find_sparse_column(const table::TableVersion& version, std::string_view name) {
  const auto schema_error = [](std::string what) { return Error{ErrorCode::kSchema, std::move(what)}; };
  const table::TextColumnVersion* found = nullptr;
  for (const table::TextColumnVersion& column : version.texts) {
    const ColumnSpec& spec = spec_of(version, column);
    if (spec.type != Type::kSparse || (!name.empty() && spec.name != name)) continue;
    if (found != nullptr)
      return schema_error(
          fmt::format("table '{}' has several columns of sparse vectors: name the one to search", version.info->name));
    found = &column;
  }
  if (found != nullptr) return found;
  if (name.empty()) return schema_error(fmt::format("table '{}' has no column of sparse vectors", version.info->name));
  const bool exists = version.info->schema.find(name).has_value();
  return schema_error(fmt::format("table '{}' has no {}column '{}'{}", version.info->name, exists ? "sparse " : "",
                                  name, exists ? ": it is of another type" : ""));
}

// The pairs of a query, rising; those of weight 0 stay: rows that have their index match.
Result<std::vector<sparse::Pair>> checked_pairs(const table::TableVersion& version, const SparseQuery& query) {
  const size_t count = query.indexes.size();
  if (query.weights.size() != count)
    return wrong(version, fmt::format("a sparse vector of {} indexes and {} weights", count, query.weights.size()));
  if (count > kSparsePairsMax)
    return wrong(version, fmt::format("a sparse vector has at most {} pairs, not {}", kSparsePairsMax, count));
  std::vector<sparse::Pair> pairs;
  pairs.reserve(count);
  for (size_t i = 0; i < count; ++i) pairs.push_back({query.indexes[i], query.weights[i]});
  if (const std::string fault = sparse::sort_pairs(pairs, " in the sparse vector"); !fault.empty())
    return wrong(version, fault);
  return pairs;
}

}  // namespace

Result<SparseSearch> SparseSearch::make(const table::TableVersion& version, const SearchQuery& query,
                                        base::Stop* stop) {
  try {
    SparseSearch search;
    search.version_ = &version;
    search.stop_ = stop;
    TRY(column, find_sparse_column(version, query.sparse->column));
    search.column_ = column;
    for (const table::PlacedTextRun& placed : column->runs)
      search.runs_.push_back({&placed.run->run(), placed.first_row});
    TRY(pairs, checked_pairs(version, *query.sparse));
    search.query_ = std::move(pairs);
    return search;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<std::vector<text::ScoredRow>> SparseSearch::best(const table::LiveBitmap& rows, size_t k,
                                                        SparseSearchStats* stats) const {
  TRY_OK(base::begin_stage(stop_, "looking for the rows whose sparse vectors match best"));
  SparseSearchStats unread;
  SparseSearchStats& filled = stats != nullptr ? *stats : unread;
  filled.posting_count = sparse::count_postings(runs_, query_);
  const uint64_t documents = std::max<uint64_t>(column_->document_count, 1);
  const uint64_t pairs_a_row = column_->token_count / documents + query_.size() + 1;
  filled.by_rows = rows.live_count() < filled.posting_count / pairs_a_row;
  if (filled.by_rows) return best_of_few(rows, k, filled.scored_rows);
  return sparse::best_rows(runs_, query_, rows.view(), k, &filled.scored_rows, stop_);
}

// Row by row.
Result<std::vector<text::ScoredRow>> SparseSearch::best_of_few(const table::LiveBitmap& rows, size_t k,
                                                               uint64_t& scored) const {
  const table::ColumnReader& values = version_->columns[column_->index->column()];
  try {
    text::TopK top(k, -std::numeric_limits<float>::infinity());
    base::StopEvery looking(stop_, kRowsPerLook);
    rows.for_each([&](RowId row) {
      if (base::stopped(stop_) || looking.asked() || values.is_null(row)) return;
      const std::optional<double> sum = sparse::inner_product(query_, values.bytes(row));
      if (!sum) return;
      ++scored;
      top.offer(row.value, sparse::to_score(*sum));
    });
    TRY_OK(base::unless_stopped(stop_));
    return top.take();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<std::vector<float>> SparseSearch::scores_of(std::span<const RowId> rows) const {
  TRY_OK(base::begin_stage(stop_, "scoring rows by their sparse vectors"));
  const table::ColumnReader& values = version_->columns[column_->index->column()];
  try {
    std::vector<float> scores;
    scores.reserve(rows.size());
    for (const RowId row : rows) {
      const auto sum = values.is_null(row) ? std::nullopt : sparse::inner_product(query_, values.bytes(row));
      scores.push_back(sparse::to_score(sum.value_or(0)));
    }
    return scores;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<uint64_t> SparseSearch::matching_rows_max() const {
  TRY_OK(base::begin_stage(stop_, "counting the rows whose sparse vectors may match"));
  return std::min<uint64_t>(sparse::count_postings(runs_, query_), version_->live.live_count());
}

const std::string& SparseSearch::column_name() const { return spec_of(*version_, *column_).name; }

}  // namespace omendb::exec
