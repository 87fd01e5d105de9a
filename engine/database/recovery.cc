// Opening: the root's tables, then every commit of the log through the same appends that wrote it.

#include "engine/base/thread_pool.h"
#include "engine/base/try.h"
#include "engine/database/engine.h"

#include <fmt/format.h>

#include <set>

namespace omendb::database {

Engine::Engine(Environment environment, const OpenOptions& options)
    : environment_(std::move(environment)), options_(options) {}

Result<std::shared_ptr<Engine>> Engine::open(Environment environment, const OpenOptions& options) {
  // A child of fork() leaves what it inherited alone: it can not join threads that are not there.
  const auto destroy = [](Engine* engine) {
    if (!engine->inherited()) delete engine;
  };
  std::shared_ptr<Engine> engine(new Engine(std::move(environment), options), destroy);
  storage::StoreOptions store_options;
  store_options.read_only = options.read_only;
  store_options.verify_on_open = options.verify_on_open;
  store_options.sync_commits = options.sync == Sync::kFull;
  store_options.threads = options.threads;
  TRY(store, storage::Store::open(engine->environment_.directory, store_options));
  engine->store_ = std::move(store);
  TRY_OK(engine->load_catalog());
  TRY_OK(engine->replay_log());
  engine->start_background();
  return engine;
}

Result<void> Engine::load_catalog() {
  auto version = std::make_shared<table::DatabaseVersion>();
  version->commit = store_->checkpointed_commit();
  state_ = version;
  std::set<uint32_t> storages;
  if (!store_->metadata().empty()) {
    TRY(catalog, table::decode_catalog(store_->metadata()));
    next_id_ = catalog.next_id;
    for (table::CatalogEntry& entry : catalog.tables) {
      storages.insert(entry.storage.value);
      table::TableInfo info =
          table::make_table_info(entry.table, entry.storage, std::move(entry.name), std::move(entry.schema));
      TRY(table, table::TableStore::load(*store_, std::move(info), entry.summary));
      for (const table::TextColumnVersion& column : table->version()->texts) {
        for (const table::PlacedTextRun& placed : column.runs) storages.insert(placed.run->storage().value);
      }
      if (table->version()->patches) storages.insert(table->version()->patches->storage.value);
      tables_.emplace(entry.table.value, std::move(table));
    }
  }
  // Arrays of tables, text runs and patches that were dropped while something still read them.
  for (const storage::ArrayId array : store_->arrays()) {
    const table::StorageId storage = table::storage_of(array);
    if (storages.insert(storage.value).second) dropped_.push_back({storage, {}});
  }
  return {};
}

Result<void> Engine::replay_log() {
  CommitNumber last = store_->checkpointed_commit();
  storage::ReplayVisitor visitor;
  visitor.record = [this](uint8_t kind, std::span<const std::byte> payload) { return replay_record(kind, payload); };
  visitor.commit = [&last](CommitNumber commit, uint64_t) {
    last = commit;
    return Result<void>();
  };
  TRY_OK(store_->log().replay(visitor));
  for (const auto& [id, table] : tables_) TRY_OK(table->finish_recovery());
  set_state(last);
  published_ = state_;
  pending_.clear();
  return {};
}

Result<table::TableStore*> Engine::replayed_table(TableId id) {
  const auto found = tables_.find(id.value);
  if (found == tables_.end())
    return Error{ErrorCode::kCorruption,
                 fmt::format("log: a record speaks of table {}, which does not exist", id.value)};
  return found->second.get();
}

Result<void> Engine::replay_insert(std::span<const std::byte> payload) {
  TRY(id, table::peek_table(payload));
  TRY(table, replayed_table(id));
  TRY(record, table::decode_insert(table->info().schema, payload));
  return table->replay_insert(record);
}

Result<void> Engine::replay_patch(std::span<const std::byte> payload) {
  TRY(id, table::peek_table(payload));
  TRY(table, replayed_table(id));
  TRY(record, table::decode_patch(table->info().schema, payload));
  return table->replay_patch(record);
}

Result<void> Engine::replay_patch_storage(std::span<const std::byte> payload) {
  TRY(record, table::decode_patch_storage(payload));
  TRY(table, replayed_table(record.table));
  if (record.storage.value < next_id_ || record.storage.value == UINT32_MAX)
    return Error{ErrorCode::kCorruption, "log: patches begin with an id that was given out before"};
  forget_patches(*table->version());
  TRY_OK(table->replay_patch_storage(record.storage));
  next_id_ = record.storage.value + 1;
  return {};
}

Result<void> Engine::replay_record(uint8_t kind, std::span<const std::byte> payload) {
  switch (static_cast<table::RecordKind>(kind)) {
    case table::RecordKind::kInsert: return replay_insert(payload);
    case table::RecordKind::kErase: {
      TRY(record, table::decode_erase(payload));
      TRY(table, replayed_table(record.table));
      return table->replay_erase(record.rows);
    }
    case table::RecordKind::kPatch: return replay_patch(payload);
    case table::RecordKind::kPatchStorage: return replay_patch_storage(payload);
    case table::RecordKind::kCreateTable: {
      TRY(record, table::decode_create_table(payload));
      if (record.table.value < next_id_)
        return Error{ErrorCode::kCorruption, "log: a table is created with an id that was given out before"};
      TRY(table, table::TableStore::create(
                     *store_, table::make_table_info(record.table, record.storage, record.name, record.schema)));
      next_id_ = std::max(record.table.value, record.storage.value) + 1;
      tables_.emplace(record.table.value, std::move(table));
      return {};
    }
    case table::RecordKind::kDropTable: {
      TRY(record, table::decode_drop_table(payload));
      TRY(table, replayed_table(record.table));
      forget_storage(*table);
      tables_.erase(record.table.value);
      return {};
    }
    case table::RecordKind::kClearTable: {
      TRY(record, table::decode_clear_table(payload));
      TRY(table, replayed_table(record.table));
      const table::TableInfo& old = table->info();
      TRY(empty,
          table::TableStore::create(*store_, table::make_table_info(old.id, record.storage, old.name, old.schema)));
      next_id_ = std::max(next_id_, record.storage.value + 1);
      forget_storage(*table);
      tables_[record.table.value] = std::move(empty);
      return {};
    }
  }
  return Error{ErrorCode::kCorruption, fmt::format("log: a record of unknown kind {}", kind)};
}

void Engine::start_background() {
  const bool background = environment_.background && !options_.read_only;
  const unsigned threads = options_.threads != 0 ? options_.threads : base::default_worker_count();
  const auto newest = [this] {
    const std::lock_guard lock(publish_mutex_);
    return published_;
  };
  workers_ = std::make_unique<table::IndexWorkers>(background ? threads : 0, newest);
  if (background) upkeep_ = std::thread([this] { upkeep_loop(); });
}

}  // namespace omendb::database
