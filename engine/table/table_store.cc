#include "engine/table/table_store.h"

#include "engine/base/try.h"
#include "engine/table/row_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

namespace omendb::table {
namespace {

// Row numbers are 32 bits and the last one means "none".
constexpr uint64_t kRowsMax = UINT32_MAX - 1;

Error key_conflict(const TableInfo& info, const Key& key, bool in_table, RowId row_in_batch) {
  const std::string shown = to_string(key, info.schema.columns[info.key_column].type);
  return {ErrorCode::kConflict,
          in_table ? fmt::format("table '{}' already has the key {} (row {} of the batch); upsert replaces rows",
                                 info.name, shown, row_in_batch.value)
                   : fmt::format("the key {} stands twice in the batch (again in row {})", shown, row_in_batch.value)};
}

}  // namespace

TableStore::TableStore(storage::Store& store, TableInfo info)
    : store_(store),
      info_(std::make_shared<const TableInfo>(std::move(info))),
      dead_rows_(std::make_shared<DeadRows>()) {
  key_column_ = std::make_shared<KeyColumn>(info_->schema.columns[info_->key_column].type, store.database_uuid_low());
}

Result<std::shared_ptr<TableStore>> TableStore::create(storage::Store& store, TableInfo info) {
  TableSummary summary;
  for (const ColumnSpec& spec : info.schema.columns) {
    if (is_searched_by_vector(spec)) summary.vectors.emplace_back();
  }
  return load(store, std::move(info), summary);
}

Result<std::shared_ptr<TableStore>> TableStore::load(storage::Store& store, TableInfo info,
                                                     const TableSummary& summary) {
  std::shared_ptr<TableStore> table(new TableStore(store, std::move(info)));
  auto version = std::make_shared<TableVersion>();
  version->info = table->info_;
  version->key_column = table->key_column_;
  version->storage_pin = std::make_shared<char>();
  version->indexes = std::make_shared<ColumnIndexes>(table->info_->schema, summary.earned_indexes);
  version->keys = KeyDirectory(KeyHash{table->key_column_}, KeyEqual{table->key_column_});
  TRY_OK(table->load_live_rows(summary, version->live));
  TRY_OK(table->open_columns(version->live));
  table->checkpointed_live_ = version->live;
  table->refresh_readers(*version);
  TRY_OK(table->load_graphs(summary, *version));
  TRY_OK(table->load_texts(summary, *version));
  TRY_OK(table->load_patches(summary, *version));
  std::vector<std::shared_ptr<VectorIndex>> indexes;
  for (const VectorColumnVersion& column : version->vectors) indexes.push_back(column.index);
  version->guard = std::make_shared<VersionGuard>(std::move(indexes), table->dead_rows_);
  table->version_ = std::move(version);
  return table;
}

Result<void> TableStore::open_columns(const LiveBitmap& live) {
  const Schema& schema = info_->schema;
  for (uint32_t c = 0; c < schema.columns.size(); ++c) {
    TRY(column, Column::open(store_, info_->storage, c, schema.columns[c], live));
    columns_.push_back(std::move(column));
  }
  return {};
}

// A copy of the newest version to change. It pins the table's storage, as every version does.
std::shared_ptr<TableVersion> TableStore::draft() const { return std::make_shared<TableVersion>(*version_); }

void TableStore::refresh_readers(TableVersion& version) {
  version.columns.clear();
  for (const Column& column : columns_) version.columns.push_back(column.reader());
  key_column_->refresh(version.columns[info_->key_column]);
}

Result<void> TableStore::append_rows(const Rows& rows) {
  const uint32_t row_count = version_->row_count();
  for (size_t c = 0; c < columns_.size(); ++c) TRY_OK(columns_[c].reserve(rows.columns[c], row_count, rows.row_count));
  for (size_t c = 0; c < columns_.size(); ++c) TRY_OK(columns_[c].append(rows.columns[c], row_count, rows.row_count));
  return {};
}

// Row bits of the rows just appended. A vector column in which each row has one shares the table's bits.
void TableStore::mark_added(TableVersion& version, const Rows& rows) const {
  version.live.append(rows.row_count, true);
  if (version.patches) version.patches->plain.append(rows.row_count, true);
  for (VectorColumnVersion& column : version.vectors) {
    const RowsColumn& values = rows.columns[column.index->column()];
    if (version.columns[column.index->column()].all_have_vectors()) continue;
    for (uint32_t row = 0; row < rows.row_count; ++row) column.searchable.append(1, values.has_vector(row));
  }
}

void TableStore::mark_removed(TableVersion& version, std::span<const RowId> rows) {
  for (const RowId row : rows) version.live.erase(row);
  if (version.patches) version.patches->remove(rows);
  for (VectorColumnVersion& column : version.vectors) {
    if (version.columns[column.index->column()].all_have_vectors()) continue;
    for (const RowId row : rows) column.searchable.erase(row);
  }
  for (TextColumnVersion& column : version.texts) remove_texts(column, version.columns[column.index->column()], rows);
}

namespace {

Result<void> add_texts(TableVersion& version, const TextRuns& texts) {
  for (size_t i = 0; i < version.texts.size(); ++i) TRY_OK(add_text_runs(version.texts[i], texts[i], version.live));
  return {};
}

void share_live_bits(TableVersion& version) {
  for (VectorColumnVersion& column : version.vectors) {
    if (version.columns[column.index->column()].all_have_vectors()) column.searchable = version.live;
  }
}

}  // namespace

Result<void> TableStore::add_keys(TableVersion& version, const Rows& rows, OnConflict on_conflict,
                                  TableChange& change) {
  auto keys = version.keys.transient();
  for (uint32_t i = 0; i < rows.row_count; ++i) {
    const RowId row{change.first_row.value + i};
    const KeyLookup lookup = key_column_->lookup(key_column_->at(row));
    if (on_conflict == OnConflict::kFail) {
      if (keys.insert(key_slot(row, lookup))) continue;
      return key_conflict(*info_, lookup.key, version_->keys.find(lookup) != nullptr, {i});
    }
    if (const KeySlot* old = keys.find(lookup)) change.removed.push_back({old->row});
    keys.insert_or_assign(key_slot(row, lookup));
  }
  version.keys = std::move(keys).persistent();
  return {};
}

// What is appended is taken back by the caller if this fails.
Result<void> TableStore::draft_write(const Rows& rows, const TextRuns& texts, OnConflict on_conflict,
                                     TableChange& change) {
  TRY_OK(append_rows(rows));
  const std::shared_ptr<TableVersion> version = draft();
  refresh_readers(*version);
  TRY_OK(add_keys(*version, rows, on_conflict, change));
  mark_added(*version, rows);
  TRY_OK(add_texts(*version, texts));
  mark_removed(*version, change.removed);
  share_live_bits(*version);
  version->guard = version_->guard->successor();
  dead_rows_->reserve(version->row_count());  // for the day when they die: install() has nothing left that can fail
  change.version = version;
  return {};
}

Result<TableChange> TableStore::prepare_write(const Rows& rows, const TextRuns& texts, OnConflict on_conflict) {
  TableChange change;
  change.first_row = {version_->row_count()};
  change.added_count = rows.row_count;
  if (uint64_t{change.first_row.value} + rows.row_count > kRowsMax) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("table '{}' would hold more than {} rows", info_->name, kRowsMax)};
  }
  try {
    if (auto drafted = draft_write(rows, texts, on_conflict, change); !drafted.ok()) {
      abandon(change);
      return std::move(drafted).error();
    }
    return change;
  } catch (const std::bad_alloc&) {
    abandon(change);
    return Error{ErrorCode::kOutOfMemory,
                 fmt::format("no memory for {} more rows in table '{}'", rows.row_count, info_->name)};
  }
}

Result<TableChange> TableStore::prepare_erase(const KeysView& keys) {
  TRY_OK(key_column_->check_type(keys, info_->name));
  TableChange change;
  change.first_row = {version_->row_count()};
  const std::shared_ptr<TableVersion> version = draft();
  auto directory = version->keys.transient();
  for (size_t i = 0; i < keys.size(); ++i) {
    const KeyLookup lookup = key_column_->lookup(keys, i);
    const KeySlot* slot = directory.find(lookup);
    if (slot == nullptr) continue;
    change.removed.push_back({slot->row});
    directory.erase(lookup);
  }
  version->keys = std::move(directory).persistent();
  mark_removed(*version, change.removed);
  share_live_bits(*version);
  version->guard = version_->guard->successor();
  change.version = version;
  return change;
}

void TableStore::install(TableChange change) {
  dead_rows_->remove(change.removed);
  version_->guard->pass_on(std::move(change.removed), change.version->guard);
  if (change.patch_arrays != nullptr) patch_arrays_ = std::move(change.patch_arrays);
  version_ = std::move(change.version);
}

void TableStore::abandon(const TableChange& change) {
  if (change.patch_count != 0) patch_arrays_->truncate(version_->patches->slot_count());
  if (change.added_count == 0) return;
  for (Column& column : columns_) column.truncate(change.first_row.value);
}

// --- recovery ---

Result<void> TableStore::replay_insert(const InsertRecord& record) {
  if (record.first_row.value != version_->row_count()) {
    return Error{ErrorCode::kCorruption, fmt::format("log: table '{}' has {} rows where a record continues at {}",
                                                     info_->name, version_->row_count(), record.first_row.value)};
  }
  Rows rows = record.rows;
  TRY_OK(encode_vectors(*version_, rows));
  TRY_OK(append_rows(rows));
  const std::shared_ptr<TableVersion> version = draft();
  refresh_readers(*version);
  mark_added(*version, rows);
  TRY(texts, index_texts(*version, rows));
  TRY_OK(add_texts(*version, texts));
  share_live_bits(*version);
  version_ = version;
  return {};
}

Result<void> TableStore::replay_erase(std::span<const RowId> rows) {
  const std::shared_ptr<TableVersion> version = draft();
  for (const RowId row : rows) {
    if (version->live.erase(row)) continue;  // false also where a row stands twice
    return Error{ErrorCode::kCorruption,
                 fmt::format("log: table '{}': row {} is removed but was not there", info_->name, row.value)};
  }
  mark_removed(*version, rows);
  share_live_bits(*version);
  version_ = version;
  return {};
}

Result<void> TableStore::finish_recovery() {
  const std::shared_ptr<TableVersion> version = draft();
  auto keys = version->keys.transient();
  Result<void> result;
  version->live.for_each([&](RowId row) {
    if (!result.ok()) return;
    const KeyLookup lookup = key_column_->lookup(key_column_->at(row));
    if (keys.insert(key_slot(row, lookup))) return;
    result = Error{ErrorCode::kCorruption, fmt::format("table '{}': two live rows have the key {}", info_->name,
                                                       to_string(lookup.key, key_column_->type()))};
  });
  TRY_OK(std::move(result));
  version->keys = std::move(keys).persistent();
  version_ = version;
  dead_rows_->assign(version->live);
  for (const VectorColumnVersion& column : version->vectors) column.index->forget_dead_rows(*version);
  return {};
}

}  // namespace omendb::table
