#pragma once

// The naive twin of a database: a std::map of rows per table. Every whole-system test says what it wants in these words, applies it to the
// real engine and to the model, and compares the two. Slow and obvious on purpose.

#include <omendb/batch.h>
#include <omendb/database.h>
#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/base/random.h"
#include "engine/database/engine.h"
#include "engine/os/file.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace omendb::test {

using Strings = std::vector<std::string>;
using Floats = std::vector<float>;
using Bits = std::vector<uint8_t>;                      // packed
using Pairs = std::vector<std::pair<uint32_t, float>>;  // of a sparse vector, rising
// Null, or what a column of some type holds.
using Value = std::variant<std::monostate, bool, int64_t, double, std::string, Strings, Floats, Bits, Pairs>;
using Row = std::vector<Value>;  // in schema order

struct TableModel {
  Schema schema;
  std::map<Value, Row> rows;  // by primary key
};
using DatabaseModel = std::map<std::string, TableModel>;

enum class StatementKind : uint8_t {
  kInsert,
  kUpsert,
  kErase,
  kUpdate,
  kClear,
  kCreate,
  kDrop,
  kCheckpoint,
  kLink,
  kMove,        // a third of the table's rows to its end
  kMoveSparse,  // what sparse regions of any table have left
  kMergeTexts,  // runs of text indexes of any table, until there is nothing to merge
  kRenewPatches
};

struct Statement {
  StatementKind kind = StatementKind::kInsert;
  std::string table;
  Schema schema;            // kCreate
  std::vector<Row> rows;    // kInsert, kUpsert; kUpdate: one, of which `columns` count
  std::vector<Value> keys;  // kErase, kUpdate
  std::vector<size_t> columns{};
  std::optional<int64_t>
      number_below{};  // kUpdate: of these keys, or of all if there are none, those whose "number" is
};
std::string describe(const Statement& statement);

// What a statement must answer: a count, or the error code.
struct Answer {
  std::optional<ErrorCode> error;
  uint64_t count = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};
std::string describe(const Answer& answer);
Answer answer_of(const Result<uint64_t>& result);

// Applies to the model; an answer with an error changed nothing.
Answer perform(DatabaseModel& model, const Statement& statement);
// Applies to the engine. What comes after kDrop in the list changes no content and counts 0.
Result<uint64_t> perform(database::Engine& engine, const Statement& statement);
Result<uint64_t> perform(Database& database, const Statement& statement);

// Columns of rows, with the buffers that the views point into.
class OwnedBatch {
 public:
  OwnedBatch(const Schema& schema, const std::vector<Row>& rows);
  BatchView view() const { return {row_count_, views_}; }

 private:
  void fill(const ColumnSpec& spec, size_t column, const std::vector<Row>& rows, ColumnData& data) const;

  size_t row_count_;
  std::vector<ColumnData> data_;
  std::vector<ColumnView> views_;
};

class OwnedKeys {
 public:
  explicit OwnedKeys(const std::vector<Value>& keys);
  KeysView view() const { return {ints_, strings_}; }

 private:
  std::vector<int64_t> ints_;
  std::vector<std::string_view> strings_;  // into the keys given, which must live on
};

Value value_at(const ColumnData& column, size_t row);
std::vector<Row> rows_of(const Batch& batch);

// Everything that the newest version shows, read row by row, and read again through the key directory.
DatabaseModel read_all(const database::Engine& engine);
DatabaseModel read_version(const table::DatabaseVersion& version);
DatabaseModel read_all(const Database& database);
// "" when equal; else the first difference.
std::string difference(const DatabaseModel& wanted, const DatabaseModel& found);
// The state hash of a fresh database into which the model's rows were just written: what any history that led to this content must give.
uint64_t state_hash_of(const DatabaseModel& model);

// An engine over any directory, with a clock that stands still.
Result<std::shared_ptr<database::Engine>> open_engine(std::shared_ptr<os::Directory> directory, bool background,
                                                      const OpenOptions& options = {});
std::optional<TableId> table_id(const database::Engine& engine, std::string_view name);

// --- schemas and rows ---

ColumnSpec column(std::string name, Type type);
ColumnSpec key_column(std::string name, Type type);
ColumnSpec vector_column(std::string name, uint32_t dims, Metric metric = Metric::kL2);
ColumnSpec bits_column(std::string name, uint32_t dims, Metric metric = Metric::kHamming);
// Every type, two vector columns ("v": dims 4, never null in random rows; "w": dims 3, often null) and one of 13 bits, "b", and one that is sparse, "s".
Schema schema_of_everything(Type key_type);
// An int64 key "id" and one vector "v".
Schema vector_schema(uint32_t dims, Metric metric = Metric::kL2);
Row random_row(const Schema& schema, const Value& key, base::Random& random);
Value random_key(Type type, uint64_t key_count, base::Random& random);

// Draws statements that a model makes likely to succeed, and some that must fail.
class StatementSource {
 public:
  struct Shape {
    uint64_t key_count = 200;    // keys are drawn from as many
    size_t rows_max = 20;        // in a statement
    bool checkpoints = true;     // kCheckpoint and kLink among the statements
    bool schema_changes = true;  // kCreate, kDrop and kClear
    bool moves = false;          // kMove among them
  };
  StatementSource(uint64_t seed, const Shape& shape) : random_(seed), shape_(shape) {}
  Statement next(const DatabaseModel& model);

 private:
  Statement change_schema(const DatabaseModel& model);
  Statement update(const std::string& name, const TableModel& table);

  base::Random random_;
  Shape shape_;
};

}  // namespace omendb::test
