// Rows that are left in a region where nearly all others are dead are written again at the end of their table, so that all of the region is dead and its bytes come back
// (table/dead_rows.h). In the log it is an upsert of equal rows: recovery, versions, keys and graphs know no other.

#include "engine/base/try.h"
#include "engine/database/engine.h"

#include <algorithm>

namespace omendb::database {

Result<uint64_t> Engine::move_rows(const table::TableVersion& seen, std::vector<RowId> rows) {
  TRY_OK(writable());
  if (rows.empty()) return uint64_t{0};
  TRY(copy, table::copy_rows(seen, rows));  // before anybody has to wait: their bytes may come from disk
  CommitNumber number;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    const auto found = tables_.find(seen.info->id.value);
    const bool same_rows = found != tables_.end() && found->second->info().storage == seen.info->storage;
    if (!same_rows) return uint64_t{0};  // the table was dropped or cleared
    table::TableStore& table = *found->second;
    const std::shared_ptr<const table::TableVersion> newest = table.version();
    // What was deleted or replaced since stays so.
    std::erase_if(rows, [&](RowId row) { return !newest->live.contains(row); });
    if (rows.empty()) return uint64_t{0};
    if (rows.size() != copy.row_count) {
      TRY(fewer, table::copy_rows(*newest, rows));
      copy = std::move(fewer);
    }
    TRY(logged, commit_rows(table, copy, table::OnConflict::kReplace));
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return uint64_t{rows.size()};
}

// Searches compare with every row of the tail, so moves keep it as short as if there were many of them. Where statements make it longer, moves must not fall behind for ever, so
// they add half as many rows as statements do, under the same back-pressure. False as soon as there is something else to do.
Result<bool> Engine::wait_to_move(TableId id, uint64_t row_count) const {
  if (!environment_.background) return true;
  const auto rows_now = [&] {
    const auto version = table_version(id);
    return version.ok() ? uint64_t{(*version)->row_count()} : 0;
  };
  const uint64_t rows_wanted = rows_now() + 2 * row_count;
  const uint64_t short_bytes = std::min(options_.tail_bytes_beside_searches, options_.tail_bytes_max);
  bool room = false;
  const auto decided = [&] {
    if (stopping() || checkpoint_due()) return true;
    room = waiting_bytes(id) <= short_bytes ||
           (rows_now() >= rows_wanted && has_room(id, options_.tail_bytes_beside_searches));
    return room;
  };
  TRY_OK(workers_->wait_until(decided));
  return room;
}

Result<uint64_t> Engine::move_some_rows(uint64_t turn) {
  TRY_OK(writable());
  std::vector<std::shared_ptr<table::TableStore>> tables;
  {
    const std::lock_guard lock(commit_mutex_);
    for (const auto& [id, table] : tables_) tables.push_back(table);
  }
  if (tables.empty()) return uint64_t{0};
  // Another table first each time, so that one that never has enough does not hold up the others.
  std::rotate(tables.begin(), tables.begin() + static_cast<ptrdiff_t>(turn % tables.size()), tables.end());
  for (const auto& table : tables) {
    const TableId id = table->info().id;
    const auto published = [&] {
      auto version = table_version(id);
      const bool same_rows = version.ok() && (*version)->info->storage == table->info().storage;
      return same_rows ? std::move(*version) : nullptr;
    };
    const auto rows_of = [&](const auto& version) {
      return version == nullptr ? std::vector<RowId>() : table->rows_to_move(*version);
    };
    const size_t row_count = rows_of(published()).size();
    if (row_count == 0) continue;
    TRY(room, wait_to_move(id, row_count));
    if (!room) continue;
    const auto version = published();  // no older one was held meanwhile: it would keep what left it
    if (version == nullptr) continue;
    TRY(moved, move_rows(*version, rows_of(version)));
    if (moved > 0) return moved;
  }
  return uint64_t{0};
}

Result<uint64_t> Engine::move_sparse_rows() {
  uint64_t moved_count = 0;
  for (uint64_t turn = 0;; ++turn) {
    TRY(moved, move_some_rows(turn));
    if (moved == 0) return moved_count;
    moved_count += moved;
  }
}

}  // namespace omendb::database
