// The way of a statement. Everything that can fail for a reason of the caller's or of the disk's fails before the log is written; what follows can not.

#include "engine/base/try.h"
#include "engine/database/engine.h"
#include "engine/exec/rows_where.h"
#include "engine/filter/filter.h"
#include "engine/table/row_vectors.h"
#include "engine/table/schema_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <optional>
#include <span>
#include <utility>

namespace omendb::database {
namespace {

constexpr uint64_t kRowRecordBytes = 64ULL << 20;  // recovery holds one record in memory

Error not_found(std::string_view name) { return {ErrorCode::kNotFound, fmt::format("there is no table '{}'", name)}; }
Error out_of_memory() { return {ErrorCode::kOutOfMemory, "no memory for the log records of a statement"}; }

}  // namespace

void Engine::PreparedCommit::add(table::RecordKind kind, std::vector<std::byte> payload) {
  kinds.push_back(kind);
  records.push_back({std::span<const std::byte>(owned.emplace_back(std::move(payload)))});
}

Result<void> Engine::writable() const {
  TRY_OK(usable());
  if (options_.read_only)
    return Error{ErrorCode::kPermission, fmt::format("database '{}' was opened read-only", path())};
  // Before anything is compared with statements that were logged but will never be acknowledged.
  if (store_->log().poisoned()) return store_->log().reserve(0, 0);
  return {};
}

Result<std::shared_ptr<table::TableStore>> Engine::store_of_table(TableId id) const {
  const auto found = tables_.find(id.value);
  if (found == tables_.end()) return Error{ErrorCode::kNotFound, "the table was dropped"};
  return found->second;
}

std::vector<storage::LogRecord> Engine::PreparedCommit::log_records() const {
  std::vector<storage::LogRecord> logged(records.size());
  for (size_t i = 0; i < logged.size(); ++i) logged[i] = {static_cast<uint8_t>(kinds[i]), records[i]};
  return logged;
}

// Writes the records as the next commit. On failure nothing of it can ever be read back: either nothing was written or the log is poisoned.
Result<CommitNumber> Engine::log_commit(std::span<const storage::LogRecord> records) {
  uint64_t size_bytes = 0;
  for (const storage::LogRecord& record : records) {
    for (const auto piece : record.pieces) size_bytes += piece.size();
  }
  TRY_OK(store_->log().reserve(size_bytes, records.size()));
  const CommitNumber number{state_->commit.value + 1};
  TRY_OK(store_->log().append(number, environment_.clock->wall_micros(), records));
  return number;
}

Result<CommitNumber> Engine::commit_change(table::TableStore& table, table::TableChange change, PreparedCommit commit) {
  std::vector<storage::LogRecord> records;
  try {
    if (!change.removed.empty())
      commit.add(table::RecordKind::kErase, table::encode(table::EraseRecord{table.info().id, change.removed}));
    records = commit.log_records();
  } catch (const std::bad_alloc&) {
    table.abandon(change);
    return out_of_memory();
  }
  auto number = log_commit(records);
  if (!number.ok()) {
    table.abandon(change);
    return number;
  }
  table.install(std::move(change));
  set_state(*number);
  return number;
}

// Drafts the database version of a commit that is in the log. It is published when the log is durable that far.
void Engine::set_state(CommitNumber commit) {
  auto version = std::make_shared<table::DatabaseVersion>();
  version->commit = commit;
  for (const auto& [id, table] : tables_) version->tables.emplace(table->info().name, table->version());
  state_ = version;
  const std::lock_guard lock(publish_mutex_);
  pending_.push_back(std::move(version));
}

Result<void> Engine::finish_commit(CommitNumber commit) {
  TRY_OK(store_->log().wait_durable(commit));
  {
    const std::lock_guard lock(publish_mutex_);
    while (!pending_.empty() && pending_.front()->commit <= commit) {
      published_ = std::move(pending_.front());
      pending_.pop_front();
    }
  }
  workers_->wake();
  if (checkpoint_due() || text_merge_due()) background_wake_.notify_all();
  return {};
}

namespace {

uint64_t vector_bytes_a_row(const table::TableVersion& version) {
  uint64_t bytes = 0;
  for (const table::VectorColumnVersion& column : version.vectors)
    bytes += version.vectors_view(*column.index).row_bytes;
  return bytes;
}

}  // namespace

uint64_t Engine::waiting_bytes(const table::TableVersion& version) {
  uint64_t bytes = 0;
  for (const table::VectorColumnVersion& column : version.vectors)
    bytes += uint64_t{column.index->waiting_rows(version)} * version.vectors_view(*column.index).row_bytes;
  return bytes;
}

void Engine::count_search(const table::TableVersion& version) {
  if (waiting_bytes(version) > 0) search_pace_.count(environment_.clock->monotonic_micros());
}

// Of the newest version; 0 if the table was dropped or the database closed: the statement will say so.
uint64_t Engine::waiting_bytes(TableId id) const {
  const auto version = table_version(id);
  return version.ok() ? waiting_bytes(**version) : 0;
}

bool Engine::has_room(uint64_t waiting_bytes, uint64_t bytes_max_beside_searches) const {
  const bool searched = search_pace_.often(environment_.clock->monotonic_micros());
  const uint64_t bytes_max =
      searched ? std::min(options_.tail_bytes_max, bytes_max_beside_searches) : options_.tail_bytes_max;
  return waiting_bytes <= bytes_max;
}

// Back-pressure: a writer that runs ahead of the graphs waits here, so that searches never have to scan an unbounded tail, and only a short one where many do. A tail that
// has grown long before they came gets shorter with every statement, by as much as the statement adds, instead of all at once.
Result<void> Engine::wait_for_room(TableId id, uint64_t coming_bytes, base::Stop* stop) const {
  if (!environment_.background) return {};
  const uint64_t now_waiting = waiting_bytes(id);
  const uint64_t shorter = now_waiting - std::min(now_waiting, 2 * coming_bytes);
  const uint64_t max_beside_searches = std::max(options_.tail_bytes_beside_searches, shorter);
  const auto room = [&] { return has_room(waiting_bytes(id), max_beside_searches) || base::asked(stop); };
  return room() ? Result<void>() : workers_->wait_until(room);
}

Result<CommitNumber> Engine::commit_rows(table::TableStore& table, const table::Rows& rows,
                                         const table::TextRuns& texts, table::OnConflict on_conflict) {
  TRY(change, table.prepare_write(rows, texts, on_conflict));
  const RowId first_row = change.first_row;
  return commit_encoded(table, std::move(change), table::RecordKind::kInsert, [&] {
    return table::encode_insert(table.info().id, first_row, table.info().schema, rows, kRowRecordBytes);
  });
}

Result<CommitNumber> Engine::commit_encoded(table::TableStore& table, table::TableChange change, table::RecordKind kind,
                                            const std::function<table::RowRecords()>& encode) {
  table::RowRecords encoded;  // whose headers the records point to
  PreparedCommit commit;
  try {
    encoded = encode();
    commit.kinds.assign(encoded.records.size(), kind);
    commit.records = std::move(encoded.records);
  } catch (const std::bad_alloc&) {
    table.abandon(change);
    return out_of_memory();
  }
  return commit_change(table, std::move(change), std::move(commit));
}

Result<uint64_t> Engine::write(TableId id, const BatchView& batch, table::OnConflict on_conflict) {
  TRY_OK(writable());
  TRY(pinned, table_version(id));
  TRY(rows, table::check_rows(pinned->info->schema, pinned->info->name, batch));
  if (rows.row_count == 0) return uint64_t{0};
  TRY_OK(table::encode_vectors(*pinned, rows));  // before anybody has to wait
  TRY(texts, table::index_texts(*pinned, rows));
  TRY_OK(wait_for_room(id, rows.row_count * vector_bytes_a_row(*pinned)));
  TRY_OK(wait_for_text_room(id));
  CommitNumber number;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    TRY(table, store_of_table(id));
    TRY(logged, commit_rows(*table, rows, texts, on_conflict));
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return uint64_t{rows.row_count};
}

namespace {

// For a statement: forgetting the condition must not mean every row.
Result<std::shared_ptr<const filter::Filter>> make_filter(const table::TableVersion& version, const Where& where,
                                                          std::string_view if_empty) {
  if (where.text.empty())
    return Error{ErrorCode::kInvalidArgument, fmt::format("where: an empty condition {}", if_empty)};
  return filter::Filter::make(version.info->schema, where);
}

Result<std::vector<RowId>> find_rows(const table::TableVersion& version, const filter::Filter& filter,
                                     base::Stop* stop) {
  TRY(passing, exec::rows_where(version, filter, version.live, stop));
  try {
    return passing.rows();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

// Where the caller may be asked meanwhile: under the commit lock that may not be, because the answer may be another statement. There the condition is kept already
// (table/kept_bitmaps.h) but for rows that came since.
Result<void> look_ahead(const table::TableVersion& version, const filter::Filter& filter, CallStop* stop) {
  if (stop == nullptr) return {};
  TRY_OK(exec::rows_where(version, filter, version.live, stop).ok() ? Result<void>() : base::unless_stopped(stop));
  stop->ask_no_more();
  return {};
}

// The rows that pass, whole, with the given values in place of their own.
Result<table::Rows> changed_rows(const table::TableVersion& version, const filter::Filter& filter,
                                 const BatchView& values, const table::Rows& checked, base::Stop* stop) {
  TRY(ids, find_rows(version, filter, stop));
  TRY_OK(base::begin_stage(stop, "copying the rows to be changed"));
  TRY(rows, table::copy_rows(version, ids));
  try {
    for (const ColumnView& value : values.columns) {
      const size_t column = *version.info->schema.find(value.name);
      rows.columns[column] = table::repeat(checked.columns[column], rows.row_count, rows);
    }
    return rows;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<table::TableChange> prepare_erase_where(table::TableStore& table, const filter::Filter& filter,
                                               base::Stop* stop) {
  const std::shared_ptr<const table::TableVersion> version = table.version();
  TRY(rows, find_rows(*version, filter, stop));
  try {
    const table::ColumnReader& keys = version->columns[version->info->key_column];
    const bool of_ints = version->info->schema.columns[version->info->key_column].type == Type::kInt64;
    std::vector<int64_t> ints;
    std::vector<std::string_view> strings;
    for (const RowId row : rows) of_ints ? ints.push_back(keys.int64(row)) : strings.push_back(keys.bytes(row));
    return table.prepare_erase({.ints = ints, .strings = strings});
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace

// `prepare` makes the change under the commit lock, of the newest state.
Result<uint64_t> Engine::erase_prepared(TableId id, const PrepareErase& prepare) {
  TRY_OK(writable());
  CommitNumber number;
  uint64_t removed_count = 0;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    TRY(table, store_of_table(id));
    TRY(change, prepare(*table));
    if (change.removed.empty()) return uint64_t{0};
    removed_count = change.removed.size();
    TRY(logged, commit_change(*table, std::move(change), {}));
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return removed_count;
}

Result<uint64_t> Engine::erase(TableId id, const KeysView& keys) {
  return erase_prepared(id, [&](table::TableStore& table) { return table.prepare_erase(keys); });
}

Result<uint64_t> Engine::erase(TableId id, const Where& where, CallStop* stop) {
  TRY_OK(writable());
  TRY(pinned, table_version(id));
  TRY(filter, make_filter(*pinned, where, "removes nothing; clear() removes every row"));
  TRY_OK(look_ahead(*pinned, *filter, stop));
  return erase_prepared(id, [&](table::TableStore& table) { return prepare_erase_where(table, *filter, stop); });
}

namespace {

// None if a vector, or a text that has an index, is among them: then rows are written whole.
std::optional<std::vector<bool>> metadata_columns(const Schema& schema, const BatchView& values) {
  std::vector<bool> given(schema.columns.size());
  for (const ColumnView& value : values.columns) {
    const size_t column = *schema.find(value.name);
    if (!table::is_metadata(schema.columns[column])) return std::nullopt;
    given[column] = true;
  }
  return given;
}

// What the metadata columns of `rows` show from now on; nothing of the others.
Result<table::Rows> changed_metadata(const table::TableVersion& version, std::span<const RowId> rows,
                                     const table::Rows& checked, const std::vector<bool>& given) {
  try {
    table::Rows values;
    values.row_count = static_cast<uint32_t>(rows.size());
    for (size_t c = 0; c < given.size(); ++c) {
      table::RowsColumn column{.nulls = table::Nulls::kAll, .validity = {}, .values = {}, .lengths = {}};
      if (given[c]) {
        column = table::repeat(checked.columns[c], values.row_count, values);
      } else if (table::is_metadata(version.info->schema.columns[c])) {
        column = version.values(c).copy(rows, values);
      }
      values.columns.push_back(column);
    }
    return values;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace

// A commit of its own: no row shows another value. What fails leaves arrays that belong to nobody.
Result<void> Engine::commit_patch_storage(table::TableStore& table) {
  const table::StorageId storage{next_id_++};
  const auto before = table.version();
  PreparedCommit commit;
  try {
    commit.add(table::RecordKind::kPatchStorage, table::encode(table::PatchStorageRecord{table.info().id, storage}));
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  auto change = table.prepare_patch_storage(storage);
  const auto logged = change.ok() ? commit_change(table, *std::move(change), std::move(commit))
                                  : Result<CommitNumber>(std::move(change).error());
  if (!logged.ok()) {
    dropped_.push_back({storage, {}});
    return logged.error();
  }
  forget_patches(*before);
  return {};
}

Result<void> Engine::renew_patches(TableId id) {
  TRY_OK(writable());
  CommitNumber number;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    TRY(table, store_of_table(id));
    if (!table->version()->patches) return {};
    TRY_OK(commit_patch_storage(*table));
    number = state_->commit;
  }
  return finish_commit(number);
}

// The rows stay where they are: in graphs, indexes of texts and keys nothing changes.
Result<CommitNumber> Engine::commit_patch(table::TableStore& table, std::span<const RowId> rows,
                                          const table::Rows& values) {
  if (table.needs_patch_storage()) TRY_OK(commit_patch_storage(table));
  const uint32_t first_slot = table.version()->patches->slot_count();
  TRY(change, table.prepare_patch(rows, values));
  return commit_encoded(table, std::move(change), table::RecordKind::kPatch, [&] {
    return table::encode_patch(table.info().id, first_slot, table.info().schema, rows, values, kRowRecordBytes);
  });
}

Result<uint64_t> Engine::update_metadata(TableId id, const filter::Filter& filter, const table::Rows& checked,
                                         const std::vector<bool>& given, base::Stop* stop) {
  CommitNumber number;
  uint64_t changed_count = 0;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    TRY(table, store_of_table(id));
    TRY(rows, find_rows(*table->version(), filter, stop));
    if (rows.empty()) return uint64_t{0};
    changed_count = rows.size();
    TRY_OK(base::begin_stage(stop, "copying the values of the rows to be changed"));
    TRY(values, changed_metadata(*table->version(), rows, checked, given));
    TRY_OK(base::begin_stage(stop, "beginning to write"));
    TRY(logged, commit_patch(*table, rows, values));
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return changed_count;
}

Result<uint64_t> Engine::update(TableId id, const BatchView& values, const Where& where, CallStop* stop) {
  TRY_OK(writable());
  TRY(pinned, table_version(id));
  TRY(checked, table::check_values(pinned->info->schema, pinned->info->name, values));
  TRY(filter, make_filter(*pinned, where, "changes nothing; upsert() replaces rows"));
  TRY_OK(look_ahead(*pinned, *filter, stop));
  if (const auto given = metadata_columns(pinned->info->schema, values))
    return update_metadata(id, *filter, checked, *given, stop);
  TRY_OK(base::begin_stage(stop, "waiting for the graphs to take up earlier rows"));
  TRY_OK(wait_for_room(id, 0, stop));
  TRY_OK(base::unless_stopped(stop));
  CommitNumber number;
  uint64_t changed_count = 0;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    TRY(table, store_of_table(id));
    TRY(rows, changed_rows(*table->version(), *filter, values, checked, stop));
    if (rows.row_count == 0) return uint64_t{0};
    changed_count = rows.row_count;
    TRY_OK(base::begin_stage(stop, "indexing the texts of the changed rows"));
    TRY(texts, table::index_texts(*table->version(), rows));
    TRY_OK(table::encode_vectors(*table->version(), rows));
    TRY_OK(base::begin_stage(stop, "beginning to write"));
    TRY(logged, commit_rows(*table, rows, texts, table::OnConflict::kReplace));
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return changed_count;
}

void Engine::forget_storage(const table::TableStore& table) {
  dropped_.push_back({table.info().storage, table.version()->storage_pin});
  for (const table::TextColumnVersion& column : table.version()->texts) {
    for (const table::PlacedTextRun& placed : column.runs) forget_text_run(placed.run);
  }
  forget_patches(*table.version());
}

void Engine::forget_patches(const table::TableVersion& version) {
  if (version.patches) dropped_.push_back({version.patches->storage, version.patches->pin});
}

// Clearing is an empty table taking over: the old rows' extents go back as a whole. Ids are spent even if the statement fails: what it left behind belongs
// to nobody.
Result<uint64_t> Engine::clear(TableId id) {
  TRY_OK(writable());
  CommitNumber number;
  uint64_t removed_count = 0;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    TRY(table, store_of_table(id));
    removed_count = table->version()->live.live_count();
    const table::StorageId storage{next_id_++};
    TRY(empty, table::TableStore::create(
                   *store_, table::make_table_info(id, storage, table->info().name, table->info().schema)));
    PreparedCommit commit;
    commit.add(table::RecordKind::kClearTable, table::encode(table::ClearTableRecord{id, storage}));
    TRY(logged, log_commit(commit.log_records()));
    forget_storage(*table);
    tables_[id.value] = empty;
    set_state(logged);
    number = logged;
  }
  TRY_OK(finish_commit(number));
  return removed_count;
}

Result<TableId> Engine::create_table(std::string_view name, const Schema& wanted, bool exist_ok) {
  TRY_OK(writable());
  TRY_OK(table::check_table_name(name));
  TRY_OK(table::check_schema(name, wanted));
  const Schema schema = table::with_chosen_storage(wanted);
  CommitNumber number;
  TableId id;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    const auto existing = state_->tables.find(name);
    if (existing != state_->tables.end()) {
      const table::TableInfo& info = *existing->second->info;
      if (!exist_ok) return Error{ErrorCode::kConflict, fmt::format("table '{}' exists already", name)};
      if (!table::same_schema(info.schema, schema))
        return Error{ErrorCode::kConflict, fmt::format("table '{}' exists with another schema", name)};
      id = info.id;
      number = state_->commit;
    } else {
      id = {next_id_++};
      const table::StorageId storage{next_id_++};
      TRY(table, table::TableStore::create(*store_, table::make_table_info(id, storage, std::string(name), schema)));
      PreparedCommit commit;
      commit.add(table::RecordKind::kCreateTable,
                 table::encode(table::CreateTableRecord{id, storage, std::string(name), schema}));
      TRY(logged, log_commit(commit.log_records()));
      tables_.emplace(id.value, std::move(table));
      set_state(logged);
      number = logged;
    }
  }
  TRY_OK(finish_commit(number));
  return id;
}

Result<void> Engine::drop_table(std::string_view name) {
  TRY_OK(writable());
  CommitNumber number;
  {
    const std::lock_guard lock(commit_mutex_);
    TRY_OK(writable());
    const auto found = state_->tables.find(name);
    if (found == state_->tables.end()) return not_found(name);
    const TableId id = found->second->info->id;
    PreparedCommit commit;
    commit.add(table::RecordKind::kDropTable, table::encode(table::DropTableRecord{id}));
    TRY(logged, log_commit(commit.log_records()));
    forget_storage(*tables_.at(id.value));
    tables_.erase(id.value);
    set_state(logged);
    number = logged;
  }
  return finish_commit(number);
}

}  // namespace omendb::database
