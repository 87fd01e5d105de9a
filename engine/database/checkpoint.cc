// Moving the log into the base, what goes on by itself, and leaving.

#include "engine/base/try.h"
#include "engine/database/engine.h"

#include <algorithm>
#include <chrono>

namespace omendb::database {

// One checkpoint under way. If it is not published, the graphs remember again what had changed.
struct Engine::CheckpointRun {
  std::unique_ptr<storage::Checkpoint> checkpoint;
  std::shared_ptr<const table::DatabaseVersion> state;
  uint32_t next_id = 0;
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
      TRY(checkpoint, store_->begin_checkpoint());
      run.checkpoint = std::move(checkpoint);
      run.state = state_;
      run.next_id = next_id_;
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
  const std::lock_guard commit_lock(commit_mutex_);
  std::erase_if(dropped_, [&](const Dropped& dropped) {
    return std::find(run.dropped.begin(), run.dropped.end(), dropped.storage) != run.dropped.end();
  });
  return {};
}

// The log is worth a checkpoint when it outgrows its limit, or the graphs, whose changed blocks a checkpoint has to write.
bool Engine::checkpoint_due() const {
  const uint64_t log_bytes = store_->log().bytes_since_checkpoint();
  if (log_bytes <= options_.log_bytes_max) return false;
  uint64_t graph_bytes = 0;
  if (const auto newest = version(); newest.ok()) {
    for (const auto& [name, table] : (*newest)->tables) {
      for (const table::VectorColumnVersion& column : table->vectors)
        graph_bytes += column.index->graph().stats().memory_bytes;
    }
  }
  return log_bytes > graph_bytes;
}

bool Engine::stopping() const {
  const std::lock_guard lock(background_mutex_);
  return stopping_;
}

void Engine::upkeep_loop() {
  uint64_t turn = 0;
  const auto moved_some = [&] {
    const auto moved = move_some_rows(turn++);
    return moved.ok() && *moved > 0;
  };
  std::unique_lock lock(background_mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool worked = checkpoint_due() ? checkpoint().ok() : moved_some();
    lock.lock();
    // A checkpoint or a move that fails (a full disk) changes nothing; it is tried again in a while.
    if (!stopping_ && !worked) background_wake_.wait_for(lock, std::chrono::seconds(1));
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
