#pragma once

// One column as a version shows it: the value that a row was written with, or the one of its patch.

#include <omendb/batch.h>
#include <omendb/schema.h>

#include "engine/base/ids.h"
#include "engine/table/column.h"
#include "engine/table/patches.h"
#include "engine/table/rows.h"

#include <span>
#include <string_view>

namespace omendb::table {

// Borrows from the version. Of live rows only.
class ColumnValues {
 public:
  // `patches` null, or those of the version and `patch_column` the same column of them; a column that has no values there has no patches.
  ColumnValues(const ColumnReader& column, const Patches* patches, const ColumnReader* patch_column)
      : column_(&column), patches_(patches), patch_column_(patch_column) {}

  bool is_null(RowId row) const {
    const Place place = place_of(row);
    return place.column->is_null(place.row);
  }
  // As of ColumnReader.
  const std::byte* fixed(RowId row) const {
    const Place place = place_of(row);
    return place.column->fixed(place.row);
  }
  std::string_view bytes(RowId row) const {
    const Place place = place_of(row);
    return place.column->bytes(place.row);
  }
  size_t width() const { return column_->width(); }
  // Bytes of a row's value, and of its encoding.
  size_t value_bytes(RowId row) const { return column_->array_width() + (width() != 0 ? 0 : bytes(row).size()); }

  // The values of `rows`, at least one, to be written once more; their bytes are owned by `owner`.
  RowsColumn copy(std::span<const RowId> rows, Rows& owner) const;
  // Appends the values of `rows` to `out`, whose name and type are set.
  void gather(std::span<const RowId> rows, const ColumnSpec& spec, ColumnData& out) const;

 private:
  struct Place {
    const ColumnReader* column;
    RowId row;  // or slot
  };
  Place place_of(RowId row) const {
    if (patches_ == nullptr || patches_->plain.contains(row)) return {column_, row};
    return {patch_column_, RowId{patches_->slot_of(row)}};
  }
  bool has_nulls() const { return column_->has_nulls() || (patches_ != nullptr && patch_column_->has_nulls()); }
  void gather_fixed(std::span<const RowId> rows, const ColumnSpec& spec, ColumnData& out) const;
  void gather_lists(std::span<const RowId> rows, ColumnData& out) const;
  void gather_vectors(std::span<const RowId> rows, size_t dims, ColumnData& out) const;
  void gather_sparse(std::span<const RowId> rows, ColumnData& out) const;

  const ColumnReader* column_;
  const Patches* patches_;
  const ColumnReader* patch_column_;
};

}  // namespace omendb::table
