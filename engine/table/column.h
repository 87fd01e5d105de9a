#pragma once

// One column of a table: append arrays on the writer's side, plain pointers on the reader's.

#include <omendb/batch.h>
#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/column/arrays.h"
#include "engine/storage/store.h"
#include "engine/table/array_ids.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/rows.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::table {

struct RowRange {
  uint32_t first = 0;
  uint32_t end = 0;  // one past the last
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

// The column's bytes as one version sees them. Rows that it shows never change; those that no version shows any more may read as zeros. Cheap to copy.
class ColumnReader {
 public:
  bool is_null(RowId row) const { return validity_ != nullptr && validity_->data()[row.value] == std::byte{0}; }
  // Fixed-width types: the value's bytes, aligned to its width (vectors: to 4 bytes, bits: to 1). Of several vectors a row their encoding; so with values() and mapping().
  const std::byte* fixed(RowId row) const { return values_->data() + uint64_t{row.value} * array_width_; }
  int64_t int64(RowId row) const;
  // Variable-width types: the value's bytes.
  std::string_view bytes(RowId row) const;
  // Fixed-width types: the value of row 0, the others behind it; null until the column has rows.
  const std::byte* values() const { return values_ == nullptr ? nullptr : values_->data(); }
  size_t width() const { return width_; }
  size_t array_width() const { return array_width_; }  // as of the free function
  // What keeps the addresses of fixed-width values good; a later version's may be another, where those of all rows lie.
  const std::shared_ptr<const storage::Mapping>& mapping() const { return values_; }
  bool has_nulls() const { return validity_ != nullptr; }
  // Of columns that are searched by vector: whether a row has one, and whether each has.
  bool has_vector(RowId row) const { return !is_null(row) && (width_ != 0 || !bytes(row).empty()); }
  bool all_have_vectors() const { return !has_nulls() && width_ != 0; }
  // The first bytes of the column's arrays, null for those that it does not have; for scans.
  column::Arrays arrays() const;
  bool same_addresses(const ColumnReader& other) const {
    return values_ == other.values_ && ends_ == other.ends_ && chars_ == other.chars_ && validity_ == other.validity_;
  }

  // Whole extents of the column's arrays that hold nothing that rows outside of `rows` need.
  struct ArrayExtents {
    Part part;
    uint64_t first = 0;
    uint64_t count = 0;
  };
  std::vector<ArrayExtents> extents_of(RowRange rows) const;

 private:
  friend class Column;

  size_t width_ = 0;
  size_t array_width_ = 0;
  std::shared_ptr<const storage::Mapping> values_;  // fixed width, or encodings
  std::shared_ptr<const storage::Mapping> ends_;    // variable width
  std::shared_ptr<const storage::Mapping> chars_;
  std::shared_ptr<const storage::Mapping> validity_;  // null as long as no row was null
};

// The writer's side. One thread at a time.
class Column {
 public:
  // Opens the arrays as the root knows them and checks their lengths against the rows there are, of which `live` are read. Fails: kCorruption, kIo.
  static Result<Column> open(storage::Store& store, StorageId storage, uint32_t index, const ColumnSpec& spec,
                             const LiveBitmap& live);

  // Makes room for `rows` behind `row_count` rows, so that append can not meet a full disk.
  Result<void> reserve(const RowsColumn& rows, uint32_t row_count, uint32_t added_count);
  Result<void> append(const RowsColumn& rows, uint32_t row_count, uint32_t added_count);
  // Takes the last append back.
  void truncate(uint32_t row_count);

  ColumnReader reader() const;
  uint64_t disk_bytes(const storage::Store& store) const;

 private:
  Result<void> open_values(const ColumnSpec& spec, uint32_t row_count);
  Result<void> open_bytes(const ColumnSpec& spec, const LiveBitmap& live);
  Result<void> start_validity(uint32_t row_count);
  Result<void> append_ends(const RowsColumn& rows, uint32_t added_count);

  storage::Store* store_ = nullptr;
  StorageId storage_{};
  uint32_t index_ = 0;
  size_t width_ = 0;
  size_t array_width_ = 0;
  std::shared_ptr<storage::AppendArray> values_;
  std::shared_ptr<storage::AppendArray> ends_;
  std::shared_ptr<storage::AppendArray> chars_;
  std::shared_ptr<storage::AppendArray> validity_;
};

}  // namespace omendb::table
