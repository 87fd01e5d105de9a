#include "tests/statement_script.h"

#include "engine/base/random.h"

namespace omendb::test {
namespace {

// Few columns, so that a copy of the database is small: strings, lists, nulls and two vectors.
Schema small_schema(Type key_type) {
  return {{column("body", Type::kText), key_column("id", key_type), column("tags", Type::kStringList),
           vector_column("v", 4), vector_column("w", 3, Metric::kCosine)}};
}

constexpr int64_t kRegionRows = table::DeadRows::kRowsPerRegion;

// Of a table of more rows than a region has: short lists, so that linking takes no time.
ColumnSpec small_graph_column() {
  ColumnSpec vector = vector_column("v", 2);
  vector.vector.m = 4;
  vector.vector.ef_construction = 8;
  return vector;
}

class ScriptWriter {
 public:
  explicit ScriptWriter(uint64_t seed) : random_(seed) {}

  void create(const std::string& table, const Schema& schema) { add({StatementKind::kCreate, table, schema, {}, {}}); }
  void drop(const std::string& table) { add({StatementKind::kDrop, table, {}, {}, {}}); }
  void clear(const std::string& table) { add({StatementKind::kClear, table, {}, {}, {}}); }
  void link(const std::string& table) { add({StatementKind::kLink, table, {}, {}, {}}); }
  void move(const std::string& table) { add({StatementKind::kMove, table, {}, {}, {}}); }
  void move_sparse() { add({StatementKind::kMoveSparse, "", {}, {}, {}}); }
  void merge_texts() { add({StatementKind::kMergeTexts, "", {}, {}, {}}); }
  void checkpoint() { add({StatementKind::kCheckpoint, "", {}, {}, {}}); }

  void write(StatementKind kind, const std::string& table, int64_t first_key, int64_t last_key) {
    Statement statement{kind, table, {}, {}, {}};
    const Schema& schema = model_.at(table).schema;
    const bool string_keys = schema.columns[1].primary_key && schema.columns[1].type == Type::kString;
    for (int64_t key = first_key; key < last_key; ++key) {
      statement.rows.push_back(
          random_row(schema, string_keys ? Value("key-" + std::to_string(key)) : Value(key), random_));
    }
    add(std::move(statement));
  }

  void erase(const std::string& table, int64_t first_key, int64_t last_key, int64_t step = 1) {
    Statement statement{StatementKind::kErase, table, {}, {}, {}};
    for (int64_t key = first_key; key < last_key; key += step) statement.keys.emplace_back(key);
    add(std::move(statement));
  }

  // All but about one in `one_in`.
  void erase_most(const std::string& table, int64_t first_key, int64_t last_key, uint64_t one_in) {
    Statement statement{StatementKind::kErase, table, {}, {}, {}};
    for (int64_t key = first_key; key < last_key; ++key) {
      if (!random_.one_in(one_in)) statement.keys.emplace_back(key);
    }
    add(std::move(statement));
  }

  // One value for the rows of these keys, in one column.
  void update(const std::string& table, int64_t first_key, int64_t last_key, std::string_view column) {
    Statement statement{StatementKind::kUpdate, table, {}, {}, {}};
    const Schema& schema = model_.at(table).schema;
    const bool string_keys = schema.columns[1].primary_key && schema.columns[1].type == Type::kString;
    for (int64_t key = first_key; key < last_key; ++key)
      statement.keys.push_back(string_keys ? Value("key-" + std::to_string(key)) : Value(key));
    statement.columns.push_back(*schema.find(column));
    statement.rows.push_back(random_row(schema, statement.keys.front(), random_));
    add(std::move(statement));
  }
  void renew_patches(const std::string& table) { add({StatementKind::kRenewPatches, table, {}, {}, {}}); }

  std::vector<Statement> take() && { return std::move(script_); }

 private:
  void add(Statement statement) {
    perform(model_, statement);
    script_.push_back(std::move(statement));
  }

  base::Random random_;
  DatabaseModel model_;  // tells the schemas of tables
  std::vector<Statement> script_;
};

void write_graph_part(ScriptWriter& script) {
  script.create("points", vector_schema(2));
  script.write(StatementKind::kInsert, "points", 0, 700);
  script.checkpoint();
  script.write(StatementKind::kInsert, "points", 700, 1100);
  script.link("points");
  script.write(StatementKind::kUpsert, "points", 300, 360);
  script.checkpoint();
  script.erase("points", 0, 600, 2);
  script.write(StatementKind::kInsert, "points", 2000, 2400);
  script.link("points");
  script.erase("points", 2000, 2030);
}

}  // namespace

std::vector<Statement> statement_script(uint64_t seed, bool with_graph) {
  ScriptWriter script(seed);
  script.create("all", small_schema(Type::kString));
  script.write(StatementKind::kInsert, "all", 0, 12);
  if (with_graph) write_graph_part(script);
  script.create("numbers", vector_schema(3, Metric::kInnerProduct));
  script.write(StatementKind::kInsert, "numbers", 0, 8);
  script.write(StatementKind::kUpsert, "all", 5, 20);
  script.checkpoint();
  script.erase("numbers", 2, 5);
  script.write(StatementKind::kUpsert, "numbers", 0, 4);
  script.write(StatementKind::kUpsert, "all", 15, 25);
  script.update("all", 3, 9, "tags");
  script.checkpoint();
  script.update("all", 7, 12, "tags");  // some of them again
  script.update("all", 3, 5, "w");      // these are written whole
  script.write(StatementKind::kUpsert, "all", 0, 3);
  script.checkpoint();
  script.renew_patches("all");
  script.update("all", 0, 4, "tags");
  script.write(StatementKind::kInsert, "all", 30, 35);
  script.checkpoint();
  script.merge_texts();  // of four runs, some of whose rows are dead
  script.checkpoint();   // gives their extents back
  script.clear("all");
  script.write(StatementKind::kInsert, "all", 100, 104);
  script.checkpoint();
  script.write(StatementKind::kInsert, "numbers", 20, 24);
  script.drop("numbers");
  script.create("numbers", small_schema(Type::kInt64));
  script.write(StatementKind::kInsert, "numbers", 0, 6);
  script.update("numbers", 1, 5, "tags");
  script.checkpoint();
  script.checkpoint();
  script.renew_patches("numbers");
  script.erase("numbers", 0, 3);
  script.update("numbers", 4, 6, "tags");
  script.write(StatementKind::kInsert, "all", 200, 203);
  return std::move(script).take();
}

std::vector<Statement> turnover_script(uint64_t seed) {
  ScriptWriter script(seed);
  script.create("t", {{column("n", Type::kInt64), key_column("id", Type::kInt64), column("flag", Type::kBool),
                       small_graph_column()}});
  script.write(StatementKind::kInsert, "t", 0, kRegionRows + 50);
  script.link("t");
  script.update("t", 0, 30, "n");
  script.checkpoint();
  script.update("t", kRegionRows - 10, kRegionRows + 10, "n");
  script.erase("t", 0, kRegionRows - 100);
  script.link("t");
  script.checkpoint();
  script.erase("t", kRegionRows - 100, kRegionRows + 5);  // enough for a turn in which they leave the graph
  script.link("t");
  script.checkpoint();  // its extents go
  script.write(StatementKind::kInsert, "t", 100'000, 100'020);
  script.write(StatementKind::kUpsert, "t", kRegionRows, kRegionRows + 20);
  script.checkpoint();
  script.write(StatementKind::kInsert, "t", 200'000, 204'000);  // some of them where the region was
  script.erase("t", 200'000, 200'010);
  script.checkpoint();
  script.write(StatementKind::kInsert, "t", 300'000, 300'004);
  return std::move(script).take();
}

std::vector<Statement> sparse_region_script(uint64_t seed) {
  ScriptWriter script(seed);
  script.create("t", {{column("text", Type::kText), key_column("id", Type::kInt64), small_graph_column()}});
  script.write(StatementKind::kInsert, "t", 0, kRegionRows + 50);
  script.link("t");
  script.checkpoint();
  script.erase_most("t", 0, kRegionRows, 12);
  script.move_sparse();
  script.write(StatementKind::kUpsert, "t", 0, 40);  // some of them moved before
  script.erase("t", 40, 80);
  script.link("t");
  script.checkpoint();  // the region's extents go
  script.move("t");
  script.write(StatementKind::kInsert, "t", 100'000, 104'000);  // some of them where the region was
  script.move("t");
  script.checkpoint();
  script.write(StatementKind::kInsert, "t", 300'000, 300'004);
  return std::move(script).take();
}

std::vector<DatabaseModel> models_of(const std::vector<Statement>& script) {
  std::vector<DatabaseModel> models(1);
  for (const Statement& statement : script) {
    DatabaseModel next = models.back();
    perform(next, statement);
    models.push_back(std::move(next));
  }
  return models;
}

}  // namespace omendb::test
