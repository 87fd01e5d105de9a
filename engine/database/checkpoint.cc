// Moving the log into the base, what goes on by itself, and leaving.

#include "engine/base/try.h"
#include "engine/database/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace omendb::database {
namespace {

constexpr std::chrono::seconds kPauseMin(1);
constexpr std::chrono::seconds kPauseMax(64);

}  // namespace

// One checkpoint under way. If it is not published, the graphs remember again what had changed.
struct Engine::CheckpointRun {
  std::unique_ptr<storage::Checkpoint> checkpoint;
  std::shared_ptr<const table::DatabaseVersion> state;
  uint32_t next_id = 0;
  uint64_t emptied_bytes = 0;
  std::vector<std::shared_ptr<table::TableStore>> tables;
  std::vector<table::StorageId> dropped;
  bool published = false;

  ~CheckpointRun() {
    for (const auto& table : tables) {
      if (published) {
        table->checkpoint_published(*state->tables.at(table->info().name));
      } else {
        table->checkpoint_failed();
      }
    }
  }
};

Result<void> Engine::run_checkpoint(CheckpointRun& run) {
  table::Catalog catalog;
  {
    const table::IndexWorkers::Pause pause(*workers_);
    {
      const std::lock_guard lock(commit_mutex_);
      // The root will contain every commit of the log so far; graph workers have seen no row that is not in it.
      TRY_OK(store_->log().wait_durable(state_->commit));
      TRY_OK(write_text_runs());
      TRY(checkpoint, store_->begin_checkpoint());
      run.checkpoint = std::move(checkpoint);
      run.state = state_;
      run.next_id = next_id_;
      run.emptied_bytes = emptied_bytes_;
      for (const auto& [id, table] : tables_) run.tables.push_back(table);
      for (const Dropped& dropped : dropped_) {
        if (dropped.pin.expired()) run.dropped.push_back(dropped.storage);
      }
    }
    catalog.next_id = run.next_id;
    for (const auto& table : run.tables) {
      const table::TableInfo& info = table->info();
      TRY(summary, table->write_checkpoint(*run.checkpoint, *run.state->tables.at(info.name)));
      catalog.tables.push_back({info.id, info.storage, info.name, info.schema, std::move(summary)});
    }
  }
  for (const storage::ArrayId array : store_->arrays()) {
    if (std::find(run.dropped.begin(), run.dropped.end(), table::storage_of(array)) != run.dropped.end())
      run.checkpoint->drop_array(array);
  }
  run.checkpoint->set_metadata(table::encode(catalog));
  TRY_OK(run.checkpoint->publish());
  run.published = true;
  return {};
}

Result<void> Engine::checkpoint() {
  TRY_OK(writable());
  const std::lock_guard lock(checkpoint_mutex_);
  TRY_OK(writable());
  CheckpointRun run;
  TRY_OK(run_checkpoint(run));
  emptied_bytes_ -= run.emptied_bytes;
  const std::lock_guard commit_lock(commit_mutex_);
  std::erase_if(dropped_, [&](const Dropped& dropped) {
    return std::find(run.dropped.begin(), run.dropped.end(), dropped.storage) != run.dropped.end();
  });
  return {};
}

// A checkpoint pays when what it gives back, the log and regions that moves have emptied, is more than that and more than the graphs, whose changed blocks it has to write.
bool Engine::checkpoint_pays(uint64_t bytes_min) const {
  const uint64_t bytes = store_->log().bytes_since_checkpoint() + emptied_bytes_;
  if (bytes <= bytes_min) return false;
  uint64_t graph_bytes = 0;
  if (const auto newest = version(); newest.ok()) {
    for (const auto& [name, table] : (*newest)->tables) {
      for (const table::VectorColumnVersion& column : table->vectors)
        graph_bytes += column.index->graph().stats().memory_bytes;
    }
  }
  return bytes > graph_bytes;
}

bool Engine::checkpoint_due() const { return checkpoint_pays(options_.log_bytes_max); }

bool Engine::stopping() const {
  const std::lock_guard lock(background_mutex_);
  return stopping_;
}

// What the thread of upkeep remembers.
struct Engine::Upkeep {
  MoveTurns turns;
  bool disk_full = false;                               // moves need a checkpoint first
  std::chrono::steady_clock::time_point moves_begin{};  // none before
  std::chrono::seconds moves_pause = kPauseMin;
  CommitNumber last_commit{};  // when there was nothing to do for the last time
};

// The bytes that moves set free come back at a checkpoint, so they end up on a full disk without one. Where that does not help they are tried less and less often.
Engine::UpkeepStep Engine::move_or_make_room(Upkeep& upkeep) {
  if (!upkeep.disk_full) {
    const auto moved = move_some_rows(upkeep.turns);
    if (moved.ok()) {
      if (moved->row_count > 0) upkeep.moves_pause = kPauseMin;
      return moved->row_count > 0 || moved->interrupted ? UpkeepStep::kDone : UpkeepStep::kIdle;
    }
    if (moved.error().code != ErrorCode::kStorageFull) return UpkeepStep::kFailed;
    upkeep.moves_begin = std::chrono::steady_clock::now() + upkeep.moves_pause;
    upkeep.moves_pause = std::min(2 * upkeep.moves_pause, kPauseMax);
  }
  upkeep.disk_full = !checkpoint().ok();
  return upkeep.disk_full ? UpkeepStep::kFailed : UpkeepStep::kIdle;
}

// When nobody has written for a while and no row waits for a graph or for leaving it. Whoever writes now and then pays for no checkpoint each time: checkpoint_pays().
Engine::UpkeepStep Engine::give_bytes_back_at_rest(Upkeep& upkeep) {
  const auto newest = version();
  if (!newest.ok() || emptied_bytes_ == 0) return UpkeepStep::kIdle;
  const CommitNumber before = std::exchange(upkeep.last_commit, (*newest)->commit);
  if (before != (*newest)->commit) return UpkeepStep::kIdle;
  for (const auto& [name, table] : (*newest)->tables) {
    for (const table::VectorColumnVersion& column : table->vectors) {
      if (column.index->has_work(*table)) return UpkeepStep::kIdle;
    }
  }
  if (!checkpoint_pays(0)) return UpkeepStep::kIdle;
  return checkpoint().ok() ? UpkeepStep::kDone : UpkeepStep::kFailed;
}

Engine::UpkeepStep Engine::keep_up(Upkeep& upkeep) {
  if (checkpoint_due()) {
    if (!checkpoint().ok()) return UpkeepStep::kFailed;
    upkeep.disk_full = false;
    return UpkeepStep::kDone;
  }
  const auto merged = merge_some_texts();
  if (!merged.ok()) return UpkeepStep::kFailed;
  if (*merged) return UpkeepStep::kDone;
  const auto indexed = index_some_columns();  // for want of memory it waits, and what gives room goes on
  if (indexed.ok() && *indexed) return UpkeepStep::kDone;
  const bool may_move = std::chrono::steady_clock::now() >= upkeep.moves_begin || upkeep.disk_full;
  const UpkeepStep step = may_move ? move_or_make_room(upkeep) : UpkeepStep::kIdle;
  return step == UpkeepStep::kIdle ? give_bytes_back_at_rest(upkeep) : step;
}

void Engine::upkeep_loop() {
  Upkeep upkeep;
  std::unique_lock lock(background_mutex_);
  while (!stopping_) {
    lock.unlock();
    const UpkeepStep step = keep_up(upkeep);
    lock.lock();
    if (stopping_ || step == UpkeepStep::kDone) continue;
    // What failed (a full disk) changed nothing; it is not tried again with every commit that finds it due.
    const bool failed = step == UpkeepStep::kFailed;
    background_wake_.wait_for(lock, kPauseMin,
                              [&] { return stopping_ || (!failed && (checkpoint_due() || text_merge_due())); });
  }
}

Result<void> Engine::stop_and_checkpoint() {
  {
    const std::lock_guard lock(background_mutex_);
    stopping_ = true;
  }
  background_wake_.notify_all();
  if (workers_ != nullptr) workers_->wake();  // it may be waiting for them
  if (upkeep_.joinable()) upkeep_.join();
  if (workers_ != nullptr) workers_->stop();
  if (options_.read_only || store_ == nullptr || workers_ == nullptr || store_->log().poisoned()) return {};
  return checkpoint();
}

Result<void> Engine::close() {
  if (inherited()) return {};  // the parent's to close
  const std::lock_guard close_lock(close_mutex_);
  if (closed_) return {};
  const Result<void> saved = stop_and_checkpoint();
  closed_ = true;
  // Statements that passed the check before finish first; those that wait for the lock find the database closed.
  const std::lock_guard checkpoint_lock(checkpoint_mutex_);
  const std::lock_guard commit_lock(commit_mutex_);
  // An opening that failed half way has nothing to tidy up, and leaves the directory as it found it.
  const Result<void> released = workers_ != nullptr ? store_->close() : Result<void>();
  tables_.clear();
  if (!saved.ok()) return saved;
  return released;
}

Engine::~Engine() {
  if (const auto closed = close(); !closed.ok()) {
    // Nobody is left to tell. Nothing is lost: every acknowledged commit is in the log.
  }
}

}  // namespace omendb::database
