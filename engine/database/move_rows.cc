// Rows that are left in a region where nearly all others are dead are written again at the end of their table, so that all of the region is dead and its bytes come back
// (table/dead_rows.h). In the log it is an upsert of equal rows: recovery, versions, keys and graphs know no other.

#include "engine/base/try.h"
#include "engine/database/engine.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <utility>

namespace omendb::database {
namespace {

constexpr std::chrono::seconds kWaitMax(1);

// Whether rows of the table were updated between the two.
bool was_patched(const table::TableVersion& before, const table::TableVersion& now) {
  if (!now.patches || !before.patches) return now.patches.has_value();
  return before.patches->storage != now.patches->storage || before.patches->slot_count() != now.patches->slot_count();
}

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "no memory to find rows that should move"}; }

}  // namespace

Result<uint64_t> Engine::move_rows(const table::TableVersion& seen, std::vector<RowId> rows) {
  TRY_OK(writable());
  if (rows.empty()) return uint64_t{0};
  TRY(copy, table::copy_rows(seen, rows));  // before anybody has to wait: their bytes may come from disk
  CommitNumber number;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    const std::shared_ptr<table::TableStore> found = store_of_version(seen);
    if (found == nullptr) return uint64_t{0};  // the table was dropped or cleared
    table::TableStore& table = *found;
    const std::shared_ptr<const table::TableVersion> newest = table.version();
    // What was deleted or replaced since stays so.
    std::erase_if(rows, [&](RowId row) { return !newest->live.contains(row); });
    if (rows.empty()) return uint64_t{0};
    if (rows.size() != copy.row_count || was_patched(seen, *newest)) {
      TRY(fewer, table::copy_rows(*newest, rows));
      copy = std::move(fewer);
    }
    TRY(texts, table::index_texts(*newest, copy));
    TRY(logged, commit_rows(table, copy, texts, table::OnConflict::kReplace));
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return uint64_t{rows.size()};
}

// Null if the table was dropped or cleared since.
std::shared_ptr<table::TableStore> Engine::store_of_version(const table::TableVersion& version) const {
  const auto found = tables_.find(version.info->id.value);
  const bool same_rows = found != tables_.end() && found->second->info().storage == version.info->storage;
  return same_rows ? found->second : nullptr;
}

// One look at every table that is published.
void Engine::find_sparse_tables(MoveTurns& turns) const {
  std::vector<std::pair<std::shared_ptr<const table::TableStore>, const table::TableVersion*>> tables;
  const auto newest = version();
  if (!newest.ok()) return;
  {
    const std::lock_guard lock(commit_mutex_);
    for (const auto& [name, table] : (*newest)->tables) tables.emplace_back(store_of_version(*table), table.get());
  }
  std::map<uint32_t, uint64_t> waiting;
  for (const auto& [store, table] : tables) {
    const uint64_t row_count = store == nullptr ? 0 : store->rows_to_move(*table).size();
    if (row_count == 0) continue;
    const uint32_t id = table->info->id.value;
    const auto known = turns.waiting.find(id);
    waiting[id] = known != turns.waiting.end() ? known->second : table->row_count() + 2 * row_count;
  }
  turns.waiting = std::move(waiting);
}

// Searches compare with every row of the tail, so moves keep it as short as if there were many of them. Where statements make it longer, moves must not fall behind for ever, so
// they add half as many rows as statements do, under the same back-pressure. The table whose turn is next comes first.
std::vector<TableId> Engine::tables_with_room(const MoveTurns& turns) const {
  std::vector<TableId> ids;
  const auto newest = version();
  if (!newest.ok()) return ids;
  const uint64_t short_bytes = std::min(options_.tail_bytes_beside_searches, options_.tail_bytes_max);
  for (const auto& [name, table] : (*newest)->tables) {
    const auto found = turns.waiting.find(table->info->id.value);
    if (found == turns.waiting.end()) continue;
    const uint64_t tail_bytes = waiting_bytes(*table);
    const bool has_grown = table->row_count() >= found->second;
    const bool room =
        tail_bytes <= short_bytes || (has_grown && has_room(tail_bytes, options_.tail_bytes_beside_searches));
    if (room || !environment_.background) ids.push_back(table->info->id);
  }
  // Those up to the last one wrap around.
  const auto turn = [&](TableId id) { return id.value - turns.last_table - 1; };
  std::sort(ids.begin(), ids.end(), [&](TableId a, TableId b) { return turn(a) < turn(b); });
  return ids;
}

// Waits for the first table with room, for something else to do, or until it is time to look for others; none in both cases. Nothing is held meanwhile: a version would keep
// what left it.
Result<std::vector<TableId>> Engine::wait_to_move(const MoveTurns& turns) const {
  const auto until = std::chrono::steady_clock::now() + kWaitMax;
  std::vector<TableId> ids;
  const auto decided = [&] {
    if (environment_.background && (stopping() || checkpoint_due())) return true;
    ids = tables_with_room(turns);
    return !ids.empty() || std::chrono::steady_clock::now() >= until;
  };
  TRY_OK(workers_->wait_until(decided));
  return ids;
}

Result<std::vector<RowId>> Engine::rows_to_move(const table::TableVersion& version) const {
  std::shared_ptr<const table::TableStore> store;
  {
    const std::lock_guard lock(commit_mutex_);
    store = store_of_version(version);
  }
  if (store == nullptr) return std::vector<RowId>();
  try {
    return store->rows_to_move(version);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

// If those rows were the last ones of their region, its bytes can come back: of as many rows as it has, taken to be as long as these.
void Engine::count_emptied(const table::TableVersion& before, const std::vector<RowId>& moved) {
  const auto after = table_version(before.info->id);
  if (!after.ok() || (*after)->info->storage != before.info->storage) return;
  if (!is_dead_region((*after)->live, moved.front().value / table::DeadRows::kRowsPerRegion)) return;
  uint64_t size_bytes = 0;
  for (const RowId row : moved) size_bytes += table::row_bytes(before, row);
  emptied_bytes_ += size_bytes / moved.size() * table::DeadRows::kRowsPerRegion;
}

Result<uint64_t> Engine::move_rows_of(TableId id) {
  const auto version = table_version(id);
  if (!version.ok()) return uint64_t{0};  // dropped
  TRY(rows, rows_to_move(**version));
  TRY(moved, move_rows(**version, rows));
  if (moved > 0) count_emptied(**version, rows);
  return moved;
}

Result<std::vector<TableId>> Engine::choose_tables_to_move(MoveTurns& turns) const {
  try {
    find_sparse_tables(turns);
    if (turns.waiting.empty()) return std::vector<TableId>();
    return wait_to_move(turns);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<Engine::Moves> Engine::move_some_rows(MoveTurns& turns) {
  TRY_OK(writable());
  TRY(ids, choose_tables_to_move(turns));
  if (ids.empty()) return Moves{.interrupted = !turns.waiting.empty()};
  std::optional<Error> failure;
  for (const TableId id : ids) {
    turns.last_table = id.value;
    turns.waiting.erase(id.value);
    auto moved = move_rows_of(id);
    if (moved.ok() && *moved > 0) return Moves{.row_count = *moved};
    if (!moved.ok() && !failure) failure = std::move(moved).error();
  }
  if (failure) return *std::move(failure);
  return Moves{};
}

Result<uint64_t> Engine::move_sparse_rows() {
  MoveTurns turns;
  for (uint64_t moved_count = 0;;) {
    TRY(moved, move_some_rows(turns));
    if (moved.row_count == 0) return moved_count;
    moved_count += moved.row_count;
  }
}

}  // namespace omendb::database
