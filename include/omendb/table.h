#pragma once

#include <omendb/batch.h>
#include <omendb/filter.h>
#include <omendb/query.h>
#include <omendb/schema.h>
#include <omendb/stats.h>
#include <omendb/status.h>
#include <omendb/stop_when.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb {

struct MemoryOrDiskPart {
  std::string name;  // "columns.v", "graph.v", "keys", "live rows", ...
  uint64_t bytes = 0;
};

struct TableStats {
  uint64_t row_count = 0;       // live rows
  uint64_t dead_row_count = 0;  // deleted, replaced, or moved by upkeep; each time one more
  uint64_t tail_row_count = 0;  // rows that wait for a graph; searches compare with each. Falls to 0 by itself
  bool flat = true;             // too small for a graph: every search is exact
  uint64_t graph_edge_count = 0;
  std::vector<MemoryOrDiskPart> memory;            // what is held in anonymous memory
  std::vector<MemoryOrDiskPart> disk;              // extents in files
  std::vector<IndexStats> indexes;                 // one per vector column
  std::vector<ColumnIndexStats> column_indexes{};  // behind conditions
};

struct ScanOptions {
  std::vector<std::string> columns;  // empty = all
  size_t batch_rows = 4096;
  Where where{};         // only rows for which this is true
  StopWhen stop_when{};  // while these are looked for, before the first batch
};

// Reads rows of one version, batch by batch, in order of arrival (rows moved meanwhile, to give space back, arrive again). Threads: one at a time.
class Scan {
 public:
  virtual ~Scan() = default;
  // The next batch, or nothing at the end.
  virtual Result<std::optional<Batch>> next() = 0;
};

// A handle to one table; cheap to copy; keeps its database open. Threads: any number on the same handle. Reading calls pin the newest
// version and never wait for writers. Writing calls are statements: all rows or none, durable when they return (see Sync), visible to
// every search that starts afterwards. Errors: kInvalidArgument and kSchema name column and row; kConflict names the key; kStorageFull, kIo; kClosed.
class Table {
 public:
  const std::string& name() const;
  const Schema& schema() const;

  // Adds rows. A key that exists already, or twice in the batch, is kConflict. Returns how many.
  Result<uint64_t> insert(const BatchView& rows);
  // Adds rows, replacing those whose key exists (whole rows; columns left out become null). The last of equal keys in the batch wins.
  Result<uint64_t> upsert(const BatchView& rows);
  // Removes rows by key; keys that do not exist are not an error. Returns how many were there.
  Result<uint64_t> erase(const KeysView& keys);
  // Sets columns to one value each, in the rows for which a condition is true, as they are when no other statement is under way; returns how many. `values`: one row, without the
  // primary key. Cost: microseconds a row; with a vector or a text, as an upsert of these rows. Fails: kInvalidArgument also for an empty condition.
  // `stop_when` counts while the rows are looked for, until something is written.
  Result<uint64_t> update(const BatchView& values, const Where& where, const StopWhen& stop_when = {});
  // Removes the rows for which a condition is true, as they are when no other statement is under way. Returns how many. Fails: kInvalidArgument also for an empty one.
  Result<uint64_t> erase(const Where& where, const StopWhen& stop_when = {});
  // Removes every row.
  Result<uint64_t> clear();

  // Rows in the order of `keys`; `found` (if given) gets one byte a key, and rows not found are left out. `columns` empty = all.
  Result<Batch> get(const KeysView& keys, std::span<const std::string> columns = {},
                    std::vector<uint8_t>* found = nullptr) const;
  // Rows, or those for which a condition is true.
  Result<uint64_t> count(const Where& where = {}, const StopWhen& stop_when = {}) const;
  Result<std::unique_ptr<Scan>> scan(const ScanOptions& options) const;

  // Cost: about 50 us a query at a million rows of 128 floats; see docs/performance.md. Fails: kInvalidArgument, kSchema, kCorruption.
  Result<Hits> search(const SearchQuery& query) const;
  // Hits of one query in another order, some left out, with scores of the caller's: what a reranking model makes of them. `order`: numbers of hits, each at most
  // once. Fails: kInvalidArgument.
  Result<Hits> rearrange(const Hits& hits, std::span<const uint32_t> order, std::span<const float> scores) const;
  // What search() would do with the query, as a tree of lines: which way, why, how many rows it expects. `analyze`: searches, and says what happened and how long
  // each part took. Of one query; of a condition alone how counting and scans find its rows. Conditions say which parts of them indexes answer, and why others read values.
  // Fails: as search() does.
  Result<std::string> explain(const SearchQuery& query, bool analyze = false) const;
  // Where the words of a query stand in texts of the hits `first` .. `first + count`, as they were in the version that was searched. Of the query its `text` or
  // `text_query` counts. One entry a hit. Cost: as analyzing these texts. Fails: kInvalidArgument, kSchema.
  Result<std::vector<std::vector<TextRange>>> highlight(const Hits& hits, size_t first, size_t count,
                                                        std::string_view column, const SearchQuery& query) const;
  // Columns of the hits `first` .. `first + count`, as they were in the version that was searched.
  Result<Batch> fetch(const Hits& hits, size_t first, size_t count, std::span<const std::string> columns = {}) const;

  Result<TableStats> stats() const;
  // Recall of the column's graph at these beams: asks with rows of the table, each as if it were not there, and compares with an exact scan. Empty where every search is exact.
  // Cost: the scan (256 queries at a million rows of 128 floats: 2 to 3 seconds) and the searches, on the calling thread. Fails: kInvalidArgument, kSchema.
  Result<std::vector<MeasuredRecall>> measure_recall(const RecallMeasurement& measurement) const;
  // Waits until every row of the table is in its graph, the graph's recall is measured and conditions have the indexes that pay (tests, benchmarks; never needed for
  // correctness or speed of the table).
  Result<void> wait_for_index() const;

 private:
  friend class Database;
  struct Impl;
  explicit Table(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace omendb
