#pragma once

// For tests: a table of int64 keys and one nullable vector column over a store in memory, written without a log.

#include <omendb/batch.h>
#include <omendb/schema.h>

#include "engine/base/test_result.h"
#include "engine/os/memory_file.h"
#include "engine/storage/store.h"
#include "engine/table/catalog.h"
#include "engine/table/table_store.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace omendb::table {

class TestTable {
 public:
  explicit TestTable(uint32_t dims, Metric metric = Metric::kL2) : TestTable({.dims = dims, .metric = metric}) {}
  explicit TestTable(const VectorOptions& options, IndexMode index_of_keys = IndexMode::kAuto)
      : store_(base::must(storage::Store::open(os::memory_directory("test"), {}))), dims_(options.dims) {
    ColumnSpec key;
    key.name = "id";
    key.primary_key = true;
    key.index.mode = index_of_keys;
    ColumnSpec vector;
    vector.name = "v";
    vector.type = Type::kVector;
    vector.vector = options;
    table_ = base::must(TableStore::create(*store_, make_table_info({1}, {2}, "t", {{key, vector}})));
  }

  TableStore& table() { return *table_; }
  VectorIndex& index() { return *table_->version()->vectors.front().index; }
  std::shared_ptr<const TableVersion> version() const { return table_->version(); }

  // Keys and as many vectors; `validity` empty = no nulls.
  Result<TableChange> prepare(const std::vector<int64_t>& keys, const std::vector<float>& vectors,
                              const std::vector<uint8_t>& validity = {},
                              OnConflict on_conflict = OnConflict::kReplace) {
    ColumnView view{.name = "v", .floats = vectors.data(), .dims = dims_};
    if (!validity.empty()) view.validity = validity.data();
    return prepare_column(keys, view, on_conflict);
  }

  void write(const std::vector<int64_t>& keys, const std::vector<float>& vectors,
             const std::vector<uint8_t>& validity = {}) {
    table_->install(base::must(prepare(keys, vectors, validity)));
  }

  // Keys and as many rows of bits, in whole bytes each.
  void write_bits(const std::vector<int64_t>& keys, const std::vector<uint8_t>& bits) {
    const ColumnView view{.name = "v", .bits = bits.data(), .dims = dims_};
    table_->install(base::must(prepare_column(keys, view, OnConflict::kReplace)));
  }

  void erase(const std::vector<int64_t>& keys) { table_->install(base::must(table_->prepare_erase({keys, {}}))); }

  // Moves the whole tail into the graph.
  void link() {
    while (base::must(index().link_some(*version()))) {
    }
  }

 private:
  Result<TableChange> prepare_column(const std::vector<int64_t>& keys, const ColumnView& column,
                                     OnConflict on_conflict) {
    const std::vector<ColumnView> views = {{.name = "id", .ints = keys.data()}, column};
    const Rows rows = base::must(check_rows(table_->info().schema, "t", {keys.size(), views}));
    return table_->prepare_write(rows, {}, on_conflict);
  }

  std::unique_ptr<storage::Store> store_;
  uint32_t dims_;
  std::shared_ptr<TableStore> table_;
};

}  // namespace omendb::table
