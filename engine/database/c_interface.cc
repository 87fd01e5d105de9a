// The C door (include/omendb/omendb.h) over the C++ one. Exceptions of the standard library (bad_alloc) end here.

#include <omendb/database.h>
#include <omendb/omendb.h>

#include "engine/base/try.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct omendb_database {
  omendb::Database database;
};
struct omendb_table {
  omendb::Table table;
};
struct omendb_hits {
  omendb::Hits hits;
};
struct omendb_rows {
  omendb::Batch batch;
};

namespace {

using omendb::Error;
using omendb::ErrorCode;
using omendb::Result;

thread_local std::string last_error;

omendb_status fail(const Error& error) {
  last_error = error.message;
  return static_cast<omendb_status>(error.code);
}

// Runs a call that returns Result<void>; whatever goes wrong becomes a status.
template <typename Call>
omendb_status guarded(Call&& call) {
  try {
    const Result<void> result = call();
    return result.ok() ? OMENDB_OK : fail(result.error());
  } catch (const std::bad_alloc&) {
    return fail({ErrorCode::kOutOfMemory, "out of memory"});
  } catch (const std::exception& error) {
    return fail({ErrorCode::kInternal, error.what()});
  }
}

Result<void> require(bool given, std::string_view what) {
  if (given) return {};
  return Error{ErrorCode::kInvalidArgument, fmt::format("{} is NULL", what)};
}

omendb::OpenOptions to_options(const omendb_options* options) {
  omendb::OpenOptions result;
  if (options == nullptr) return result;
  result.create = options->must_exist == 0;
  result.read_only = options->read_only != 0;
  result.sync = options->sync_off != 0 ? omendb::Sync::kOff : omendb::Sync::kFull;
  result.threads = options->threads;
  if (options->index_bytes_max != 0) result.index_bytes_max = options->index_bytes_max;
  return result;
}

omendb::ColumnSpec to_spec(const omendb_column_spec& column) {
  omendb::ColumnSpec spec;
  spec.name = column.name;
  spec.type = static_cast<omendb::Type>(column.type);
  spec.primary_key = column.primary_key != 0;
  spec.vector.dims = column.dims;
  spec.vector.element = static_cast<omendb::Element>(column.element);
  if (spec.type == omendb::Type::kVectors) spec.vector.metric = omendb::Metric::kCosine;
  if (spec.vector.element == omendb::Element::kBit) spec.vector.metric = omendb::Metric::kHamming;
  if (column.metric != 0) spec.vector.metric = static_cast<omendb::Metric>(column.metric);
  if (column.m != 0) spec.vector.m = column.m;
  if (column.ef_construction != 0) spec.vector.ef_construction = column.ef_construction;
  spec.vector.storage = static_cast<omendb::VectorStorage>(column.storage);
  spec.vector.storage_bits = column.storage_bits;
  if (column.analyzer != nullptr) spec.text.analyzer = column.analyzer;
  if (column.k1 != nullptr) spec.text.k1 = *column.k1;
  if (column.b != nullptr) spec.text.b = *column.b;
  spec.index.mode = static_cast<omendb::IndexMode>(column.index);
  for (size_t i = 0; column.index_paths != nullptr && i < column.index_path_count; ++i)
    spec.index.paths.emplace_back(column.index_paths[i]);
  return spec;
}

// `columns` keeps what the query borrows.
Result<void> set_text(const omendb_text_search* text, std::vector<omendb::TextColumnWeight>& columns,
                      omendb::SearchQuery& query) {
  if (text == nullptr) return {};
  TRY_OK(require(text->text != nullptr || text->query != nullptr, "text and query"));
  if (text->text != nullptr) query.text = text->text;
  if (text->query != nullptr) query.text_query = text->query;
  for (size_t i = 0; text->columns != nullptr && i < text->column_count; ++i) {
    TRY_OK(require(text->columns[i] != nullptr, "a text column"));
    columns.push_back({text->columns[i], text->weights == nullptr ? 1 : text->weights[i]});
  }
  query.text_columns = columns;
  query.fusion.method = static_cast<omendb::Fusion::Method>(text->fusion);
  query.fusion.candidates = text->candidates;
  return {};
}

Result<void> set_sparse(const omendb_sparse_search* sparse, bool beside_text, omendb::SearchQuery& query) {
  if (sparse == nullptr) return {};
  TRY_OK(require((sparse->indexes != nullptr && sparse->weights != nullptr) || sparse->pair_count == 0,
                 "indexes or weights"));
  query.sparse = {{sparse->indexes, sparse->pair_count}, {sparse->weights, sparse->pair_count}, {}};
  if (sparse->column != nullptr) query.sparse->column = sparse->column;
  if (beside_text) return {};
  query.fusion.method = static_cast<omendb::Fusion::Method>(sparse->fusion);
  query.fusion.candidates = sparse->candidates;
  return {};
}

void set_weights(const omendb_query& from, omendb::Fusion& fusion) {
  const double vector_weight = from.text != nullptr     ? from.text->vector_weight
                               : from.sparse != nullptr ? from.sparse->vector_weight
                                                        : 0;
  const double text_weight = from.text != nullptr ? from.text->text_weight : 0;
  const double sparse_weight = from.sparse != nullptr ? from.sparse->sparse_weight : 0;
  if (vector_weight == 0 && text_weight == 0 && sparse_weight == 0) return;
  fusion.vector_weight = vector_weight;
  fusion.text_weight = text_weight;
  fusion.sparse_weight = sparse_weight;
}

Result<std::vector<omendb::ColumnView>> to_views(const omendb_column* columns, size_t column_count) {
  TRY_OK(require(columns != nullptr || column_count == 0, "columns"));
  std::vector<omendb::ColumnView> views;
  for (size_t i = 0; i < column_count; ++i) {
    const omendb_column& in = columns[i];
    TRY_OK(require(in.name != nullptr, "a column's name"));
    omendb::ColumnView view;
    view.name = in.name;
    view.validity = in.validity;
    view.bools = in.bools;
    view.ints = in.ints;
    view.doubles = in.doubles;
    view.list_offsets = in.list_offsets;
    view.offsets = in.offsets;
    view.chars = in.chars;
    view.floats = in.floats;
    view.uints = in.uints;
    view.bits = in.bits;
    view.dims = in.dims;
    views.push_back(view);
  }
  return views;
}

omendb_column to_c(const omendb::ColumnData& column) {
  const auto data = [](const auto& values) { return values.empty() ? nullptr : values.data(); };
  omendb_column out{};
  out.name = column.name.c_str();
  out.type = static_cast<omendb_type>(column.type);
  out.validity = data(column.validity);
  out.bools = data(column.bools);
  out.ints = data(column.ints);
  out.doubles = data(column.doubles);
  out.list_offsets = data(column.list_offsets);
  out.offsets = data(column.offsets);
  out.chars = column.chars.c_str();
  out.floats = data(column.floats);
  out.uints = data(column.uints);
  out.bits = data(column.bits);
  out.dims = column.dims;
  return out;
}

Result<std::vector<std::string_view>> to_keys(const char* const* keys, size_t key_count) {
  TRY_OK(require(keys != nullptr || key_count == 0, "keys"));
  std::vector<std::string_view> result;
  for (size_t i = 0; i < key_count; ++i) {
    TRY_OK(require(keys[i] != nullptr, "a key"));
    result.emplace_back(keys[i]);
  }
  return result;
}

void store(uint64_t* out, uint64_t value) {
  if (out != nullptr) *out = value;
}

Result<omendb::Value> to_value(const omendb_value& value) {
  switch (value.kind) {
    case OMENDB_VALUE_NULL: return omendb::Value{};
    case OMENDB_VALUE_BOOL: return omendb::Value{value.number != 0};
    case OMENDB_VALUE_INT64: return omendb::Value{value.number};
    case OMENDB_VALUE_FLOAT64: return omendb::Value{value.real};
    case OMENDB_VALUE_TIMESTAMP: return omendb::Value{omendb::Timestamp{value.number}};
    case OMENDB_VALUE_STRING: {
      TRY_OK(require(value.string != nullptr, "a value's string"));
      return omendb::Value{std::string(value.string)};
    }
    case OMENDB_VALUE_LIST: break;
  }
  if (value.kind != OMENDB_VALUE_LIST)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a value is of kind 0 to 6, not {}", static_cast<int>(value.kind))};
  TRY_OK(require(value.list != nullptr || value.list_size == 0, "a value's list"));
  omendb::ValueList list;
  for (size_t i = 0; i < value.list_size; ++i) {
    if (value.list[i].kind == OMENDB_VALUE_LIST)
      return Error{ErrorCode::kInvalidArgument, "a list of values holds no lists"};
    TRY(item, to_value(value.list[i]));
    list.push_back(std::move(item));
  }
  return omendb::Value{std::move(list)};
}

omendb::StopWhen to_stop_when(const omendb_stop* stop) {
  using std::chrono::nanoseconds;
  omendb::StopWhen stop_when;
  if (stop == nullptr) return stop_when;
  if (stop->timeout_ns != 0) stop_when.timeout = nanoseconds(stop->timeout_ns);
  static_assert(sizeof(std::atomic<bool>) == sizeof(uint8_t) && std::atomic<bool>::is_always_lock_free);
  stop_when.cancelled = reinterpret_cast<const std::atomic<bool>*>(const_cast<const uint8_t*>(stop->cancelled));
  if (stop->interrupted != nullptr) {
    stop_when.interrupted = [](void* context) {
      const auto* const asked = static_cast<const omendb_stop*>(context);
      return asked->interrupted(asked->context) != 0;
    };
    stop_when.context = const_cast<omendb_stop*>(stop);
  }
  if (stop->interval_ns != 0) stop_when.interval = nanoseconds(stop->interval_ns);
  return stop_when;
}

// Owns what a Where borrows.
struct Condition {
  std::vector<omendb::Value> values;
  std::vector<omendb::Where::Named> named;
  const char* text = "";
  omendb::StopWhen stop_when;

  omendb::Where view() const { return {.text = text, .values = values, .named = named}; }
};

Result<Condition> to_condition(const omendb_where* where) {
  Condition condition;
  if (where == nullptr) return condition;
  TRY_OK(require(where->text != nullptr, "the text of a condition"));
  TRY_OK(require(where->values != nullptr || where->value_count == 0, "the values of a condition"));
  condition.text = where->text;
  condition.stop_when = to_stop_when(where->stop);
  for (size_t i = 0; i < where->value_count; ++i) {
    TRY(value, to_value(where->values[i]));
    if (where->values[i].name == nullptr) {
      condition.values.push_back(std::move(value));
    } else {
      condition.named.push_back({where->values[i].name, std::move(value)});
    }
  }
  return condition;
}

using WriteMethod = Result<uint64_t> (omendb::Table::*)(const omendb::BatchView&);

omendb_status write(omendb_table* table, WriteMethod method, const omendb_column* columns, size_t column_count,
                    size_t row_count, uint64_t* written) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr, "table"));
    TRY(views, to_views(columns, column_count));
    TRY(count, (table->table.*method)({row_count, views}));
    store(written, count);
    return {};
  });
}

omendb_status erase(omendb_table* table, const omendb::KeysView& keys, uint64_t* removed) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr, "table"));
    TRY(count, table->table.erase(keys));
    store(removed, count);
    return {};
  });
}

omendb_status get(omendb_table* table, const omendb::KeysView& keys, omendb_rows** out) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr && out != nullptr, "table or out"));
    TRY(batch, table->table.get(keys));
    *out = new omendb_rows{std::move(batch)};
    return {};
  });
}

}  // namespace

const char* omendb_version(void) { return "0.1.0"; }
const char* omendb_last_error(void) { return last_error.c_str(); }

omendb_status omendb_open(const char* path, const omendb_options* options, omendb_database** out) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(path != nullptr && out != nullptr, "path or out"));
    TRY(database, omendb::Database::open(path, to_options(options)));
    *out = new omendb_database{std::move(database)};
    return {};
  });
}

omendb_status omendb_close(omendb_database* database) {
  if (database == nullptr) return OMENDB_OK;
  const omendb_status status = guarded([&] { return database->database.close(); });
  delete database;
  return status;
}

omendb_status omendb_check(omendb_database* database) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(database != nullptr, "database"));
    return database->database.check();
  });
}

omendb_status omendb_checkpoint(omendb_database* database) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(database != nullptr, "database"));
    return database->database.checkpoint();
  });
}

omendb_status omendb_backup(omendb_database* database, const char* target) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(database != nullptr && target != nullptr, "database or target"));
    return database->database.backup(target);
  });
}

omendb_status omendb_create_table(omendb_database* database, const char* name, const omendb_column_spec* columns,
                                  size_t column_count, int exist_ok, omendb_table** out) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(database != nullptr && name != nullptr && columns != nullptr && out != nullptr,
                   "database, name, columns or out"));
    omendb::Schema schema;
    for (size_t i = 0; i < column_count; ++i) {
      TRY_OK(require(columns[i].name != nullptr, "a column's name"));
      for (size_t path = 0; columns[i].index_paths != nullptr && path < columns[i].index_path_count; ++path)
        TRY_OK(require(columns[i].index_paths[path] != nullptr, "a path of an index"));
      schema.columns.push_back(to_spec(columns[i]));
    }
    TRY(table, database->database.create_table(name, schema, exist_ok != 0));
    *out = new omendb_table{std::move(table)};
    return {};
  });
}

omendb_status omendb_open_table(omendb_database* database, const char* name, omendb_table** out) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(database != nullptr && name != nullptr && out != nullptr, "database, name or out"));
    TRY(table, database->database.table(name));
    *out = new omendb_table{std::move(table)};
    return {};
  });
}

omendb_status omendb_drop_table(omendb_database* database, const char* name) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(database != nullptr && name != nullptr, "database or name"));
    return database->database.drop_table(name);
  });
}

void omendb_table_free(omendb_table* table) { delete table; }

omendb_status omendb_insert(omendb_table* table, const omendb_column* columns, size_t column_count, size_t row_count,
                            uint64_t* written) {
  return write(table, &omendb::Table::insert, columns, column_count, row_count, written);
}

omendb_status omendb_upsert(omendb_table* table, const omendb_column* columns, size_t column_count, size_t row_count,
                            uint64_t* written) {
  return write(table, &omendb::Table::upsert, columns, column_count, row_count, written);
}

omendb_status omendb_erase_int64(omendb_table* table, const int64_t* keys, size_t key_count, uint64_t* removed) {
  if (keys == nullptr) key_count = 0;
  return erase(table, {{keys, key_count}, {}}, removed);
}

omendb_status omendb_erase_string(omendb_table* table, const char* const* keys, size_t key_count, uint64_t* removed) {
  const auto views = to_keys(keys, key_count);
  return views.ok() ? erase(table, {{}, *views}, removed) : fail(views.error());
}

omendb_status omendb_erase_where(omendb_table* table, const omendb_where* where, uint64_t* removed) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr && where != nullptr, "table or where"));
    TRY(condition, to_condition(where));
    TRY(count, table->table.erase(condition.view(), condition.stop_when));
    store(removed, count);
    return {};
  });
}

omendb_status omendb_update_where(omendb_table* table, const omendb_column* columns, size_t column_count,
                                  const omendb_where* where, uint64_t* changed) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr && where != nullptr, "table or where"));
    TRY(views, to_views(columns, column_count));
    TRY(condition, to_condition(where));
    TRY(count, table->table.update({1, views}, condition.view(), condition.stop_when));
    store(changed, count);
    return {};
  });
}

omendb_status omendb_count_where(omendb_table* table, const omendb_where* where, uint64_t* count) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr && count != nullptr, "table or count"));
    TRY(condition, to_condition(where));
    TRY(rows, table->table.count(condition.view(), condition.stop_when));
    *count = rows;
    return {};
  });
}

omendb_status omendb_clear(omendb_table* table, uint64_t* removed) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr, "table"));
    TRY(count, table->table.clear());
    store(removed, count);
    return {};
  });
}

omendb_status omendb_count(omendb_table* table, uint64_t* count) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr && count != nullptr, "table or count"));
    TRY(rows, table->table.count());
    *count = rows;
    return {};
  });
}

omendb_status omendb_get_int64(omendb_table* table, const int64_t* keys, size_t key_count, omendb_rows** out) {
  if (keys == nullptr) key_count = 0;
  return get(table, {{keys, key_count}, {}}, out);
}

omendb_status omendb_get_string(omendb_table* table, const char* const* keys, size_t key_count, omendb_rows** out) {
  const auto views = to_keys(keys, key_count);
  return views.ok() ? get(table, {{}, *views}, out) : fail(views.error());
}

size_t omendb_rows_count(const omendb_rows* rows) { return rows == nullptr ? 0 : rows->batch.row_count; }
size_t omendb_rows_column_count(const omendb_rows* rows) { return rows == nullptr ? 0 : rows->batch.columns.size(); }

omendb_status omendb_rows_column(const omendb_rows* rows, size_t index, omendb_column* out) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(rows != nullptr && out != nullptr, "rows or out"));
    if (index >= rows->batch.columns.size())
      return Error{ErrorCode::kInvalidArgument, fmt::format("column {} of {}", index, rows->batch.columns.size())};
    *out = to_c(rows->batch.columns[index]);
    return {};
  });
}

void omendb_rows_free(omendb_rows* rows) { delete rows; }

namespace {

// How many numbers, or bytes of bits, a query is made of.
Result<size_t> numbers_of(const omendb_query& query, std::span<const uint32_t> vector_counts) {
  const size_t row_numbers = query.bits != nullptr ? query.dims / 8 + (query.dims % 8 != 0 ? 1 : 0) : query.dims;
  size_t vector_count = vector_counts.empty() ? query.query_count : 0;
  for (const uint32_t count : vector_counts) vector_count += count;
  size_t numbers = 0;
  if (!__builtin_mul_overflow(vector_count, row_numbers, &numbers)) return numbers;
  return Error{ErrorCode::kInvalidArgument, fmt::format("{} vectors of {} dimensions", vector_count, query.dims)};
}

}  // namespace

omendb_status omendb_search(omendb_table* table, const omendb_query* query, omendb_hits** out) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr && query != nullptr && out != nullptr, "table, query or out"));
    const bool by_vectors = query->vectors != nullptr || query->bits != nullptr;
    TRY_OK(require(by_vectors || query->text != nullptr || query->sparse != nullptr, "vectors, bits, text and sparse"));
    omendb::SearchQuery search;
    if (query->vector_counts != nullptr) search.vector_counts = {query->vector_counts, query->query_count};
    TRY(number_count, numbers_of(*query, search.vector_counts));
    if (query->vectors != nullptr) search.vectors = {query->vectors, number_count};
    if (query->bits != nullptr) search.bits = {query->bits, number_count};
    search.query_count = by_vectors ? query->query_count : 1;
    if (query->column != nullptr) search.column = query->column;
    search.k = query->k;
    if (query->radius != nullptr) search.radius = *query->radius;
    search.ef = query->ef;
    search.exact = query->exact != 0;
    search.threads = query->threads;
    search.recall = query->recall;
    TRY(condition, to_condition(query->where));
    search.where = condition.view();
    std::vector<omendb::TextColumnWeight> text_columns;
    TRY_OK(set_text(query->text, text_columns, search));
    TRY_OK(set_sparse(query->sparse, query->text != nullptr, search));
    set_weights(*query, search.fusion);
    search.offset = query->offset;
    if (query->min_score != nullptr) search.min_score = *query->min_score;
    if (query->group_by != nullptr) search.group_by = query->group_by;
    search.stop_when = to_stop_when(query->stop);
    TRY(hits, table->table.search(search));
    *out = new omendb_hits{std::move(hits)};
    return {};
  });
}

omendb_hits_view omendb_hits_get(const omendb_hits* hits) {
  if (hits == nullptr) return {};
  const omendb::Hits& all = hits->hits;
  const auto or_null = [](const std::vector<float>& scores) { return scores.empty() ? nullptr : scores.data(); };
  return {all.query_count(), all.offsets.data(),       all.distances.data(),      to_c(all.keys),
          all.scores.data(), or_null(all.text_scores), or_null(all.sparse_scores)};
}

omendb_status omendb_hits_fetch(omendb_table* table, const omendb_hits* hits, size_t first, size_t count,
                                omendb_rows** out) {
  return guarded([&]() -> Result<void> {
    TRY_OK(require(table != nullptr && hits != nullptr && out != nullptr, "table, hits or out"));
    TRY(batch, table->table.fetch(hits->hits, first, count));
    *out = new omendb_rows{std::move(batch)};
    return {};
  });
}

void omendb_hits_free(omendb_hits* hits) { delete hits; }
