#pragma once

// The inverted indexes of a table's text columns, and of its sparse vectors, which are indexed as texts of their pairs
// (sparse/sparse_analyzer.h). A column's index is a list of runs (text/run.h), each of some rows that follow each other: every statement adds one, and small
// ones are merged into larger ones, on the way and in the background. Runs never change, so a version names those that it sees, beside the statistics that BM25 needs: they are
// those of exactly the rows that live in it.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/storage/append_array.h"
#include "engine/table/array_ids.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/rows.h"
#include "engine/text/analyzer.h"
#include "engine/text/run.h"

#include <hamt/map.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace omendb::table {

// Whether a column has such an index.
inline bool has_text_runs(const ColumnSpec& spec) { return spec.type == Type::kText || spec.type == Type::kSparse; }

class ColumnReader;
struct TableInfo;
struct TableVersion;

// A run and its bytes: in memory, or in an array of its own, under a storage id of its own.
class TextRun {
 public:
  // Fail: kCorruption.
  static Result<std::shared_ptr<const TextRun>> in_memory(std::vector<std::byte> bytes);
  static Result<std::shared_ptr<const TextRun>> on_disk(StorageId storage,
                                                        std::shared_ptr<const storage::Mapping> bytes,
                                                        size_t size_bytes);

  const text::Run& run() const { return run_; }
  bool is_on_disk() const { return mapping_ != nullptr; }
  StorageId storage() const { return storage_; }
  // Anonymous memory.
  size_t memory_bytes() const { return owned_.size(); }

 private:
  TextRun() = default;

  std::vector<std::byte> owned_;
  std::shared_ptr<const storage::Mapping> mapping_;
  StorageId storage_{};
  text::Run run_;
};

struct PlacedTextRun {
  std::shared_ptr<const TextRun> run;
  uint32_t first_row = 0;
  uint32_t dead_documents = 0;  // rows with terms in the run that do not live any more
  uint32_t end_row() const { return first_row + run->run().row_count(); }
};

// How many rows that do not live any more the runs still hold, by term.
using DeadTerms = hamt::map<std::string, uint32_t>;

// What all versions of a text column share. Threads: any.
class TextIndex {
 public:
  // `counts_dead_terms`: scores depend on how many rows have a term (BM25's idf), so it has to be known of the dead ones.
  TextIndex(size_t column, std::shared_ptr<const text::Analyzer> analyzer, bool counts_dead_terms)
      : column_(column), analyzer_(std::move(analyzer)), counts_dead_terms_(counts_dead_terms) {}

  size_t column() const { return column_; }  // position in the schema
  const text::Analyzer& analyzer() const { return *analyzer_; }
  bool counts_dead_terms() const { return counts_dead_terms_; }

  // One of the tokenizers that nobody uses, with the words that it remembers; given back at the end.
  class Lease {
   public:
    explicit Lease(const TextIndex& index);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    text::Tokenizer& operator*() const { return *tokenizer_; }

   private:
    const TextIndex& index_;
    std::unique_ptr<text::Tokenizer> tokenizer_;
  };

 private:
  size_t column_;
  std::shared_ptr<const text::Analyzer> analyzer_;
  bool counts_dead_terms_;
  mutable std::mutex mutex_;  // guards idle_
  mutable std::vector<std::unique_ptr<text::Tokenizer>> idle_;
};

struct TextColumnVersion {
  std::shared_ptr<const TextIndex> index;
  std::vector<PlacedTextRun> runs;  // of all rows, in their order
  uint32_t document_count = 0;      // live rows with a term
  uint64_t token_count = 0;         // of live rows
  DeadTerms dead_terms;

  uint64_t memory_bytes() const;
};

// The runs of rows on their way in, one list per text column. Cost: 5 to 10 us a row of 80 words. Threads: any. Fails: kOutOfMemory.
using TextRuns = std::vector<std::vector<std::shared_ptr<const TextRun>>>;
Result<TextRuns> index_texts(const TableVersion& version, const Rows& rows);
// The same of rows that are in the table: those of `rows` that live, and no tokens for the others.
Result<std::vector<std::shared_ptr<const TextRun>>> index_texts(const TextIndex& index, const ColumnReader& column,
                                                                const LiveBitmap& live, uint32_t first_row,
                                                                uint32_t end_row);

// Which neighbours to merge: `count` runs of a text column (by position among the version's) from `first` on.
struct TextMerge {
  size_t column = 0;
  size_t first = 0;
  size_t count = 0;
};
// So that there are never more than a few runs of a size and few rows are merged often; and runs of which many rows are dead are written again. `rows_max`: no more
// rows than that in all, and only runs in memory.
std::optional<TextMerge> choose_text_merge(std::span<const PlacedTextRun> runs, std::optional<uint32_t> rows_max);

struct MergedText {
  std::vector<std::byte> bytes;
  std::vector<text::DroppedTerm> dropped;
};
// Without the rows that are dead in `live`. Threads: any. Fails: kCorruption, kOutOfMemory.
Result<MergedText> merge_text(std::span<const PlacedTextRun> runs, const LiveBitmap& live);
// Puts the merged run in their place. `seen`: the runs as they were when they were merged. False if they are not there any more.
bool replace_text_runs(TextColumnVersion& column, std::span<const PlacedTextRun> seen,
                       const std::shared_ptr<const TextRun>& run, std::span<const text::DroppedTerm> dropped);

// Runs that follow the ones there are, small ones merged on the way. Fails: kCorruption, kOutOfMemory.
Result<void> add_text_runs(TextColumnVersion& column, const std::vector<std::shared_ptr<const TextRun>>& runs,
                           const LiveBitmap& live);
// Rows that live in the runs and from now on do not.
void remove_texts(TextColumnVersion& column, const ColumnReader& texts, std::span<const RowId> rows);

// --- what the root keeps beside the runs ---
std::vector<std::byte> encode(const DeadTerms& terms);
Result<DeadTerms> decode_dead_terms(std::span<const std::byte> bytes);

// The runs, counts and dead terms against the rows, which are analyzed once more. Fails: kCorruption.
Result<void> check_text(const TableVersion& version, const TextColumnVersion& column);

}  // namespace omendb::table
