// The public classes of include/omendb over an Engine.

#include <omendb/database.h>

#include "engine/base/try.h"
#include "engine/database/call_stop.h"
#include "engine/database/engine.h"
#include "engine/exec/recall_measurement.h"
#include "engine/exec/rows_where.h"
#include "engine/exec/search.h"
#include "engine/exec/text_search.h"
#include "engine/os/memory_file.h"
#include "engine/os/posix_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace omendb {

class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const table::TableVersion> version) : table(std::move(version)) {}
  std::shared_ptr<const table::TableVersion> table;
};

struct Database::Impl {
  std::shared_ptr<database::Engine> engine;
};

struct Table::Impl {
  std::shared_ptr<database::Engine> engine;
  std::shared_ptr<const table::TableInfo> info;
};

namespace {

constexpr std::string_view kMemoryPath = ":memory:";
constexpr uint64_t kMemoryLogBytesMax = 32ULL
                                        << 20;  // a database in memory recovers from nothing: its log only costs memory

Result<std::shared_ptr<os::Directory>> open_directory(std::string_view path, const OpenOptions& options) {
  if (path == kMemoryPath) return std::shared_ptr<os::Directory>(os::memory_directory(std::string(kMemoryPath)));
  if (path.empty())
    return Error{ErrorCode::kInvalidArgument, "the path of a database is empty; \":memory:\" keeps nothing"};
  const os::DirectoryMode mode = options.read_only ? os::DirectoryMode::kReadOnly
                                 : options.create  ? os::DirectoryMode::kCreate
                                                   : os::DirectoryMode::kMustExist;
  TRY(directory, os::open_directory(std::string(path), mode));
  return std::shared_ptr<os::Directory>(std::move(directory));
}

// Positions of the columns asked for; all of them when none is named.
Result<std::vector<size_t>> find_columns(const table::TableInfo& info, std::span<const std::string> names) {
  std::vector<size_t> columns;
  for (const std::string& name : names) {
    const auto found = info.schema.find(name);
    if (!found) return Error{ErrorCode::kSchema, fmt::format("table '{}' has no column '{}'", info.name, name)};
    columns.push_back(*found);
  }
  for (size_t c = 0; names.empty() && c < info.schema.columns.size(); ++c) columns.push_back(c);
  return columns;
}

Batch gather(const table::TableVersion& version, std::span<const RowId> rows, std::span<const size_t> columns) {
  Batch batch;
  batch.row_count = rows.size();
  for (const size_t c : columns) {
    const ColumnSpec& spec = version.info->schema.columns[c];
    ColumnData& column = batch.columns.emplace_back();
    column.name = spec.name;
    column.type = spec.type;
    version.values(c).gather(rows, spec, column);
  }
  return batch;
}

class TableScan final : public Scan {
 public:
  TableScan(std::shared_ptr<const table::TableVersion> version, table::LiveBitmap rows, std::vector<size_t> columns,
            size_t batch_rows)
      : version_(std::move(version)), rows_(std::move(rows)), columns_(std::move(columns)), batch_rows_(batch_rows) {}

  Result<std::optional<Batch>> next() override {
    std::vector<RowId> rows;
    for (; next_ < version_->row_count() && rows.size() < batch_rows_; ++next_) {
      if (rows_.contains({next_})) rows.push_back({next_});
    }
    if (rows.empty()) return std::optional<Batch>();
    return std::optional(gather(*version_, rows, columns_));
  }

 private:
  std::shared_ptr<const table::TableVersion> version_;
  table::LiveBitmap rows_;
  std::vector<size_t> columns_;
  size_t batch_rows_;
  uint32_t next_ = 0;
};

}  // namespace

// --- Table ---

namespace {

Result<void> check_range(const Hits& hits, size_t first, size_t count) {
  if (hits.snapshot != nullptr && first <= hits.rows.size() && count <= hits.rows.size() - first) return {};
  return Error{ErrorCode::kInvalidArgument, fmt::format("hits {} to {} of {}", first, first + count, hits.rows.size())};
}

}  // namespace

Table::Table(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

const std::string& Table::name() const { return impl_->info->name; }
const Schema& Table::schema() const { return impl_->info->schema; }

Result<uint64_t> Table::insert(const BatchView& rows) {
  return impl_->engine->write(impl_->info->id, rows, table::OnConflict::kFail);
}
Result<uint64_t> Table::upsert(const BatchView& rows) {
  return impl_->engine->write(impl_->info->id, rows, table::OnConflict::kReplace);
}
Result<uint64_t> Table::erase(const KeysView& keys) { return impl_->engine->erase(impl_->info->id, keys); }
Result<uint64_t> Table::erase(const Where& where, const StopWhen& stop_when) {
  database::OptionalStop stop(stop_when, impl_->engine->clock());
  return impl_->engine->erase(impl_->info->id, where, stop.get());
}
Result<uint64_t> Table::update(const BatchView& values, const Where& where, const StopWhen& stop_when) {
  database::OptionalStop stop(stop_when, impl_->engine->clock());
  return impl_->engine->update(impl_->info->id, values, where, stop.get());
}
Result<uint64_t> Table::clear() { return impl_->engine->clear(impl_->info->id); }

Result<Batch> Table::get(const KeysView& keys, std::span<const std::string> columns,
                         std::vector<uint8_t>* found) const {
  TRY(version, impl_->engine->table_version(impl_->info->id));
  TRY_OK(version->key_column->check_type(keys, version->info->name));
  TRY(positions, find_columns(*version->info, columns));
  std::vector<RowId> rows;
  if (found != nullptr) found->assign(keys.size(), 0);
  for (size_t i = 0; i < keys.size(); ++i) {
    const table::KeySlot* slot = version->keys.find(version->key_column->lookup(keys, i));
    if (slot == nullptr) continue;
    rows.push_back({slot->row});
    if (found != nullptr) (*found)[i] = 1;
  }
  return gather(*version, rows, positions);
}

Result<uint64_t> Table::count(const Where& where, const StopWhen& stop_when) const {
  database::OptionalStop stop(stop_when, impl_->engine->clock());
  TRY(version, impl_->engine->table_version(impl_->info->id));
  if (where.text.empty()) return uint64_t{version->live.live_count()};
  TRY(rows, exec::rows_where(*version, where, version->live, stop.get()));
  return uint64_t{rows.live_count()};
}

Result<std::unique_ptr<Scan>> Table::scan(const ScanOptions& options) const {
  database::OptionalStop stop(options.stop_when, impl_->engine->clock());
  TRY(version, impl_->engine->table_version(impl_->info->id));
  TRY(columns, find_columns(*version->info, options.columns));
  if (options.batch_rows == 0) return Error{ErrorCode::kInvalidArgument, "a scan's batches have at least one row"};
  TRY(rows, exec::rows_where(*version, options.where, version->live, stop.get()));
  return std::unique_ptr<Scan>(
      std::make_unique<TableScan>(std::move(version), std::move(rows), std::move(columns), options.batch_rows));
}

Result<Hits> Table::search(const SearchQuery& query) const {
  database::OptionalStop stop(query.stop_when, impl_->engine->clock());
  TRY(version, impl_->engine->table_version(impl_->info->id));
  impl_->engine->count_search(*version);
  TRY(found, exec::search(*version, query, nullptr, stop.get()));
  Hits hits;
  hits.offsets = std::move(found.offsets);
  hits.distances = std::move(found.distances);
  hits.scores = std::move(found.scores);
  hits.text_scores = std::move(found.text_scores);
  hits.sparse_scores = std::move(found.sparse_scores);
  hits.rows.reserve(found.rows.size());
  for (const RowId row : found.rows) hits.rows.push_back(row.value);
  const size_t key_column[] = {version->info->key_column};
  hits.keys = std::move(gather(*version, found.rows, key_column).columns.front());
  hits.snapshot = std::make_shared<const Snapshot>(std::move(version));
  return hits;
}

Result<Batch> Table::fetch(const Hits& hits, size_t first, size_t count, std::span<const std::string> columns) const {
  TRY_OK(check_range(hits, first, count));
  TRY(positions, find_columns(*hits.snapshot->table->info, columns));
  std::vector<RowId> rows;
  for (const uint32_t row : std::span(hits.rows).subspan(first, count)) rows.push_back({row});
  return gather(*hits.snapshot->table, rows, positions);
}

Result<Hits> Table::rearrange(const Hits& hits, std::span<const uint32_t> order, std::span<const float> scores) const {
  const auto wrong = [](const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; };
  if (hits.snapshot == nullptr || hits.query_count() != 1) return wrong("hits of one query can be rearranged");
  if (order.size() != scores.size()) return wrong(fmt::format("{} scores for {} hits", scores.size(), order.size()));
  std::vector<bool> taken(hits.rows.size());
  Hits rearranged;
  std::vector<RowId> rows;
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t at = order[i];
    if (at >= hits.rows.size() || taken[at]) return wrong(fmt::format("hit {} of {}, or twice", at, hits.rows.size()));
    taken[at] = true;
    rows.push_back({hits.rows[at]});
    rearranged.rows.push_back(hits.rows[at]);
    rearranged.distances.push_back(hits.distances[at]);
    rearranged.scores.push_back(scores[i]);
    if (!hits.text_scores.empty()) rearranged.text_scores.push_back(hits.text_scores[at]);
    if (!hits.sparse_scores.empty()) rearranged.sparse_scores.push_back(hits.sparse_scores[at]);
  }
  rearranged.offsets = {0, static_cast<uint32_t>(rows.size())};
  const table::TableVersion& version = *hits.snapshot->table;
  const size_t key_column[] = {version.info->key_column};
  rearranged.keys = std::move(gather(version, rows, key_column).columns.front());
  rearranged.snapshot = hits.snapshot;
  return rearranged;
}

Result<std::string> Table::explain(const SearchQuery& query, bool analyze) const {
  database::OptionalStop stop(query.stop_when, impl_->engine->clock());
  TRY(version, impl_->engine->table_version(impl_->info->id));
  const bool searches = !query.vectors.empty() || !query.bits.empty() || query.text || query.text_query;
  if (!searches && !query.where.text.empty()) {
    TRY(rows, exec::explain_rows(*version, query.where, analyze, stop.get()));
    return plan::to_text(rows);
  }
  if (query.query_count != 1)
    return Error{ErrorCode::kInvalidArgument, fmt::format("explain() is of one query, not of {}", query.query_count)};
  if (!analyze) {
    TRY(expected, exec::explain(*version, query, stop.get()));
    return plan::to_text(expected);
  }
  plan::Step report;
  TRY(hits, exec::search(*version, query, &report, stop.get()));
  report.notes.push_back(fmt::format("{} hits", hits.rows.size()));
  return plan::to_text(report);
}

Result<std::vector<std::vector<TextRange>>> Table::highlight(const Hits& hits, size_t first, size_t count,
                                                             std::string_view column, const SearchQuery& query) const {
  TRY_OK(check_range(hits, first, count));
  if (!query.text && !query.text_query) return Error{ErrorCode::kInvalidArgument, "highlights are of a search by text"};
  TRY(texts, exec::TextSearch::make(*hits.snapshot->table, query));
  std::vector<RowId> rows;
  for (const uint32_t row : std::span(hits.rows).subspan(first, count)) rows.push_back({row});
  return texts.highlight(rows, column);
}

Result<TableStats> Table::stats() const { return impl_->engine->table_stats(impl_->info->id); }
Result<std::vector<MeasuredRecall>> Table::measure_recall(const RecallMeasurement& measurement) const {
  TRY(version, impl_->engine->table_version(impl_->info->id));
  return exec::measure_recall(*version, measurement);
}
Result<void> Table::wait_for_index() const { return impl_->engine->wait_for_index(impl_->info->id); }

// --- Database ---

Database::Database(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<Database> Database::open(std::string_view path, const OpenOptions& options) {
  TRY(directory, open_directory(path, options));
  OpenOptions used = options;
  if (path == kMemoryPath) used.log_bytes_max = std::min(used.log_bytes_max, kMemoryLogBytesMax);
  TRY(engine, database::Engine::open({std::move(directory), std::make_shared<os::SystemClock>(), true}, used));
  return Database(std::make_shared<Impl>(Impl{std::move(engine)}));
}

Result<Table> Database::create_table(std::string_view name, const Schema& schema, bool exist_ok) {
  TRY_OK(impl_->engine->create_table(name, schema, exist_ok));
  return table(name);
}

Result<Table> Database::table(std::string_view name) const {
  TRY(version, impl_->engine->version());
  const auto found = version->tables.find(name);
  if (found == version->tables.end())
    return Error{ErrorCode::kNotFound, fmt::format("there is no table '{}' in '{}'", name, path())};
  return Table(std::make_shared<Table::Impl>(Table::Impl{impl_->engine, found->second->info}));
}

Result<std::vector<std::string>> Database::table_names() const {
  TRY(version, impl_->engine->version());
  std::vector<std::string> names;
  for (const auto& [name, table] : version->tables) names.push_back(name);
  return names;
}

Result<void> Database::drop_table(std::string_view name) { return impl_->engine->drop_table(name); }
Result<void> Database::check() const { return impl_->engine->check(); }
Result<uint64_t> Database::state_hash() const { return impl_->engine->state_hash(); }
Result<DatabaseStats> Database::stats() const { return impl_->engine->stats(); }
Result<void> Database::checkpoint() const { return impl_->engine->checkpoint(); }
Result<void> Database::close() { return impl_->engine->close(); }
const std::string& Database::path() const { return impl_->engine->path(); }

Result<void> Database::backup(std::string_view target) const {
  TRY(directory, os::open_directory(std::string(target), os::DirectoryMode::kCreate));
  return impl_->engine->backup(*directory);
}

}  // namespace omendb
