#pragma once

// What a reader sees: everything below is immutable once published, so a snapshot is a pointer and reading takes no lock.

#include <omendb/schema.h>

#include "engine/base/ids.h"
#include "engine/table/array_ids.h"
#include "engine/table/column.h"
#include "engine/table/column_indexes.h"
#include "engine/table/column_values.h"
#include "engine/table/kept_bitmaps.h"
#include "engine/table/key_directory.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/patches.h"
#include "engine/table/text_index.h"
#include "engine/table/vector_index.h"
#include "engine/table/version_guard.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace omendb::table {

struct TableInfo {
  TableId id{};         // what handles and the log name; for the life of the table
  StorageId storage{};  // changes with clear()
  std::string name;
  Schema schema;
  size_t key_column = 0;  // position in the schema
};

struct VectorColumnVersion {
  std::shared_ptr<VectorIndex> index;
  LiveBitmap
      searchable;  // live rows with a vector; shares its blocks with `live` as long as the column has no null, but where rows may have several
};

struct TableVersion {
  std::shared_ptr<const TableInfo> info;
  LiveBitmap live;
  KeyDirectory keys;
  std::shared_ptr<const KeyColumn> key_column;
  std::vector<ColumnReader> columns;         // in schema order; as rows were written: values() has what they show
  std::optional<Patches> patches;            // none until metadata of a row was updated
  std::vector<VectorColumnVersion> vectors;  // one per vector column, in schema order
  std::vector<TextColumnVersion> texts;      // one per text column and column of sparse vectors, in schema order
  // Of the values that rows were written with. Shared by all versions of one storage, since what a condition says of them is the same in all that have the row.
  std::shared_ptr<KeptBitmaps> kept = std::make_shared<KeptBitmaps>();
  // The same: what is known of full blocks of rows without reading them.
  std::shared_ptr<ColumnIndexes> indexes = std::make_shared<ColumnIndexes>();
  std::shared_ptr<VersionGuard> guard;  // of the rows that this version shows and later ones do not
  std::shared_ptr<void>
      storage_pin;  // shared by all versions of one storage: when the last one goes, a dropped table's extents may go

  uint32_t row_count() const { return live.row_count(); }
  // Of live rows.
  ColumnValues values(size_t column) const {
    const bool patched = patches && is_metadata(info->schema.columns[column]);
    return {columns[column], patched ? &*patches : nullptr, patched ? &patches->columns[column] : nullptr};
  }
  graph::VectorsView vectors_view(const VectorIndex& index) const {
    const ColumnReader& column = columns[index.column()];
    return {column.values(), index.dims(), column.array_width()};
  }
};

struct DatabaseVersion {
  CommitNumber commit{};
  std::map<std::string, std::shared_ptr<const TableVersion>, std::less<>> tables;
};

}  // namespace omendb::table
