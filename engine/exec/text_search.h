#pragma once

// Rows of one version whose texts match best.

#include <omendb/query.h>
#include <omendb/status.h>

#include "engine/base/stop.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/table_version.h"
#include "engine/text/text_search.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::exec {

// The words of a query and the columns that they are looked for in. Borrows from the version, which must stay pinned, and from the query. Threads: any, one with a
// `stop`, as which every search may fail.
class TextSearch {
 public:
  // Fails: kInvalidArgument, kSchema.
  static Result<TextSearch> make(const table::TableVersion& version, const SearchQuery& query,
                                 base::Stop* stop = nullptr);

  // The k best of `rows` that match, best first, ties by row. Fails: kInvalidArgument, kCorruption, kOutOfMemory.
  Result<std::vector<text::ScoredRow>> best(const table::LiveBitmap& rows, size_t k,
                                            text::TextSearchStats* stats = nullptr) const;
  // All of `rows` that match. Cost: as reading the postings of the words.
  Result<table::LiveBitmap> matching(const table::LiveBitmap& rows) const;
  // No more rows than that match.
  Result<uint64_t> matching_rows_max() const;
  // Names of the columns that are searched.
  std::string column_names() const;
  // Of rows in any order; 0 for those that do not match.
  Result<std::vector<float>> scores_of(std::span<const RowId> rows) const;

  // Where the words of the query stand in the texts of rows, one entry a row; `column` is one of those that are searched. Fails: kSchema.
  Result<std::vector<std::vector<TextRange>>> highlight(std::span<const RowId> rows, std::string_view column) const;

 private:
  struct Column {
    const table::TextColumnVersion* version;
    std::vector<text::PlacedRun> runs;
    double weight;
  };
  std::vector<text::TextColumn> columns() const;

  const table::TableVersion* version_ = nullptr;
  std::vector<Column> columns_;
  std::unique_ptr<const text::QueryNode> query_;
  base::Stop* stop_ = nullptr;
};

}  // namespace omendb::exec
