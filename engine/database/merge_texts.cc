// Merging runs of text indexes, so that searches meet few of them. A merge changes nothing that a statement or a search can tell: it is no commit and stands in no
// log; what a crash takes of it is made again.

#include "engine/base/try.h"
#include "engine/database/engine.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace omendb::database {
namespace {

// Smaller ones stay in memory until a checkpoint writes them, or another merge takes them.
constexpr size_t kRunBytesOnDisk = size_t{1} << 20;
// Of one column: a statement that finds more merges before it adds another one.
constexpr size_t kRunsMax = 64;

std::optional<table::TextMerge> next_merge(const table::TableVersion& version) {
  for (size_t i = 0; i < version.texts.size(); ++i) {
    auto merge = table::choose_text_merge(version.texts[i].runs, std::nullopt);
    if (!merge) continue;
    merge->column = i;
    return merge;
  }
  return std::nullopt;
}

bool has_many_runs(const table::TableVersion& version) {
  return std::any_of(version.texts.begin(), version.texts.end(),
                     [](const table::TextColumnVersion& column) { return column.runs.size() > kRunsMax; });
}

}  // namespace

bool Engine::text_merge_due() const {
  const auto newest = version();
  if (!newest.ok()) return false;
  return std::any_of((*newest)->tables.begin(), (*newest)->tables.end(),
                     [](const auto& table) { return next_merge(*table.second).has_value(); });
}

// A run that nobody names any more goes with the first checkpoint after its last reader.
void Engine::forget_text_run(const std::shared_ptr<const table::TextRun>& run) {
  if (run->is_on_disk()) dropped_.push_back({run->storage(), run});
}

// The new version is the state of the same commit.
Result<void> Engine::republish() {
  set_state(state_->commit);
  return finish_commit(state_->commit);
}

// A large run is written before the commit lock is taken, and not beside a checkpoint, whose root would have a part of it.
Result<void> Engine::install_text_merge(const table::TableVersion& seen, const table::TextMerge& merge,
                                        table::MergedText merged) {
  std::optional<table::StorageId> storage;
  std::shared_ptr<table::TableStore> store;
  const std::lock_guard no_checkpoint(checkpoint_mutex_);
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    store = store_of_version(seen);
    if (store == nullptr) return {};  // the table was dropped or cleared
    if (merged.bytes.size() >= kRunBytesOnDisk) storage = table::StorageId{next_id_++};
  }
  const table::TextColumnVersion& column = seen.texts[merge.column];
  const auto replaced = std::span(column.runs).subspan(merge.first, merge.count);
  auto run = store->make_text_run(std::move(merged.bytes), column.index->column(), storage);
  const std::lock_guard lock(commit_mutex_);
  const bool installed = run.ok() && store_of_version(seen) == store &&
                         store->install_text_merge(merge.column, replaced, *run, merged.dropped);
  if (!installed && storage) dropped_.push_back({*storage, {}});
  if (!run.ok()) return std::move(run).error();
  if (!installed) return {};
  for (const table::PlacedTextRun& placed : replaced) forget_text_run(placed.run);
  return republish();
}

Result<bool> Engine::merge_texts(const table::TableVersion& version) {
  const auto merge = next_merge(version);
  if (!merge) return false;
  const auto runs = std::span(version.texts[merge->column].runs).subspan(merge->first, merge->count);
  TRY(merged, table::merge_text(runs, version.live));
  TRY_OK(install_text_merge(version, *merge, std::move(merged)));
  return true;
}

Result<bool> Engine::merge_some_texts() {
  TRY_OK(writable());
  const std::lock_guard merging(text_merge_mutex_);
  TRY(newest, version());
  for (const auto& [name, table] : newest->tables) {
    TRY(merged, merge_texts(*table));
    if (merged) return true;
  }
  return false;
}

// Back-pressure: whoever adds runs faster than they are merged merges.
Result<void> Engine::wait_for_text_room(TableId id) {
  for (;;) {
    TRY(newest, table_version(id));
    if (!has_many_runs(*newest)) return {};
    const std::lock_guard merging(text_merge_mutex_);
    TRY(now, table_version(id));
    TRY(merged, merge_texts(*now));
    if (!merged) return {};
  }
}

// Before a checkpoint: the root names runs on disk only.
Result<void> Engine::write_text_runs() {
  bool any = false;
  for (const auto& [id, table] : tables_) {
    std::vector<table::StorageId> lost;
    const auto written = table->write_text_runs([this] { return table::StorageId{next_id_++}; }, lost);
    for (const table::StorageId storage : lost) dropped_.push_back({storage, {}});
    if (!written.ok()) return written.error();
    any = any || *written;
  }
  return any ? republish() : Result<void>();
}

}  // namespace omendb::database
