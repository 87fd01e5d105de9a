#pragma once

// The best rows of a query by BM25 (Robertson, Walker: Okapi at TREC-3, 1994; with idf and lengths as Lucene has them) over the exact corpus of one version: which
// rows live, how many have a term and how
// long they are on average is that version's, whichever runs hold them.

#include <omendb/status.h>

#include "engine/base/row_bits.h"
#include "engine/base/stop.h"
#include "engine/text/run.h"
#include "engine/text/text_query.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

using base::RowBits;

struct PlacedRun {
  const Run* run = nullptr;
  uint32_t first_row = 0;  // of the table
};

// One text column of one version. Borrowed.
struct TextColumn {
  std::string_view name;
  const Analyzer* analyzer = nullptr;
  double k1 = 0.9;
  double b = 0.4;
  double weight = 1;                // scores are multiplied by it
  std::span<const PlacedRun> runs;  // rising rows, none in two of them
  uint32_t document_count = 0;      // live rows with a term
  uint64_t token_count = 0;         // of live rows
  // How many rows of the runs have the term and do not live.
  std::function<uint32_t(std::string_view term)> dead_document_count;
};

struct ScoredRow {
  uint32_t row = 0;
  float score = 0;
  bool operator==(const ScoredRow&) const = default;
};

struct TextSearchStats {  // for explain
  uint64_t scored_rows = 0;
  uint64_t skipped_windows = 0;    // stretches of rows without a possible answer
  uint64_t matching_rows_max = 0;  // sum of the terms' document counts: no more rows than that match
};

// The k best of `rows` that match, best first, ties by row. A row's score is the sum over columns of weight * BM25. Where `score_above` is given only rows that score
// more. An empty query, or one of stop
// words only, matches nothing. Fails: kInvalidArgument (a column that is not there), kCorruption, kOutOfMemory, and as `stop` says, which is asked every few blocks of postings.
Result<std::vector<ScoredRow>> search(std::span<const TextColumn> columns, const QueryNode& query, RowBits rows,
                                      size_t k, TextSearchStats* stats = nullptr,
                                      float score_above = -std::numeric_limits<float>::infinity(),
                                      base::Stop* stop = nullptr);

// The scores of given rows, rising; 0 for those that do not match.
Result<std::vector<float>> score_rows(std::span<const TextColumn> columns, const QueryNode& query,
                                      std::span<const uint32_t> rows, base::Stop* stop = nullptr);

// The rows of `rows` that match, rising; for `where`-like use and counts.
Result<std::vector<uint32_t>> matching_rows(std::span<const TextColumn> columns, const QueryNode& query, RowBits rows,
                                            base::Stop* stop = nullptr);

// Parts of a text around the words that a query looks for, as ranges of bytes.
struct Highlight {
  struct Range {
    uint32_t begin_byte;
    uint32_t end_byte;
  };
  std::vector<Range> words;  // rising
};
// The words of `text`, a row of `column`, that the query names (phrases: where they stand as such).
Result<Highlight> highlight(const TextColumn& column, const QueryNode& query, std::string_view text);

}  // namespace omendb::text
