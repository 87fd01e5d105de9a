#include "engine/exec/text_search.h"

#include "engine/base/try.h"
#include "engine/text/query_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <string>
#include <utility>

namespace omendb::exec {
namespace {

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "no memory for a search by text"}; }

Error wrong(const table::TableVersion& version, const std::string& what) {
  return {ErrorCode::kInvalidArgument, fmt::format("search in table '{}': {}", version.info->name, what)};
}

const std::string& name_of(const table::TableVersion& version, const table::TextColumnVersion& column) {
  return version.info->schema.columns[column.index->column()].name;
}

bool is_text(const table::TableVersion& version, const table::TextColumnVersion& column) {
  return version.info->schema.columns[column.index->column()].type == Type::kText;
}

Result<const table::TextColumnVersion*> find_text_column(const table::TableVersion& version, std::string_view name) {
  for (const table::TextColumnVersion& column : version.texts) {
    if (is_text(version, column) && name_of(version, column) == name) return &column;
  }
  const bool exists = version.info->schema.find(name).has_value();
  return Error{ErrorCode::kSchema, fmt::format("table '{}' has no {}column '{}'{}", version.info->name,
                                               exists ? "text " : "", name, exists ? ": it is of another type" : "")};
}

// Columns and weights of a query: those that it names, else all.
Result<std::vector<std::pair<const table::TextColumnVersion*, double>>> searched_columns(
    const table::TableVersion& version, std::span<const TextColumnWeight> named) {
  std::vector<std::pair<const table::TextColumnVersion*, double>> columns;
  for (const table::TextColumnVersion& column : version.texts) {
    if (is_text(version, column)) columns.emplace_back(&column, 1.0);
  }
  if (columns.empty())
    return Error{ErrorCode::kSchema, fmt::format("table '{}' has no text column to search", version.info->name)};
  if (named.empty()) return columns;
  columns.clear();
  for (const TextColumnWeight& wanted : named) {
    TRY(column, find_text_column(version, wanted.column));
    if (!(wanted.weight > 0) || !std::isfinite(wanted.weight))
      return wrong(version,
                   fmt::format("the weight of column '{}' is a number above 0, not {}", wanted.column, wanted.weight));
    const auto twice = [column](const auto& known) { return known.first == column; };
    if (std::any_of(columns.begin(), columns.end(), twice))
      return wrong(version, fmt::format("text column '{}' is named twice", wanted.column));
    columns.emplace_back(column, wanted.weight);
  }
  return columns;
}

}  // namespace

Result<TextSearch> TextSearch::make(const table::TableVersion& version, const SearchQuery& query, base::Stop* stop) {
  if (query.text && query.text_query) return wrong(version, "give text= or query=, not both");
  const std::string_view words = query.text ? *query.text : *query.text_query;
  if (words.size() > text::kQueryBytesMax)
    return wrong(version,
                 fmt::format("a text to search for has at most {} bytes, not {}", text::kQueryBytesMax, words.size()));
  try {
    TextSearch search;
    search.version_ = &version;
    search.stop_ = stop;
    TRY(columns, searched_columns(version, query.text_columns));
    for (const auto& [column, weight] : columns) {
      Column& searched = search.columns_.emplace_back(Column{column, {}, weight});
      for (const table::PlacedTextRun& placed : column->runs)
        searched.runs.push_back({&placed.run->run(), placed.first_row});
    }
    if (query.text) {
      search.query_ = text::plain_query(words);
    } else {
      TRY(parsed, text::parse_query(words));
      search.query_ = std::move(parsed);
    }
    return search;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

std::vector<text::TextColumn> TextSearch::columns() const {
  std::vector<text::TextColumn> columns;
  for (const Column& column : columns_) {
    const ColumnSpec& spec = version_->info->schema.columns[column.version->index->column()];
    const table::DeadTerms* const dead = &column.version->dead_terms;
    const auto dead_document_count = [dead](std::string_view term) {
      const uint32_t* const count = dead->find(std::string(term));
      return count == nullptr ? 0 : *count;
    };
    columns.push_back({.name = spec.name,
                       .analyzer = &column.version->index->analyzer(),
                       .k1 = spec.text.k1,
                       .b = spec.text.b,
                       .weight = column.weight,
                       .runs = column.runs,
                       .document_count = column.version->document_count,
                       .token_count = column.version->token_count,
                       .dead_document_count = dead_document_count});
  }
  return columns;
}

Result<std::vector<text::ScoredRow>> TextSearch::best(const table::LiveBitmap& rows, size_t k,
                                                      text::TextSearchStats* stats) const {
  TRY_OK(base::begin_stage(stop_, "looking for the rows whose texts match best"));
  try {
    return text::search(columns(), *query_, rows.view(), k, stats, -std::numeric_limits<float>::infinity(), stop_);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<table::LiveBitmap> TextSearch::matching(const table::LiveBitmap& rows) const {
  TRY_OK(base::begin_stage(stop_, "looking for the rows whose texts match"));
  try {
    TRY(found, text::matching_rows(columns(), *query_, rows.view(), stop_));
    std::vector<std::shared_ptr<const table::LiveBitmap::Block>> blocks;
    auto row = found.begin();
    for (uint64_t end = 0; end < rows.row_count();) {
      const uint64_t first = end;
      end += table::LiveBitmap::kRowsPerBlock;
      auto block = std::make_shared<table::LiveBitmap::Block>();
      for (; row != found.end() && *row < end; ++row) (*block)[(*row - first) / 64] |= uint64_t{1} << (*row % 64);
      blocks.push_back(std::move(block));
    }
    table::LiveBitmap matching;
    matching.assign(rows.row_count(), std::move(blocks));
    return matching;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<uint64_t> TextSearch::matching_rows_max() const {
  TRY_OK(base::begin_stage(stop_, "counting the rows whose texts may match"));
  TRY(plan, text::make_plan(columns(), *query_, stop_));
  return std::min<uint64_t>(plan.matching_rows_max(), version_->live.live_count());
}

std::string TextSearch::column_names() const {
  std::string names;
  for (const Column& column : columns_) names += (names.empty() ? "" : ", ") + name_of(*version_, *column.version);
  return names;
}

Result<std::vector<float>> TextSearch::scores_of(std::span<const RowId> rows) const {
  TRY_OK(base::begin_stage(stop_, "scoring rows by their texts"));
  try {
    std::vector<size_t> order(rows.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [rows](size_t a, size_t b) { return rows[a] < rows[b]; });
    std::vector<uint32_t> rising;
    rising.reserve(rows.size());
    for (const size_t at : order) rising.push_back(rows[at].value);
    TRY(scored, text::score_rows(columns(), *query_, rising, stop_));
    std::vector<float> scores(rows.size());
    for (size_t i = 0; i < order.size(); ++i) scores[order[i]] = scored[i];
    return scores;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<std::vector<std::vector<TextRange>>> TextSearch::highlight(std::span<const RowId> rows,
                                                                  std::string_view column) const {
  TRY(found, find_text_column(*version_, column));
  const table::ColumnReader& texts = version_->columns[found->index->column()];
  const std::vector<text::TextColumn> all = columns();
  const auto searched = std::find_if(all.begin(), all.end(), [column](const auto& one) { return one.name == column; });
  std::vector<std::vector<TextRange>> ranges(rows.size());
  if (searched == all.end()) return ranges;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (texts.is_null(rows[i])) continue;
    TRY(marked, text::highlight(*searched, *query_, texts.bytes(rows[i])));
    for (const auto& word : marked.words) ranges[i].push_back({word.begin_byte, word.end_byte});
  }
  return ranges;
}

}  // namespace omendb::exec
