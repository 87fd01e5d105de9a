// Looking at a database: versions, checks, figures, copies.

#include "engine/base/hash.h"
#include "engine/base/try.h"
#include "engine/database/engine.h"
#include "engine/os/memory_usage.h"
#include "engine/table/row_vectors.h"
#include "engine/table/schema_format.h"

#include <fmt/format.h>

#include <algorithm>

namespace omendb::database {

Result<void> Engine::usable() const {
  if (closed_) return Error{ErrorCode::kClosed, fmt::format("database '{}' is closed", path())};
  if (!inherited()) return {};
  return Error{
      ErrorCode::kClosed,
      fmt::format("database '{}' was opened before fork(), by the parent process; open it again here", path())};
}

Result<std::shared_ptr<const table::DatabaseVersion>> Engine::version() const {
  TRY_OK(usable());
  const std::lock_guard lock(publish_mutex_);
  return published_;
}

Result<std::shared_ptr<const table::TableVersion>> Engine::table_version(TableId id) const {
  TRY(newest, version());
  for (const auto& [name, table] : newest->tables) {
    if (table->info->id == id) return table;
  }
  return Error{ErrorCode::kNotFound, "the table was dropped"};
}

Result<void> Engine::check() {
  TRY_OK(usable());
  const std::lock_guard lock(checkpoint_mutex_);
  TRY_OK(usable());
  TRY_OK(store_->check());
  const table::IndexWorkers::Pause pause(*workers_);
  TRY(newest, version());
  std::vector<std::shared_ptr<table::TableStore>> tables;
  {
    const std::lock_guard commit_lock(commit_mutex_);
    for (const auto& [id, table] : tables_) tables.push_back(table);
  }
  for (const auto& table : tables) {
    const auto found = newest->tables.find(table->info().name);
    if (found != newest->tables.end() && found->second->info->storage == table->info().storage)
      TRY_OK(table->check(*found->second));
  }
  return {};
}

// The copy is the root of a fresh checkpoint, so it holds every commit that was acknowledged before the call.
Result<void> Engine::backup(os::Directory& target) {
  TRY_OK(usable());
  if (!options_.read_only) TRY_OK(checkpoint());
  const std::lock_guard lock(checkpoint_mutex_);
  TRY_OK(usable());
  return store_->backup(target);
}

Result<bool> Engine::index_some_columns(std::optional<TableId> only) const {
  TRY(newest, version());
  std::vector<std::shared_ptr<table::ColumnIndexes>> all;
  for (const auto& [name, table] : newest->tables) all.push_back(table->indexes);
  for (const auto& [name, table] : newest->tables) {
    if (only && *only != table->info->id) continue;
    TRY(made, table->indexes->build_some(*table, {all, options_.index_bytes_max}));
    if (made) return true;
  }
  return false;
}

Result<void> Engine::wait_for_index(TableId id) {
  Result<void> failed;
  const auto linked = [&] {
    const auto table = table_version(id);
    if (!table.ok()) {
      failed = table.error();
      return true;
    }
    return std::all_of((*table)->vectors.begin(), (*table)->vectors.end(), [&](const auto& column) {
      return !column.index->has_work(**table) &&
             !column.index->calibration_due(**table, table::VectorIndex::CalibrateWhen::kIdle);
    });
  };
  if (options_.read_only) return {};
  TRY_OK(workers_->wait_until(linked));
  TRY_OK(std::move(failed));
  for (bool built = true; built;) {
    TRY(made, index_some_columns(id));
    built = made;
  }
  return {};
}

namespace {

uint64_t row_hash(const table::TableVersion& table, RowId row, uint64_t seed) {
  const Schema& schema = table.info->schema;
  uint64_t hash = seed;
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    const table::ColumnValues column = table.values(c);
    if (column.is_null(row)) {
      hash = base::mix64(hash, c + 1);
      continue;
    }
    const size_t width = table::fixed_width(schema.columns[c]);
    hash = width != 0 ? base::hash64(std::span(column.fixed(row), width), hash) : base::hash64(column.bytes(row), hash);
  }
  return hash;
}

// "text.body", "sparse.terms".
std::string index_name(const ColumnSpec& column) { return fmt::format("{}.{}", to_string(column.type), column.name); }

std::vector<MemoryOrDiskPart> memory_parts(const table::TableVersion& table) {
  std::vector<MemoryOrDiskPart> parts = {{"live rows", table.live.memory_bytes()}, {"keys", table.keys.memory_usage()}};
  if (table.patches) parts.push_back({"patches", table.patches->memory_bytes()});
  for (const table::VectorColumnVersion& column : table.vectors) {
    const std::string& name = table.info->schema.columns[column.index->column()].name;
    const graph::GraphStats stats = column.index->graph().stats();
    parts.push_back({"graph." + name, stats.memory_bytes - stats.code_memory_bytes});
    if (stats.code_memory_bytes != 0) parts.push_back({"codes." + name, stats.code_memory_bytes});
  }
  for (const table::TextColumnVersion& column : table.texts)
    parts.push_back({index_name(table.info->schema.columns[column.index->column()]), column.memory_bytes()});
  for (uint32_t c = 0; c < table.columns.size(); ++c) {
    if (const auto bytes = table.indexes->memory_bytes(c))
      parts.push_back({"index." + table.info->schema.columns[c].name, *bytes});
  }
  return parts;
}

std::vector<MemoryOrDiskPart> disk_parts(const table::TableStore& table, const storage::Store& store) {
  const table::StorageId storage = table.info().storage;
  std::vector<MemoryOrDiskPart> parts = {
      {"live rows", store.array_disk_bytes(table::array_id(storage, table::kTableColumn, table::Part::kLiveRows))}};
  if (table.patch_arrays() != nullptr) parts.push_back({"patches", table.patch_arrays()->disk_bytes(store)});
  const auto& columns = table.info().schema.columns;
  for (uint32_t c = 0; c < columns.size(); ++c) {
    parts.push_back({"columns." + columns[c].name, table.columns()[c].disk_bytes(store)});
    if (!table::is_searched_by_vector(columns[c])) continue;
    uint64_t graph_bytes = 0;
    for (const graph::Graph::Stream stream : graph::Graph::kStreams)
      graph_bytes += store.array_disk_bytes(table::array_id(storage, c, table::graph_part(stream)));
    parts.push_back({"graph." + columns[c].name, graph_bytes});
  }
  for (const table::TextColumnVersion& column : table.version()->texts) {
    const auto c = static_cast<uint32_t>(column.index->column());
    uint64_t text_bytes = store.array_disk_bytes(table::array_id(storage, c, table::Part::kDeadTerms));
    for (const table::PlacedTextRun& placed : column.runs)
      text_bytes += store.array_disk_bytes(table::array_id(placed.run->storage(), c, table::Part::kTextRun));
    parts.push_back({index_name(columns[c]), text_bytes});
  }
  return parts;
}

constexpr double kRecallsShown[] = {0.9, 0.95, 0.99};
constexpr size_t kShownK = 10;

// Of the classes that were measured.
std::vector<FilteredRecall> filtered_recalls(const table::Calibration& calibration, uint32_t row_count_now) {
  std::vector<FilteredRecall> recalls;
  for (const table::FilteredCurve& curve : calibration.filtered) {
    const table::Effort effort = table::filtered_effort_for(calibration, curve.kind, static_cast<double>(curve.share),
                                                            kShownK, table::kRecallDefault, row_count_now)
                                     .value_or(table::Effort{0, true});
    recalls.push_back({.away = curve.kind == table::ConditionKind::kAway,
                       .share = static_cast<double>(curve.share),
                       .ef = effort.exact ? 0 : effort.ef,
                       .recall = effort.exact ? 1 : table::expected_recall(curve, effort.ef)});
  }
  return recalls;
}

IndexStats index_stats(const table::TableVersion& table, const table::VectorColumnVersion& column) {
  const table::VectorIndex& index = *column.index;
  const ColumnSpec& spec = table.info->schema.columns[index.column()];
  const graph::GraphStats graph = index.graph().stats();
  IndexStats stats{.column = spec.name, .options = spec.vector};
  stats.options.storage = table::chosen_storage(table::graph_vectors(spec));
  stats.linked_row_count = graph.linked_rows;
  stats.links_per_row =
      static_cast<double>(graph.edges) / static_cast<double>(std::max<uint64_t>(1, graph.linked_rows));
  stats.links_per_row_max = 2 * spec.vector.m;
  stats.link_bytes = graph.memory_bytes - graph.code_memory_bytes;
  stats.code_bytes = graph.code_memory_bytes;
  const auto calibration = index.calibration();
  if (calibration != nullptr) {
    stats.calibrated_row_count = calibration->row_count;
    stats.calibration_query_count = calibration->query_count;
    stats.filtered = filtered_recalls(*calibration, index.watermark());
  }
  const bool exact = index.watermark() == 0 || index.small(table);
  for (const double recall : kRecallsShown) {
    const table::Effort effort =
        exact ? table::Effort{0, true} : table::effort_for(calibration.get(), kShownK, recall, index.watermark());
    stats.targets.push_back({recall, effort.ef, effort.exact});
    if (recall != table::kRecallDefault) continue;
    if (effort.exact) stats.default_recall = 1;
    if (!effort.exact && calibration != nullptr)
      stats.default_recall = table::expected_recall(*calibration, kShownK, effort.ef).value_or(0);
  }
  return stats;
}

std::vector<ColumnIndexStats> column_index_stats(const table::TableVersion& table) {
  using Why = ColumnIndexStats::Why;
  const auto& columns = table.info->schema.columns;
  std::vector<ColumnIndexStats> stats;
  for (const table::ColumnIndexes::Figures& index : table.indexes->figures()) {
    const std::string& column = columns[index.source.column].name;
    stats.push_back({column, column::source_text(index.source, column),
                     index.why == table::IndexState::Why::kAsked ? Why::kAsked : Why::kEarned,
                     uint64_t{index.block_count} * table::LiveBitmap::kRowsPerBlock, index.bytes});
  }
  for (const ColumnSpec& spec : columns) {
    if (spec.index.mode == IndexMode::kNever) stats.push_back({spec.name, spec.name, Why::kRefused, 0, 0});
  }
  return stats;
}

uint64_t sum(const std::vector<MemoryOrDiskPart>& parts) {
  uint64_t total = 0;
  for (const MemoryOrDiskPart& part : parts) total += part.bytes;
  return total;
}

void append_named(std::vector<MemoryOrDiskPart>& all, const std::string& table,
                  const std::vector<MemoryOrDiskPart>& parts) {
  for (const MemoryOrDiskPart& part : parts) all.push_back({table + "." + part.name, part.bytes});
}

}  // namespace

Result<uint64_t> Engine::state_hash() const {
  TRY(newest, version());
  uint64_t hash = 0;
  for (const auto& [name, table] : newest->tables) {
    const uint64_t seed = base::hash64(table::encode(table::CreateTableRecord{{}, {}, name, table->info->schema}));
    uint64_t rows = 0;
    table->live.for_each([&, &table = table](RowId row) { rows += row_hash(*table, row, seed); });
    hash = base::mix64(hash ^ seed, rows);
  }
  return hash;
}

Result<TableStats> Engine::table_stats(TableId id) const {
  TRY(table, table_version(id));
  TableStats stats;
  stats.row_count = table->live.live_count();
  stats.dead_row_count = table->row_count() - table->live.live_count();
  for (const table::VectorColumnVersion& column : table->vectors) {
    stats.tail_row_count = std::max<uint64_t>(stats.tail_row_count, column.index->waiting_rows(*table));
    stats.flat = stats.flat && !column.index->active(*table);
    stats.graph_edge_count += column.index->graph().stats().edges;
    stats.indexes.push_back(index_stats(*table, column));
  }
  stats.memory = memory_parts(*table);
  stats.column_indexes = column_index_stats(*table);
  const std::lock_guard lock(commit_mutex_);
  TRY(store, store_of_table(id));
  stats.disk = disk_parts(*store, *store_);
  return stats;
}

Result<DatabaseStats> Engine::stats() const {
  TRY(newest, version());
  DatabaseStats stats;
  stats.commit_number = newest->commit.value;
  TRY(resident, os::resident_memory());
  stats.resident_bytes = resident.total_bytes;
  for (const auto& [name, table] : newest->tables) append_named(stats.memory, name, memory_parts(*table));
  const std::lock_guard lock(commit_mutex_);
  for (const auto& [id, table] : tables_) append_named(stats.disk, table->info().name, disk_parts(*table, *store_));
  const storage::DiskUsage usage = store_->disk_usage();
  stats.disk.insert(stats.disk.end(), {{"root", usage.root}, {"log", usage.log}, {"free", usage.free_extents}});
  stats.memory_bytes = sum(stats.memory);
  stats.disk_bytes = usage.total;
  return stats;
}

}  // namespace omendb::database
