#pragma once

// Rows on their way in, after the checks and in the shape that the log and the columns hold: fixed-width values, or lengths and bytes.

#include <omendb/batch.h>
#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/base/ids.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::table {

inline constexpr uint64_t kValueBytesMax = 64ULL << 20;  // one string, text, json or string[] value
inline constexpr size_t kKeyBytesMax = 65'535;

enum class Nulls : uint8_t { kNone = 0, kSome = 1, kAll = 2 };

// Bytes a row in the values array of a fixed-width type; 0 for types of variable length.
size_t fixed_width(const ColumnSpec& spec);
// The same of what that array holds of a column of several vectors a row, whose values are of variable length: their encodings (row_vectors.h). Else as fixed_width.
size_t array_width(const ColumnSpec& spec);

// Columns that an update can change where a row lies: no key, and nothing that a graph or an index of texts is made of.
bool is_metadata(const ColumnSpec& spec);

// Whether a row of `dims` bits has one behind the last.
bool has_bits_behind(const uint8_t* row, size_t dims);

// One column of rows. Borrowed from the caller of the statement, from a log record, or from Rows::owned.
struct RowsColumn {
  Nulls nulls = Nulls::kNone;
  std::span<const std::byte> validity;  // kSome: one byte a row, 0 = null
  std::span<const std::byte>
      values;  // fixed width: row_count * width bytes. Variable: all bytes, null rows have none. kAll: empty
  std::span<const std::byte> lengths;      // variable width: row_count little-endian u32
  std::span<const std::byte> encodings{};  // of several vectors a row: row_count * array_width bytes, if they were made

  bool is_null(size_t row) const {
    return nulls == Nulls::kAll || (nulls == Nulls::kSome && validity[row] == std::byte{0});
  }
  uint32_t length(size_t row) const;
  // Of a column that is searched by vector: not null, and of several vectors at least one.
  bool has_vector(size_t row) const { return !is_null(row) && (lengths.empty() || length(row) != 0); }
};

struct Rows {
  uint32_t row_count = 0;
  std::vector<RowsColumn> columns;           // in schema order, every column
  std::deque<std::vector<std::byte>> owned;  // what had to be copied; stable addresses

  std::span<std::byte> own(size_t size_bytes);
};

// Checks a batch against the schema and brings it into shape: names, types, nulls, dimensions, finite vectors, UTF-8, JSON, sizes. Copies nothing but
// string lengths where the batch has no nulls. Fails: kSchema, kInvalidArgument, naming column and row. Changes nothing.
Result<Rows> check_rows(const Schema& schema, std::string_view table, const BatchView& batch);

// Checks one row of values for some columns, not for the primary key, as check_rows does. Columns that are not given are null in the answer.
Result<Rows> check_values(const Schema& schema, std::string_view table, const BatchView& values);

// The first row of a column, `count` times; its bytes are owned by `owner`.
RowsColumn repeat(const RowsColumn& column, uint32_t count, Rows& owner);

// --- log records of rows (docs/format/records.md) ---

struct InsertRecord {
  TableId table{};
  RowId first_row{};
  Rows rows;
};

// What rows get by an update of metadata columns.
struct PatchRecord {
  TableId table{};
  uint32_t first_slot = 0;
  std::vector<RowId> rows;
  Rows values;  // of the metadata columns; the others are not there, and read as nulls
};

// Records ready for the log: each the concatenation of its pieces, which borrow from the Rows they were made of and from `headers`.
struct RowRecords {
  std::vector<std::vector<std::span<const std::byte>>> records;
  std::deque<std::vector<std::byte>> headers;
  uint64_t size_bytes = 0;
};

// Cuts rows into records of about `record_bytes_max` at most (at least one row each). Copies nothing but headers.
RowRecords encode_insert(TableId table, RowId first_row, const Schema& schema, const Rows& rows,
                         uint64_t record_bytes_max);
// The same of a patch, whose `rows` get the slots from `first_slot` on.
RowRecords encode_patch(TableId table, uint32_t first_slot, const Schema& schema, std::span<const RowId> rows,
                        const Rows& values, uint64_t record_bytes_max);
// Table id of an insert or patch record, which tells the schema that decoding it needs.
Result<TableId> peek_table(std::span<const std::byte> payload);
// Borrows from `payload`. Every count is checked: kCorruption.
Result<InsertRecord> decode_insert(const Schema& schema, std::span<const std::byte> payload);
Result<PatchRecord> decode_patch(const Schema& schema, std::span<const std::byte> payload);

}  // namespace omendb::table
