#include "tests/database_model.h"

#include "engine/base/test_result.h"
#include "engine/base/try.h"
#include "engine/os/clock.h"
#include "engine/os/memory_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace omendb::test {
namespace {

std::string_view name_of(StatementKind kind) {
  switch (kind) {
    case StatementKind::kInsert: return "insert";
    case StatementKind::kUpsert: return "upsert";
    case StatementKind::kErase: return "erase";
    case StatementKind::kUpdate: return "update";
    case StatementKind::kClear: return "clear";
    case StatementKind::kCreate: return "create";
    case StatementKind::kDrop: return "drop";
    case StatementKind::kCheckpoint: return "checkpoint";
    case StatementKind::kLink: return "link";
    case StatementKind::kMove: return "move";
    case StatementKind::kMoveSparse: return "move sparse regions";
    case StatementKind::kMergeTexts: return "merge texts";
    case StatementKind::kRenewPatches: return "renew patches";
  }
  return "unknown";
}

size_t key_position(const Schema& schema) {
  const auto& columns = schema.columns;
  return static_cast<size_t>(
      std::find_if(columns.begin(), columns.end(), [](const auto& spec) { return spec.primary_key; }) -
      columns.begin());
}

std::string show(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return fmt::format("'{}'", text->substr(0, 40));
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* list = std::get_if<Strings>(&value)) return fmt::format("a list of {}", list->size());
  if (const auto* vector = std::get_if<Floats>(&value))
    return fmt::format("[{}, ...]", vector->empty() ? 0.0F : vector->front());
  return "null";
}

Answer apply_write(TableModel& table, const Statement& statement) {
  const size_t key = key_position(table.schema);
  if (statement.kind == StatementKind::kInsert) {
    std::set<Value> seen;
    for (const Row& row : statement.rows) {
      if (table.rows.contains(row[key]) || !seen.insert(row[key]).second) return {ErrorCode::kConflict, 0};
    }
  }
  for (const Row& row : statement.rows) table.rows.insert_or_assign(row[key], row);
  return {std::nullopt, statement.rows.size()};
}

Answer apply_update(TableModel& table, const Statement& statement) {
  uint64_t changed = 0;
  for (auto& [key, row] : table.rows) {
    if (!statement.keys.empty() && std::ranges::find(statement.keys, key) == statement.keys.end()) continue;
    if (statement.number_below && std::get<int64_t>(row[*table.schema.find("number")]) >= *statement.number_below)
      continue;
    for (const size_t column : statement.columns) row[column] = statement.rows.front()[column];
    ++changed;
  }
  return {std::nullopt, changed};
}

Answer apply_to_table(TableModel& table, const Statement& statement) {
  if (statement.kind == StatementKind::kUpdate) return apply_update(table, statement);
  if (statement.kind == StatementKind::kClear) return {std::nullopt, std::exchange(table.rows, {}).size()};
  if (statement.kind != StatementKind::kErase) return apply_write(table, statement);
  uint64_t removed = 0;
  for (const Value& key : statement.keys) removed += table.rows.erase(key);
  return {std::nullopt, removed};
}

// Appends a value to the buffers of its type; a null leaves a placeholder that nobody may see again.
void append_value(const ColumnSpec& spec, const Value& value, ColumnData& data) {
  const bool null = std::holds_alternative<std::monostate>(value);
  data.validity.push_back(null ? 0 : 1);
  switch (spec.type) {
    case Type::kBool: return data.bools.push_back(null ? 77 : std::get<bool>(value) ? 1 : 0);
    case Type::kInt64:
    case Type::kTimestamp: return data.ints.push_back(null ? -77 : std::get<int64_t>(value));
    case Type::kFloat64: return data.doubles.push_back(null ? -7.7 : std::get<double>(value));
    case Type::kVector: {
      if (spec.vector.element == Element::kBit) {
        const Bits bits = null ? Bits((spec.vector.dims + 7) / 8, 0xFF) : std::get<Bits>(value);
        data.bits.insert(data.bits.end(), bits.begin(), bits.end());
        return;
      }
      const Floats floats = null ? Floats(spec.vector.dims, 7.7F) : std::get<Floats>(value);
      data.floats.insert(data.floats.end(), floats.begin(), floats.end());
      return;
    }
    case Type::kVectors: {
      const Floats floats = null ? Floats(spec.vector.dims, 7.7F) : std::get<Floats>(value);
      data.floats.insert(data.floats.end(), floats.begin(), floats.end());
      return data.list_offsets.push_back(static_cast<int64_t>(data.floats.size() / spec.vector.dims));
    }
    case Type::kSparse: {
      for (const auto& [index, weight] : null ? Pairs{{7, 7.7F}} : std::get<Pairs>(value)) {
        data.uints.push_back(index);
        data.floats.push_back(weight);
      }
      return data.list_offsets.push_back(static_cast<int64_t>(data.uints.size()));
    }
    case Type::kStringList: {
      for (const std::string& text : null ? Strings{"garbage"} : std::get<Strings>(value)) {
        data.chars += text;
        data.offsets.push_back(static_cast<int64_t>(data.chars.size()));
      }
      return data.list_offsets.push_back(static_cast<int64_t>(data.offsets.size()) - 1);
    }
    case Type::kString:
    case Type::kText:
    case Type::kJson:
      data.chars += null ? "garbage" : std::get<std::string>(value);
      return data.offsets.push_back(static_cast<int64_t>(data.chars.size()));
  }
}

ColumnView view_of(const ColumnSpec& spec, const ColumnData& data) {
  ColumnView view;
  view.name = spec.name;
  const bool any_null = std::find(data.validity.begin(), data.validity.end(), uint8_t{0}) != data.validity.end();
  if (any_null) view.validity = data.validity.data();
  const bool has_strings = spec.type == Type::kString || spec.type == Type::kText || spec.type == Type::kJson;
  if (spec.type == Type::kBool) view.bools = data.bools.data();
  if (spec.type == Type::kInt64 || spec.type == Type::kTimestamp) view.ints = data.ints.data();
  if (spec.type == Type::kFloat64) view.doubles = data.doubles.data();
  if (spec.type == Type::kStringList) view.list_offsets = data.list_offsets.data();
  if (has_strings || spec.type == Type::kStringList) {
    view.offsets = data.offsets.data();
    view.chars = data.chars.data();
  }
  if (spec.type == Type::kVectors) {
    view.list_offsets = data.list_offsets.data();
    view.floats = data.floats.data();
    view.dims = spec.vector.dims;
  }
  if (spec.type == Type::kSparse) {
    static constexpr uint32_t kNoIndexes[] = {0};
    static constexpr float kNoWeights[] = {0};
    view.list_offsets = data.list_offsets.data();
    view.uints = data.uints.empty() ? kNoIndexes : data.uints.data();
    view.floats = data.floats.empty() ? kNoWeights : data.floats.data();
  }
  if (spec.type == Type::kVector) {
    if (spec.vector.element == Element::kBit) {
      view.bits = data.bits.data();
    } else {
      view.floats = data.floats.data();
    }
    view.dims = spec.vector.dims;
  }
  return view;
}

}  // namespace

std::string describe(const Statement& statement) {
  return fmt::format("{} {} ({} rows, {} keys)", name_of(statement.kind), statement.table, statement.rows.size(),
                     statement.keys.size());
}

std::string describe(const Answer& answer) {
  return answer.error ? std::string(to_string(*answer.error)) : std::to_string(answer.count);
}

Answer answer_of(const Result<uint64_t>& result) {
  if (result.ok()) return {std::nullopt, *result};
  return {result.error().code, 0};
}

Answer perform(DatabaseModel& model, const Statement& statement) {
  const bool of_any_table = statement.kind == StatementKind::kCheckpoint ||
                            statement.kind == StatementKind::kMoveSparse ||
                            statement.kind == StatementKind::kMergeTexts;
  if (of_any_table) return {};
  const auto found = model.find(statement.table);
  if (statement.kind == StatementKind::kCreate) {
    if (found != model.end()) return {ErrorCode::kConflict, 0};
    model[statement.table].schema = statement.schema;
    return {};
  }
  if (found == model.end()) return {ErrorCode::kNotFound, 0};
  if (statement.kind == StatementKind::kLink || statement.kind == StatementKind::kMove ||
      statement.kind == StatementKind::kRenewPatches)
    return {};
  if (statement.kind != StatementKind::kDrop) return apply_to_table(found->second, statement);
  model.erase(found);
  return {};
}

std::optional<TableId> table_id(const database::Engine& engine, std::string_view name) {
  const auto version = engine.version();
  if (!version.ok()) return std::nullopt;
  const auto found = (*version)->tables.find(name);
  if (found == (*version)->tables.end()) return std::nullopt;
  return found->second->info->id;
}

namespace {

Result<uint64_t> move_every_third(database::Engine& engine, const table::TableVersion& version) {
  std::vector<RowId> rows;
  version.live.for_each([&](RowId row) {
    if (row.value % 3 == 0) rows.push_back(row);
  });
  TRY(moved, engine.move_rows(version, rows));
  if (moved != rows.size()) return Error{ErrorCode::kConflict, "not all rows were moved"};
  return uint64_t{0};
}

// What a kUpdate says, in the words of the door.
class Update {
 public:
  Update(const Schema& schema, const Statement& statement) : batch_(schema, statement.rows) {
    for (const size_t column : statement.columns) columns_.push_back(batch_.view().columns[column]);
    ValueList keys;
    for (const Value& key : statement.keys) {
      const auto* number = std::get_if<int64_t>(&key);
      keys.push_back(number != nullptr ? omendb::Value{*number} : omendb::Value{std::get<std::string>(key)});
    }
    if (!keys.empty()) {
      text_ = "id in ?";
      values_.push_back({std::move(keys)});
    }
    if (!statement.number_below) return;
    text_ += text_.empty() ? "number < ?" : " and number < ?";
    values_.push_back({*statement.number_below});
  }
  BatchView values() const { return {1, columns_}; }
  Where where() const { return {.text = text_, .values = values_}; }

 private:
  OwnedBatch batch_;
  std::vector<ColumnView> columns_;
  std::string text_;
  std::vector<omendb::Value> values_;
};

}  // namespace

Result<uint64_t> perform(database::Engine& engine, const Statement& statement) {
  if (statement.kind == StatementKind::kMergeTexts) {
    for (;;) {
      TRY(merged, engine.merge_some_texts());
      if (!merged) return uint64_t{0};
    }
  }
  if (statement.kind == StatementKind::kCheckpoint) {
    TRY_OK(engine.checkpoint());
    return uint64_t{0};
  }
  if (statement.kind == StatementKind::kMoveSparse) {
    TRY_OK(engine.move_sparse_rows());
    return uint64_t{0};
  }
  if (statement.kind == StatementKind::kCreate) {
    TRY_OK(engine.create_table(statement.table, statement.schema, false));
    return uint64_t{0};
  }
  TRY(version, engine.version());
  const auto found = version->tables.find(statement.table);
  if (found == version->tables.end()) return Error{ErrorCode::kNotFound, "there is no table " + statement.table};
  const TableId id = found->second->info->id;
  if (statement.kind == StatementKind::kDrop) {
    TRY_OK(engine.drop_table(statement.table));
    return uint64_t{0};
  }
  if (statement.kind == StatementKind::kLink) {
    TRY_OK(engine.wait_for_index(id));
    return uint64_t{0};
  }
  if (statement.kind == StatementKind::kMove) return move_every_third(engine, *found->second);
  if (statement.kind == StatementKind::kClear) return engine.clear(id);
  if (statement.kind == StatementKind::kErase) return engine.erase(id, OwnedKeys(statement.keys).view());
  if (statement.kind == StatementKind::kUpdate) {
    const Update update(found->second->info->schema, statement);
    return engine.update(id, update.values(), update.where());
  }
  if (statement.kind == StatementKind::kRenewPatches) {
    TRY_OK(engine.renew_patches(id));
    return uint64_t{0};
  }
  const OwnedBatch batch(found->second->info->schema, statement.rows);
  const bool insert = statement.kind == StatementKind::kInsert;
  return engine.write(id, batch.view(), insert ? table::OnConflict::kFail : table::OnConflict::kReplace);
}

Result<uint64_t> perform(Database& database, const Statement& statement) {
  if (statement.kind == StatementKind::kMergeTexts) return uint64_t{0};  // goes on in the background
  if (statement.kind == StatementKind::kCheckpoint) {
    TRY_OK(database.checkpoint());
    return uint64_t{0};
  }
  if (statement.kind == StatementKind::kCreate) {
    TRY_OK(database.create_table(statement.table, statement.schema));
    return uint64_t{0};
  }
  if (statement.kind == StatementKind::kDrop) {
    TRY_OK(database.drop_table(statement.table));
    return uint64_t{0};
  }
  TRY(table, database.table(statement.table));
  if (statement.kind == StatementKind::kLink) {
    TRY_OK(table.wait_for_index());
    return uint64_t{0};
  }
  if (statement.kind == StatementKind::kMove || statement.kind == StatementKind::kMoveSparse)
    return Error{ErrorCode::kNotSupported, "only an engine moves rows when it is told to"};
  if (statement.kind == StatementKind::kClear) return table.clear();
  if (statement.kind == StatementKind::kErase) return table.erase(OwnedKeys(statement.keys).view());
  if (statement.kind == StatementKind::kUpdate) {
    const Update update(table.schema(), statement);
    return table.update(update.values(), update.where());
  }
  if (statement.kind == StatementKind::kRenewPatches) return uint64_t{0};  // goes on by itself
  const OwnedBatch batch(table.schema(), statement.rows);
  return statement.kind == StatementKind::kInsert ? table.insert(batch.view()) : table.upsert(batch.view());
}

OwnedBatch::OwnedBatch(const Schema& schema, const std::vector<Row>& rows)
    : row_count_(rows.size()), data_(schema.columns.size()) {
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    fill(schema.columns[c], c, rows, data_[c]);
    views_.push_back(view_of(schema.columns[c], data_[c]));
  }
}

void OwnedBatch::fill(const ColumnSpec& spec, size_t column, const std::vector<Row>& rows, ColumnData& data) const {
  data.offsets.push_back(0);
  data.list_offsets.push_back(0);
  for (const Row& row : rows) append_value(spec, row[column], data);
}

OwnedKeys::OwnedKeys(const std::vector<Value>& keys) {
  for (const Value& key : keys) {
    if (const auto* number = std::get_if<int64_t>(&key)) ints_.push_back(*number);
    if (const auto* text = std::get_if<std::string>(&key)) strings_.emplace_back(*text);
  }
}

Value value_at(const ColumnData& column, size_t row) {
  if (column.is_null(row)) return std::monostate();
  switch (column.type) {
    case Type::kBool: return column.bools[row] != 0;
    case Type::kInt64:
    case Type::kTimestamp: return column.ints[row];
    case Type::kFloat64: return column.doubles[row];
    case Type::kVector: {
      if (column.element == Element::kBit) {
        const size_t row_bytes = (column.dims + 7) / 8;
        const auto first = column.bits.begin() + static_cast<ptrdiff_t>(row * row_bytes);
        return Bits(first, first + static_cast<ptrdiff_t>(row_bytes));
      }
      const auto begin = column.floats.begin() + static_cast<ptrdiff_t>(row * column.dims);
      return Floats(begin, begin + static_cast<ptrdiff_t>(column.dims));
    }
    case Type::kVectors: {
      const auto at = [&](int64_t vector) {
        return column.floats.begin() + static_cast<ptrdiff_t>(column.dims) * static_cast<ptrdiff_t>(vector);
      };
      return Floats(at(column.list_offsets[row]), at(column.list_offsets[row + 1]));
    }
    case Type::kSparse: {
      Pairs pairs;
      for (auto i = static_cast<size_t>(column.list_offsets[row]);
           i < static_cast<size_t>(column.list_offsets[row + 1]); ++i) {
        pairs.emplace_back(column.uints[i], column.floats[i]);
      }
      return pairs;
    }
    case Type::kStringList: {
      Strings list;
      for (int64_t i = column.list_offsets[row]; i < column.list_offsets[row + 1]; ++i) {
        list.emplace_back(column.string_at(static_cast<size_t>(i)));
      }
      return list;
    }
    case Type::kString:
    case Type::kText:
    case Type::kJson: return std::string(column.string_at(row));
  }
  return std::monostate();
}

std::vector<Row> rows_of(const Batch& batch) {
  std::vector<Row> rows(batch.row_count);
  for (const ColumnData& column : batch.columns) {
    for (size_t i = 0; i < batch.row_count; ++i) rows[i].push_back(value_at(column, i));
  }
  return rows;
}

namespace {

// The key directory must lead to exactly the rows that the bitmap says are alive.
std::string directory_fault(const table::TableVersion& version, RowId row) {
  const auto slot = version.keys.find(version.key_column->lookup(version.key_column->at(row)));
  if (slot == nullptr) return fmt::format("row {} is not in the key directory", row.value);
  return slot->row == row.value ? "" : fmt::format("the key of row {} leads to row {}", row.value, slot->row);
}

TableModel read_table(const table::TableVersion& version) {
  TableModel model{version.info->schema, {}};
  std::vector<RowId> live;
  version.live.for_each([&](RowId row) { live.push_back(row); });
  Batch batch;
  batch.row_count = live.size();
  for (size_t c = 0; c < model.schema.columns.size(); ++c) {
    ColumnData& data = batch.columns.emplace_back();
    data.type = model.schema.columns[c].type;
    version.values(c).gather(live, model.schema.columns[c], data);
  }
  const std::vector<Row> rows = rows_of(batch);
  const size_t key = key_position(model.schema);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string fault = directory_fault(version, live[i]);
    const bool fresh = model.rows.emplace(rows[i][key], rows[i]).second;
    if (!fault.empty() || !fresh) model.rows.emplace(Value(fault.empty() ? "a key that two rows have" : fault), Row());
  }
  return model;
}

}  // namespace

DatabaseModel read_version(const table::DatabaseVersion& version) {
  DatabaseModel model;
  for (const auto& [name, table] : version.tables) model.emplace(name, read_table(*table));
  return model;
}

DatabaseModel read_all(const database::Engine& engine) { return read_version(*base::must(engine.version())); }

DatabaseModel read_all(const Database& database) {
  DatabaseModel model;
  for (const std::string& name : base::must(database.table_names())) {
    const Table table = base::must(database.table(name));
    TableModel& read = model.emplace(name, TableModel{table.schema(), {}}).first->second;
    const size_t key = key_position(read.schema);
    const auto scan = base::must(table.scan({.columns = {}, .batch_rows = 100}));
    while (const std::optional<Batch> batch = base::must(scan->next())) {
      for (Row& row : rows_of(*batch)) {
        Value row_key = row[key];
        read.rows.emplace(std::move(row_key), std::move(row));
      }
    }
  }
  return model;
}

namespace {

std::string table_difference(const std::string& name, const TableModel& wanted, const TableModel& found) {
  for (const auto& [key, row] : wanted.rows) {
    const auto other = found.rows.find(key);
    if (other == found.rows.end()) return fmt::format("table {}: key {} is missing", name, show(key));
    for (size_t c = 0; c < row.size(); ++c) {
      if (row[c] == other->second[c]) continue;
      return fmt::format("table {}, key {}, column {}: {} instead of {}", name, show(key),
                         wanted.schema.columns[c].name, show(other->second[c]), show(row[c]));
    }
  }
  for (const auto& [key, row] : found.rows) {
    if (!wanted.rows.contains(key)) return fmt::format("table {}: key {} should not be there", name, show(key));
  }
  return "";
}

}  // namespace

std::string difference(const DatabaseModel& wanted, const DatabaseModel& found) {
  for (const auto& [name, table] : wanted) {
    const auto other = found.find(name);
    if (other == found.end()) return fmt::format("table {} is missing", name);
    if (const std::string what = table_difference(name, table, other->second); !what.empty()) return what;
  }
  for (const auto& [name, table] : found) {
    if (!wanted.contains(name)) return fmt::format("table {} should not be there", name);
  }
  return "";
}

Result<std::shared_ptr<database::Engine>> open_engine(std::shared_ptr<os::Directory> directory, bool background,
                                                      const OpenOptions& options) {
  return database::Engine::open({std::move(directory), std::make_shared<os::ManualClock>(), background}, options);
}

uint64_t state_hash_of(const DatabaseModel& model) {
  const auto engine = base::must(open_engine(os::memory_directory("reference"), false));
  for (const auto& [name, table] : model) {
    const TableId id = base::must(engine->create_table(name, table.schema, false));
    std::vector<Row> rows;
    for (const auto& [key, row] : table.rows) rows.push_back(row);
    base::must(engine->write(id, OwnedBatch(table.schema, rows).view(), table::OnConflict::kFail));
  }
  return base::must(engine->state_hash());
}

// --- schemas and rows ---

ColumnSpec column(std::string name, Type type) {
  ColumnSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  return spec;
}

ColumnSpec key_column(std::string name, Type type) {
  ColumnSpec spec = column(std::move(name), type);
  spec.primary_key = true;
  return spec;
}

ColumnSpec vector_column(std::string name, uint32_t dims, Metric metric) {
  ColumnSpec spec = column(std::move(name), Type::kVector);
  spec.vector.dims = dims;
  spec.vector.metric = metric;
  return spec;
}

ColumnSpec bits_column(std::string name, uint32_t dims, Metric metric) {
  ColumnSpec spec = vector_column(std::move(name), dims, metric);
  spec.vector.element = Element::kBit;
  return spec;
}

Schema schema_of_everything(Type key_type) {
  return {{column("flag", Type::kBool), key_column("id", key_type), column("number", Type::kInt64),
           column("weight", Type::kFloat64), column("at", Type::kTimestamp), column("label", Type::kString),
           column("tags", Type::kStringList), column("extra", Type::kJson), column("body", Type::kText),
           vector_column("v", 4), vector_column("w", 3, Metric::kCosine), bits_column("b", 13),
           column("s", Type::kSparse)}};
}

Schema vector_schema(uint32_t dims, Metric metric) {
  return {{key_column("id", Type::kInt64), vector_column("v", dims, metric)}};
}

namespace {

std::string random_text(base::Random& random) {
  static constexpr std::string_view kPieces[] = {
      "a", "zebra ",     "\xC3\xA9t\xC3\xA9", "\xF0\x9F\x98\x80",       "line\n",
      "",  "0123456789", "\"quoted\"",        std::string_view("\0", 1)};
  std::string text;
  for (uint64_t i = random.below(6); i > 0; --i) text += kPieces[random.below(std::size(kPieces))];
  return text;
}

Value random_value(const ColumnSpec& spec, base::Random& random) {
  switch (spec.type) {
    case Type::kBool: return random.one_in(2);
    case Type::kInt64:
    case Type::kTimestamp: return static_cast<int64_t>(random.one_in(8) ? random.next() : random.below(1000));
    case Type::kFloat64: return random.one_in(8) ? -0.0 : random.uniform() * 1e6 - 5e5;
    case Type::kString:
    case Type::kText: return random_text(random);
    case Type::kJson: return fmt::format("{{\"n\": {}, \"deep\": [null, true, \"x\"]}}", random.below(1000));
    case Type::kSparse: {
      Pairs pairs;
      for (uint32_t index = 0; index < 12; ++index) {
        if (random.one_in(4)) pairs.emplace_back(index * index, random.uniform() < 0.1 ? -1.0F : 0.5F);
      }
      return pairs;
    }
    case Type::kStringList: {
      Strings list(random.below(4));
      for (std::string& text : list) text = random_text(random);
      return list;
    }
    case Type::kVectors: {
      Floats vectors(random.below(4) * spec.vector.dims);
      for (float& component : vectors) component = random.normal();
      return vectors;
    }
    case Type::kVector: {
      if (spec.vector.element == Element::kBit) {
        Bits bits((spec.vector.dims + 7) / 8);
        for (uint32_t i = 0; i < spec.vector.dims; ++i) {
          if (random.one_in(2)) bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | 0x80U >> (i % 8));
        }
        return bits;
      }
      Floats vector(spec.vector.dims);
      for (float& component : vector) component = random.normal();
      return vector;
    }
  }
  return std::monostate();
}

}  // namespace

Row random_row(const Schema& schema, const Value& key, base::Random& random) {
  Row row;
  for (const ColumnSpec& spec : schema.columns) {
    const bool never_null = spec.name == "v" || spec.name == "number";
    if (spec.primary_key) {
      row.push_back(key);
    } else if (!never_null && random.one_in(4)) {
      row.emplace_back();
    } else {
      row.push_back(random_value(spec, random));
    }
  }
  return row;
}

Value random_key(Type type, uint64_t key_count, base::Random& random) {
  const uint64_t number = random.below(key_count);
  if (type == Type::kString) return fmt::format("key-{}", number);
  return static_cast<int64_t>(number % 2 == 0 ? number : -number);
}

Statement StatementSource::change_schema(const DatabaseModel& model) {
  Statement statement;
  statement.table = fmt::format("t{}", random_.below(4));
  statement.schema = schema_of_everything(random_.one_in(2) ? Type::kString : Type::kInt64);
  const uint64_t choice = random_.below(4);
  statement.kind = choice == 0 ? StatementKind::kDrop : choice == 1 ? StatementKind::kClear : StatementKind::kCreate;
  if (model.empty()) statement.kind = StatementKind::kCreate;
  return statement;
}

// One column or some, a vector or a text now and then, of some keys, of small numbers, or of both.
Statement StatementSource::update(const std::string& name, const TableModel& table) {
  Statement statement;
  statement.kind = StatementKind::kUpdate;
  statement.table = name;
  const size_t key = key_position(table.schema);
  const bool metadata_only = !random_.one_in(6);
  const auto may_change = [&](size_t column) {
    return column != key && (!metadata_only || table::is_metadata(table.schema.columns[column]));
  };
  for (size_t c = 0; c < table.schema.columns.size(); ++c) {
    if (may_change(c) && random_.one_in(3)) statement.columns.push_back(c);
  }
  const size_t number = *table.schema.find("number");
  if (statement.columns.empty()) statement.columns.push_back(number);
  const Type key_type = table.schema.columns[key].type;
  statement.rows.push_back(random_row(table.schema, random_key(key_type, shape_.key_count, random_), random_));
  for (uint64_t i = random_.below(shape_.rows_max + 1); i > 0; --i)
    statement.keys.push_back(random_key(key_type, shape_.key_count, random_));
  if (statement.keys.empty() || random_.one_in(3))
    statement.number_below = static_cast<int64_t>(random_.below(random_.one_in(4) ? 1100 : 300));
  return statement;
}

Statement StatementSource::next(const DatabaseModel& model) {
  if (model.empty() || (shape_.schema_changes && random_.one_in(25))) return change_schema(model);
  Statement statement;
  const auto chosen = std::next(model.begin(), static_cast<ptrdiff_t>(random_.below(model.size())));
  const auto& [name, table] = *chosen;
  statement.table = name;
  if (shape_.checkpoints && random_.one_in(12)) {
    constexpr StatementKind kKinds[] = {StatementKind::kLink, StatementKind::kCheckpoint, StatementKind::kMergeTexts,
                                        StatementKind::kRenewPatches};
    statement.kind = kKinds[random_.below(std::size(kKinds))];
    return statement;
  }
  if (shape_.moves && random_.one_in(8)) {
    statement.kind = StatementKind::kMove;
    return statement;
  }
  if (random_.one_in(3)) return update(name, table);
  const Type key_type = table.schema.columns[key_position(table.schema)].type;
  const size_t count = random_.below(shape_.rows_max + 1);
  if (random_.one_in(4)) {
    statement.kind = StatementKind::kErase;
    for (size_t i = 0; i < count; ++i) statement.keys.push_back(random_key(key_type, shape_.key_count, random_));
    return statement;
  }
  const bool insert = random_.one_in(2);
  statement.kind = insert ? StatementKind::kInsert : StatementKind::kUpsert;
  const bool may_collide = random_.one_in(8);
  std::set<Value> used;
  for (size_t i = 0; i < count; ++i) {
    const Value key = random_key(key_type, shape_.key_count, random_);
    if (insert && !may_collide && (table.rows.contains(key) || !used.insert(key).second)) continue;
    statement.rows.push_back(random_row(table.schema, key, random_));
  }
  return statement;
}

}  // namespace omendb::test
