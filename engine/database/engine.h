#pragma once

// The database behind the door: versions, the commit path, checkpoints and recovery over one storage::Store and its tables.
//
//   write: check_rows -> [commit lock: prepare -> log -> install] -> wait until durable -> publish     (commit.cc)
//   read:  version() pins what was last published; nothing else is needed                              (door.cc, exec/)
//   open:  root -> tables -> log replay through the same appends -> keys rebuilt -> publish            (recovery.cc)
//   checkpoint: pause graph workers -> new log segment -> changed blocks -> one atomic root            (checkpoint.cc)
//   merges: runs of text indexes become fewer, without a commit                                        (merge_texts.cc)
//   moves: rows of regions of which few live -> the way of a write, without anybody seeing a change    (move_rows.cc)

#include <omendb/database.h>
#include <omendb/options.h>
#include <omendb/status.h>

#include "engine/database/call_stop.h"
#include "engine/database/search_pace.h"
#include "engine/filter/filter.h"
#include "engine/os/clock.h"
#include "engine/os/file.h"
#include "engine/os/forks.h"
#include "engine/storage/store.h"
#include "engine/table/catalog.h"
#include "engine/table/maintenance.h"
#include "engine/table/table_store.h"
#include "engine/table/table_version.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace omendb::database {

// What the world gives an engine; tests give it another one.
struct Environment {
  std::shared_ptr<os::Directory> directory;
  std::shared_ptr<os::Clock> clock;
  bool background =
      true;  // false: no threads; checkpoints and index work happen when they are asked for, so that every run is the same
};

class Engine {
 public:
  static Result<std::shared_ptr<Engine>> open(Environment environment, const OpenOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The newest published version. Fails: kClosed.
  Result<std::shared_ptr<const table::DatabaseVersion>> version() const;
  // The table in the newest published version. Fails: kClosed, kNotFound (dropped).
  Result<std::shared_ptr<const table::TableVersion>> table_version(TableId id) const;

  // To be told of every search.
  void count_search(const table::TableVersion& version);

  // --- statements (commit.cc): all or nothing; durable and visible when they return ---
  Result<uint64_t> write(TableId id, const BatchView& batch, table::OnConflict on_conflict);
  Result<uint64_t> erase(TableId id, const KeysView& keys);
  Result<uint64_t> erase(TableId id, const Where& where, CallStop* stop = nullptr);
  Result<uint64_t> update(TableId id, const BatchView& values, const Where& where, CallStop* stop = nullptr);
  Result<uint64_t> clear(TableId id);
  Result<TableId> create_table(std::string_view name, const Schema& schema, bool exist_ok);
  Result<void> drop_table(std::string_view name);

  // --- upkeep (checkpoint.cc, merge_texts.cc, inspect.cc) ---
  Result<void> checkpoint();
  // Moves rows out of sparse regions until there is nothing to gain, as the background does by itself. Returns how many. Beside background threads it waits for short tails as
  // they do, and leaves them what is left as soon as that takes long or they have a checkpoint to make.
  Result<uint64_t> move_sparse_rows();
  // Writes rows of `seen` again at the end of their table, in one commit, as far as they still live; nothing that a statement or a search can tell changes. Returns how many.
  Result<uint64_t> move_rows(const table::TableVersion& seen, std::vector<RowId> rows);
  // One merge of runs of a text index, as the background does by itself; false if none was due.
  Result<bool> merge_some_texts();
  // One block of an index behind conditions that pays, as the background makes it by itself; false if there was none to make.
  Result<bool> index_some_columns(std::optional<TableId> only = {}) const;
  // Leaves patches behind that no row shows any more, as updates do by themselves when they are many.
  Result<void> renew_patches(TableId id);
  Result<void> check();
  Result<void> backup(os::Directory& target);
  Result<void> wait_for_index(TableId id);
  Result<uint64_t> state_hash() const;
  Result<DatabaseStats> stats() const;
  Result<TableStats> table_stats(TableId id) const;
  Result<void> close();

  const std::string& path() const { return environment_.directory->path(); }
  const os::Clock& clock() const { return *environment_.clock; }

 private:
  struct
      Dropped {  // storage without a table; its extents go with the first checkpoint after the last version that reads them
    table::StorageId storage{};
    std::weak_ptr<const void> pin;
  };
  struct PreparedCommit {
    std::vector<table::RecordKind> kinds;
    std::vector<std::vector<std::span<const std::byte>>> records;
    std::deque<std::vector<std::byte>> owned;  // what records point to, where it is not the caller's
    void add(table::RecordKind kind, std::vector<std::byte> payload);
    std::vector<storage::LogRecord> log_records() const;  // borrowed
  };

  Engine(Environment environment, const OpenOptions& options);
  // In a child of fork(), left over from the parent. To be asked before any lock is taken: a thread that is not here may hold it.
  bool inherited() const { return os::fork_count() != forks_at_open_; }
  Result<void> usable() const;

  // recovery.cc
  Result<void> load_catalog();
  Result<void> replay_log();
  Result<void> replay_record(uint8_t kind, std::span<const std::byte> payload);
  Result<void> replay_insert(std::span<const std::byte> payload);
  Result<void> replay_patch(std::span<const std::byte> payload);
  Result<void> replay_patch_storage(std::span<const std::byte> payload);
  Result<table::TableStore*> replayed_table(TableId id);
  void start_background();

  // commit.cc; those marked (locked) are called with commit_mutex_ held
  Result<void> writable() const;
  using PrepareErase = std::function<Result<table::TableChange>(table::TableStore&)>;
  Result<uint64_t> erase_prepared(TableId id, const PrepareErase& prepare);
  Result<std::shared_ptr<table::TableStore>> store_of_table(TableId id) const;                    // (locked)
  std::shared_ptr<table::TableStore> store_of_version(const table::TableVersion& version) const;  // (locked)
  Result<CommitNumber> log_commit(std::span<const storage::LogRecord> records);                   // (locked)
  Result<CommitNumber> commit_change(table::TableStore& table, table::TableChange change,
                                     PreparedCommit commit);  // (locked)
  Result<CommitNumber> commit_rows(table::TableStore& table, const table::Rows& rows, const table::TextRuns& texts,
                                   table::OnConflict on_conflict);  // (locked)
  Result<CommitNumber> commit_encoded(table::TableStore& table, table::TableChange change, table::RecordKind kind,
                                      const std::function<table::RowRecords()>& encode);  // (locked)
  Result<void> commit_patch_storage(table::TableStore& table);                            // (locked)
  Result<CommitNumber> commit_patch(table::TableStore& table, std::span<const RowId> rows,
                                    const table::Rows& values);  // (locked)
  Result<uint64_t> update_metadata(TableId id, const filter::Filter& filter, const table::Rows& checked,
                                   const std::vector<bool>& given, base::Stop* stop);
  void set_state(CommitNumber commit);  // (locked)
  Result<void> finish_commit(CommitNumber commit);
  static uint64_t waiting_bytes(const table::TableVersion& version);  // of vectors in the tail
  uint64_t waiting_bytes(TableId id) const;
  bool has_room(uint64_t waiting_bytes, uint64_t bytes_max_beside_searches) const;
  Result<void> wait_for_room(TableId id, uint64_t coming_bytes, base::Stop* stop = nullptr) const;
  void forget_storage(const table::TableStore& table);      // (locked)
  void forget_patches(const table::TableVersion& version);  // (locked)

  // checkpoint.cc
  struct CheckpointRun;
  Result<void> run_checkpoint(CheckpointRun& run);
  bool checkpoint_pays(uint64_t bytes_min) const;
  bool checkpoint_due() const;
  struct Upkeep;
  enum class UpkeepStep : uint8_t { kDone, kIdle, kFailed };
  void upkeep_loop();
  UpkeepStep keep_up(Upkeep& upkeep);
  UpkeepStep move_or_make_room(Upkeep& upkeep);
  UpkeepStep give_bytes_back_at_rest(Upkeep& upkeep);
  bool stopping() const;
  Result<void> stop_and_checkpoint();

  // merge_texts.cc
  bool text_merge_due() const;
  Result<bool> merge_texts(const table::TableVersion& version);  // text_merge_mutex_ is held
  Result<void> install_text_merge(const table::TableVersion& seen, const table::TextMerge& merge,
                                  table::MergedText merged);
  Result<void> wait_for_text_room(TableId id);
  Result<void> write_text_runs();                                          // (locked)
  Result<void> republish();                                                // (locked)
  void forget_text_run(const std::shared_ptr<const table::TextRun>& run);  // (locked)

  // move_rows.cc
  struct MoveTurns {          // what a thread that moves rows remembers
    uint32_t last_table = 0;  // whose turn it was, by TableId
    // Tables with rows to move, and how many rows each has when statements have made its tail so long that it may move some all the same.
    std::map<uint32_t, uint64_t> waiting;
  };
  struct Moves {
    uint64_t row_count = 0;
    bool interrupted = false;  // there is something else to do, or perhaps another table to look at
  };
  Result<Moves> move_some_rows(MoveTurns& turns);
  Result<std::vector<TableId>> choose_tables_to_move(MoveTurns& turns) const;
  void find_sparse_tables(MoveTurns& turns) const;
  Result<std::vector<TableId>> wait_to_move(const MoveTurns& turns) const;
  std::vector<TableId> tables_with_room(const MoveTurns& turns) const;
  Result<std::vector<RowId>> rows_to_move(const table::TableVersion& version) const;
  Result<uint64_t> move_rows_of(TableId id);
  void count_emptied(const table::TableVersion& before, const std::vector<RowId>& moved);

  Environment environment_;
  OpenOptions options_;
  const uint32_t forks_at_open_ = os::fork_count();
  std::unique_ptr<storage::Store> store_;

  mutable std::mutex commit_mutex_;  // statements from prepare to install, one at a time
  uint32_t next_id_ = 1;
  std::map<uint32_t, std::shared_ptr<table::TableStore>> tables_;  // by TableId
  std::vector<Dropped> dropped_;
  std::shared_ptr<const table::DatabaseVersion> state_;  // with every logged commit, durable or not

  mutable std::mutex publish_mutex_;  // held for moments; never while holding it is another lock taken
  std::deque<std::shared_ptr<const table::DatabaseVersion>> pending_;  // logged, not yet known to be durable
  std::shared_ptr<const table::DatabaseVersion> published_;

  std::mutex close_mutex_;       // one closing at a time; taken first
  std::mutex text_merge_mutex_;  // one merge of a text index at a time; taken before checkpoint_mutex_
  std::mutex checkpoint_mutex_;  // one checkpoint, check or backup at a time; taken before commit_mutex_
  std::atomic<bool> closed_{false};
  std::unique_ptr<table::IndexWorkers> workers_;
  SearchPace search_pace_;
  std::atomic<uint64_t> emptied_bytes_{0};  // of regions that moves have emptied since the last checkpoint

  mutable std::mutex background_mutex_;  // guards stopping_
  std::condition_variable background_wake_;
  bool stopping_ = false;
  std::thread upkeep_;  // checkpoints that are due, and moving rows
};

}  // namespace omendb::database
