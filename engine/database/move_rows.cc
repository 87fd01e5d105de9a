// Rows that are left in a region where nearly all others are dead are written again at the end of their table, so that all of the region is dead and its bytes come back
// (table/dead_rows.h). In the log it is an upsert of equal rows: recovery, versions, keys and graphs know no other.

#include "engine/base/try.h"
#include "engine/database/engine.h"

#include <algorithm>

namespace omendb::database {
namespace {

// Where statements keep the tail long, moves go on all the same, but only so often.
constexpr uint64_t kPatienceMicros = 1'000'000;

}  // namespace

Result<uint64_t> Engine::move_rows(const table::TableVersion& seen, std::vector<RowId> rows) {
  TRY_OK(writable());
  if (rows.empty()) return uint64_t{0};
  table::Rows copy = table::copy_rows(seen, rows);  // before anybody has to wait: their bytes may come from disk
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
    if (rows.size() != copy.row_count) copy = table::copy_rows(*newest, rows);
    TRY(logged, commit_rows(table, copy, table::OnConflict::kReplace));
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return uint64_t{rows.size()};
}

// Searches compare with every row of the tail, so moves keep it as short as if there were many of them. Where statements do not, a move waits for a while and goes on as long as
// a statement would. False if that is not so, and as soon as there is something else to do.
Result<bool> Engine::wait_for_short_tail(TableId id) const {
  if (!environment_.background) return true;
  const uint64_t began = environment_.clock->monotonic_micros();
  const uint64_t short_bytes = std::min(options_.tail_bytes_beside_searches, options_.tail_bytes_max);
  bool room = false;
  const auto decided = [&] {
    if (stopping() || checkpoint_due()) return true;
    const bool patient = environment_.clock->monotonic_micros() - began < kPatienceMicros;
    room = waiting_bytes(id) <= (patient ? short_bytes : options_.tail_bytes_max);
    return room;
  };
  TRY_OK(workers_->wait_until(decided));
  return room;
}

Result<uint64_t> Engine::move_some_rows() {
  TRY_OK(writable());
  std::vector<std::shared_ptr<table::TableStore>> tables;
  {
    const std::lock_guard lock(commit_mutex_);
    for (const auto& [id, table] : tables_) tables.push_back(table);
  }
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
    if (rows_of(published()).empty()) continue;
    TRY(room, wait_for_short_tail(id));
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
  while (true) {
    TRY(moved, move_some_rows());
    if (moved == 0) return moved_count;
    moved_count += moved;
  }
}

}  // namespace omendb::database
