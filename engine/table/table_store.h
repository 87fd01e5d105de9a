#pragma once

// A table on the writer's side. A statement goes: prepare_* (checks, room on disk, rows appended behind everybody's sight, a new version drafted), then the database
// writes the log, then install() makes the draft the newest state; or abandon() takes everything back. Recovery applies log records through the same appends.
// Threads: one writer at a time (the database's commit lock); readers use versions.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/storage/store.h"
#include "engine/table/column.h"
#include "engine/table/dead_rows.h"
#include "engine/table/key_directory.h"
#include "engine/table/rows.h"
#include "engine/table/table_version.h"
#include "engine/table/text_index.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace omendb::table {

enum class OnConflict : uint8_t { kFail, kReplace };

// What one statement does to one table, before it is logged.
struct TableChange {
  RowId first_row{};  // of the added rows
  uint32_t added_count = 0;
  std::vector<RowId> removed;                   // rows whose bit is cleared, in the order they were found
  uint32_t patch_count = 0;                     // slots added to the patches
  std::shared_ptr<PatchArrays> patch_arrays;    // not null: another storage of patches takes over
  std::shared_ptr<const TableVersion> version;  // the table with the change
};

// What the root remembers of a table beside its arrays.
struct TableSummary {
  struct VectorIndexSummary {
    graph::Graph::Shape shape;
    uint32_t watermark = 0;
    std::shared_ptr<const Calibration> calibration{};  // may be null
  };
  struct TextRunSummary {
    StorageId storage{};
    uint64_t size_bytes = 0;
    uint32_t row_count = 0;
    uint32_t dead_documents = 0;
  };
  struct TextIndexSummary {
    uint32_t document_count = 0;
    uint64_t token_count = 0;
    uint64_t dead_terms_bytes = 0;
    std::vector<TextRunSummary> runs;
  };
  uint32_t row_count = 0;
  uint32_t live_count = 0;
  std::vector<VectorIndexSummary> vectors;
  std::vector<TextIndexSummary> texts;  // none: the indexes are made from the rows
  StorageId patch_storage{};            // 0: no patches
  uint32_t patch_slot_count = 0;
  std::vector<column::Source> earned_indexes{};  // behind conditions, the one that was asked last first
};

// Bytes that the row's values take up.
uint64_t row_bytes(const TableVersion& version, RowId row);

// Rows of one version, at least one, to be written once more. Fails: kOutOfMemory.
Result<Rows> copy_rows(const TableVersion& version, std::span<const RowId> rows);

class TableStore : public std::enable_shared_from_this<TableStore> {
 public:
  // An empty table, nothing on disk yet.
  static Result<std::shared_ptr<TableStore>> create(storage::Store& store, TableInfo info);
  // A table as of the root. A damaged graph is not an error: it is derived, and will be built again. Fails: kCorruption, kIo.
  static Result<std::shared_ptr<TableStore>> load(storage::Store& store, TableInfo info, const TableSummary& summary);

  const TableInfo& info() const { return *info_; }
  std::shared_ptr<const TableVersion> version() const { return version_; }

  // --- statements; a preparation that fails, for want of memory or else, leaves nothing behind, and install() allocates nothing ---
  // `rows`: encode_vectors() has seen them; `texts`: what index_texts() made of them.
  Result<TableChange> prepare_write(const Rows& rows, const TextRuns& texts, OnConflict on_conflict);
  Result<TableChange> prepare_erase(const KeysView& keys);
  // Updates of metadata columns (table_patch.cc): the rows stay, their values get slots of the patches.
  bool needs_patch_storage() const;  // there is none, or most of its slots are dead
  // An empty storage takes over, with what live slots hold. Fails: kStorageFull, kIo, kOutOfMemory.
  Result<TableChange> prepare_patch_storage(StorageId storage);
  // `rows` live, each once; `values` of every metadata column. Fails: kStorageFull, kIo, kOutOfMemory, kInvalidArgument (too many slots).
  Result<TableChange> prepare_patch(std::span<const RowId> rows, const Rows& values);
  void install(TableChange change);
  void abandon(const TableChange& change);

  // --- moving rows out of sparse regions (table_move.cc) ---
  // Some rows of `version`, the newest published one, to be written again at the end: those of the sparsest region that live, a statement's worth of them. None if there is
  // nothing to gain. Threads: any.
  std::vector<RowId> rows_to_move(const TableVersion& version) const;

  // --- text indexes (table_text.cc) ---
  using DrawStorageId = std::function<StorageId()>;
  // Writes the runs that are in memory to arrays of their own; the newest version then names those. True if there were any. The storage of what was written and then not taken
  // is told to `lost`. Fails: kStorageFull, kIo, kOutOfMemory: nothing has changed.
  Result<bool> write_text_runs(const DrawStorageId& draw, std::vector<StorageId>& lost);
  // A merged run, its bytes in an array of its own where a storage is given. Threads: one at a time, none that makes a checkpoint. Fails: kStorageFull, kIo, kCorruption.
  Result<std::shared_ptr<const TextRun>> make_text_run(std::vector<std::byte> bytes, size_t column,
                                                       std::optional<StorageId> storage) const;
  // Puts it in the place of the runs it was made of, in the newest version. False if they are not there any more.
  bool install_text_merge(size_t column, std::span<const PlacedTextRun> seen, const std::shared_ptr<const TextRun>& run,
                          std::span<const text::DroppedTerm> dropped);

  // --- recovery: keys are not kept until finish_recovery ---
  Result<void> replay_insert(const InsertRecord& record);
  Result<void> replay_erase(std::span<const RowId> rows);
  Result<void> replay_patch_storage(StorageId storage);
  Result<void> replay_patch(const PatchRecord& record);
  // Rebuilds the key directory. Fails: kCorruption if two live rows have one key.
  Result<void> finish_recovery();

  // --- checkpoint: graph workers are paused, no statement is between prepare and install ---
  // Writes every block that changed since the last published checkpoint. `version` is the table as of that checkpoint.
  Result<TableSummary> write_checkpoint(storage::Checkpoint& checkpoint, const TableVersion& version);
  void checkpoint_published(const TableVersion& version);
  void checkpoint_failed();

  // Keys, live counts, graphs against each other and the rows. Graph workers are paused. Fails: kCorruption.
  Result<void> check(const TableVersion& version) const;

  std::span<const Column> columns() const { return columns_; }
  const PatchArrays* patch_arrays() const { return patch_arrays_.get(); }  // null: none

 private:
  TableStore(storage::Store& store, TableInfo info);

  Result<void> open_columns(const LiveBitmap& live);
  Result<void> load_live_rows(const TableSummary& summary, LiveBitmap& live) const;
  Result<void> load_graphs(const TableSummary& summary, TableVersion& version);
  Result<void> load_texts(const TableSummary& summary, TableVersion& version);
  Result<void> load_text_runs(const TableSummary::TextIndexSummary& saved, TextColumnVersion& column) const;
  Result<TableSummary::TextIndexSummary> write_text(storage::Checkpoint& checkpoint, const TextColumnVersion& column,
                                                    const DeadTerms& before) const;
  Result<void> write_text_runs(TextColumnVersion& column, const LiveBitmap& live, const DrawStorageId& draw,
                               std::vector<StorageId>& written) const;
  Result<void> load_patches(const TableSummary& summary, TableVersion& version);
  Result<void> draft_patch_storage(StorageId storage, TableChange& change) const;
  Result<void> copy_live_patches(PatchArrays& arrays, Patches& patches) const;
  Result<void> draft_patch(std::span<const RowId> rows, const Rows& values, TableChange& change);
  Result<void> append_rows(const Rows& rows);
  Result<void> draft_write(const Rows& rows, const TextRuns& texts, OnConflict on_conflict, TableChange& change);
  std::shared_ptr<TableVersion> draft() const;
  void refresh_readers(TableVersion& version);
  void mark_added(TableVersion& version, const Rows& rows) const;
  static void mark_removed(TableVersion& version, std::span<const RowId> rows);
  Result<void> write_live_rows(storage::Checkpoint& checkpoint, const LiveBitmap& live) const;
  std::vector<RowRange> dead_ranges(const TableVersion& version) const;
  Result<void> release_dead_rows(storage::Checkpoint& checkpoint, const TableVersion& version);
  Result<void> add_keys(TableVersion& version, const Rows& rows, OnConflict on_conflict, TableChange& change);

  storage::Store& store_;
  std::shared_ptr<const TableInfo> info_;
  std::vector<Column> columns_;
  std::shared_ptr<KeyColumn> key_column_;
  std::shared_ptr<PatchArrays> patch_arrays_;  // null: none
  std::shared_ptr<const TableVersion> version_;
  LiveBitmap checkpointed_live_;                    // as the last published root has it
  std::vector<DeadTerms> checkpointed_dead_terms_;  // the same; of the text columns
  struct WrittenBlock {
    VectorIndex* index;
    graph::Graph::Stream stream;
    uint64_t block;
  };
  std::vector<WrittenBlock> written_blocks_;  // by the checkpoint under way
  const std::shared_ptr<DeadRows> dead_rows_;
  std::vector<RowRange>
      released_;  // ranges of rows without bytes on disk, as the last published root of this process has them
  std::vector<RowRange> releasing_;  // the same of the checkpoint under way
};

}  // namespace omendb::table
