#include "engine/table/rows.h"

#include "engine/base/bytes.h"
#include "engine/base/try.h"
#include "engine/quantize/fixed_encoding.h"
#include "engine/table/row_vectors.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace omendb::table {

size_t fixed_width(const ColumnSpec& spec) {
  switch (spec.type) {
    case Type::kBool: return 1;
    case Type::kInt64:
    case Type::kTimestamp:
    case Type::kFloat64: return 8;
    case Type::kVector:
      return spec.vector.element == Element::kBit ? (size_t{spec.vector.dims} + 7) / 8
                                                  : spec.vector.dims * sizeof(float);
    case Type::kString:
    case Type::kStringList:
    case Type::kJson:
    case Type::kText:
    case Type::kVectors:
    case Type::kSparse: return 0;
  }
  return 0;
}

size_t array_width(const ColumnSpec& spec) {
  return spec.type == Type::kVectors ? quantize::FixedEncoding::kDims * sizeof(float) : fixed_width(spec);
}

bool is_metadata(const ColumnSpec& spec) {
  return !spec.primary_key && !is_searched_by_vector(spec) && spec.type != Type::kText && spec.type != Type::kSparse;
}

bool has_bits_behind(const uint8_t* row, size_t dims) {
  return dims % 8 != 0 && (row[dims / 8] & (0xFFU >> (dims % 8))) != 0;
}

uint32_t RowsColumn::length(size_t row) const {
  uint32_t value = 0;
  std::memcpy(&value, lengths.data() + row * sizeof(value), sizeof(value));
  return value;
}

std::span<std::byte> Rows::own(size_t size_bytes) { return owned.emplace_back(size_bytes); }

RowsColumn repeat(const RowsColumn& column, uint32_t count, Rows& owner) {
  if (column.is_null(0)) return {.nulls = Nulls::kAll, .validity = {}, .values = {}, .lengths = {}};
  const auto copies = [&](std::span<const std::byte> one) {
    const std::span<std::byte> all = owner.own(one.size() * count);
    for (size_t at = 0; at < all.size(); at += one.size())
      std::ranges::copy(one, all.begin() + static_cast<ptrdiff_t>(at));
    return all;
  };
  return {.nulls = Nulls::kNone, .validity = {}, .values = copies(column.values), .lengths = copies(column.lengths)};
}

namespace {

constexpr std::string_view kSource = "log: insert record";

// The part of a column that rows [first, last) occupy. `value_offset` is where row `first` starts in a variable column and is moved on to `last`.
RowsColumn slice(const RowsColumn& column, size_t width, uint32_t first, uint32_t last, size_t& value_offset) {
  RowsColumn part{.nulls = column.nulls, .validity = {}, .values = {}, .lengths = {}};
  if (column.nulls == Nulls::kAll) return part;
  if (column.nulls == Nulls::kSome) part.validity = column.validity.subspan(first, last - first);
  if (width != 0) {
    part.values = column.values.subspan(first * width, (last - first) * width);
    return part;
  }
  part.lengths = column.lengths.subspan(first * sizeof(uint32_t), (last - first) * sizeof(uint32_t));
  size_t size_bytes = 0;
  for (uint32_t row = first; row < last; ++row) size_bytes += column.length(row);
  part.values = column.values.subspan(value_offset, size_bytes);
  value_offset += size_bytes;
  return part;
}

// Bytes of row `row` in a record, roughly.
uint64_t row_bytes(const Schema& schema, const Rows& rows, uint32_t row) {
  uint64_t size_bytes = 0;
  for (size_t c = 0; c < rows.columns.size(); ++c) {
    const size_t width = fixed_width(schema.columns[c]);
    if (rows.columns[c].nulls == Nulls::kAll) continue;
    size_bytes += width != 0 ? width : sizeof(uint32_t) + rows.columns[c].length(row);
    size_bytes += rows.columns[c].nulls == Nulls::kSome ? 1U : 0U;
  }
  return size_bytes;
}

Result<RowsColumn> decode_column(base::ByteReader& reader, const ColumnSpec& spec, uint32_t row_count) {
  RowsColumn column;
  TRY(nulls, reader.u8("null state"));
  TRY(value_bytes, reader.u64("size of the values"));
  if (nulls > static_cast<uint8_t>(Nulls::kAll)) return reader.corruption("unknown null state");
  column.nulls = static_cast<Nulls>(nulls);
  if (spec.primary_key && column.nulls != Nulls::kNone) return reader.corruption("a key is null");
  if (column.nulls == Nulls::kAll) return column;
  if (column.nulls == Nulls::kSome) {
    TRY(validity, reader.bytes(row_count, "validity"));
    column.validity = validity;
  }
  const size_t width = fixed_width(spec);
  uint64_t expected_bytes = uint64_t{row_count} * width;
  if (width == 0) {
    TRY(lengths, reader.bytes(uint64_t{row_count} * sizeof(uint32_t), "lengths"));
    column.lengths = lengths;
    for (uint32_t row = 0; row < row_count; ++row) {
      expected_bytes += column.length(row);
      if (spec.type == Type::kVectors && !are_whole_vectors(column.length(row), spec.vector.dims))
        return reader.corruption("a value is not made of whole vectors");
    }
  }
  if (value_bytes != expected_bytes) return reader.corruption("values do not fit their count");
  TRY(values, reader.bytes(expected_bytes, "values"));
  column.values = values;
  return column;
}

bool any_column(const ColumnSpec&) { return true; }

// Cuts rows into records. `has`: which columns stand in them; put_header(writer, first, last) writes what stands before the columns of rows [first, last) and answers with
// what stands behind that.
template <typename PutHeader>
RowRecords encode_rows(const Schema& schema, const Rows& rows, uint64_t record_bytes_max,
                       bool (*has)(const ColumnSpec&), const PutHeader& put_header) {
  RowRecords result;
  const auto keep = [&result](base::ByteWriter&& header) {
    return std::span<const std::byte>(result.headers.emplace_back(std::move(header).take()));
  };
  std::vector<size_t> value_offsets(rows.columns.size(), 0);
  for (uint32_t first = 0; first < rows.row_count;) {
    uint32_t last = first;
    for (uint64_t size_bytes = 0; last < rows.row_count && (last == first || size_bytes < record_bytes_max); ++last) {
      size_bytes += row_bytes(schema, rows, last);
    }
    auto& pieces = result.records.emplace_back();
    base::ByteWriter header;
    const std::span<const std::byte> behind = put_header(header, first, last);
    pieces.insert(pieces.end(), {keep(std::move(header)), behind});
    for (size_t c = 0; c < rows.columns.size(); ++c) {
      if (!has(schema.columns[c])) continue;
      const RowsColumn part = slice(rows.columns[c], fixed_width(schema.columns[c]), first, last, value_offsets[c]);
      base::ByteWriter column_header;
      column_header.put_u8(static_cast<uint8_t>(part.nulls));
      column_header.put_u64(part.values.size());
      pieces.insert(pieces.end(), {keep(std::move(column_header)), part.validity, part.lengths, part.values});
    }
    for (const auto piece : pieces) result.size_bytes += piece.size();
    first = last;
  }
  return result;
}

uint32_t count_metadata(const Schema& schema) {
  return static_cast<uint32_t>(std::ranges::count_if(schema.columns, is_metadata));
}

}  // namespace

RowRecords encode_insert(TableId table, RowId first_row, const Schema& schema, const Rows& rows,
                         uint64_t record_bytes_max) {
  const auto column_count = static_cast<uint32_t>(rows.columns.size());
  return encode_rows(schema, rows, record_bytes_max, any_column,
                     [&](base::ByteWriter& header, uint32_t first, uint32_t last) {
                       for (const uint32_t field : {table.value, first_row.value + first, last - first, column_count})
                         header.put_u32(field);
                       return std::span<const std::byte>();
                     });
}

RowRecords encode_patch(TableId table, uint32_t first_slot, const Schema& schema, std::span<const RowId> rows,
                        const Rows& values, uint64_t record_bytes_max) {
  const uint32_t column_count = count_metadata(schema);
  return encode_rows(schema, values, record_bytes_max, is_metadata,
                     [&](base::ByteWriter& header, uint32_t first, uint32_t last) {
                       for (const uint32_t field : {table.value, first_slot + first, last - first, column_count})
                         header.put_u32(field);
                       return std::as_bytes(rows.subspan(first, last - first));
                     });
}

Result<TableId> peek_table(std::span<const std::byte> payload) {
  base::ByteReader reader(payload, kSource);
  TRY(table, reader.u32("table"));
  return TableId{table};
}

Result<InsertRecord> decode_insert(const Schema& schema, std::span<const std::byte> payload) {
  base::ByteReader reader(payload, kSource);
  TRY(table, reader.u32("table"));
  TRY(first_row, reader.u32("first row"));
  TRY(row_count, reader.u32("row count"));
  TRY(column_count, reader.u32("column count"));
  if (column_count != schema.columns.size()) return reader.corruption("its columns are not the table's");
  InsertRecord record{TableId{table}, RowId{first_row}, {}};
  record.rows.row_count = row_count;
  for (const ColumnSpec& spec : schema.columns) {
    TRY(column, decode_column(reader, spec, row_count));
    record.rows.columns.push_back(column);
  }
  TRY_OK(reader.expect_end("the last column"));
  return record;
}

Result<PatchRecord> decode_patch(const Schema& schema, std::span<const std::byte> payload) {
  base::ByteReader reader(payload, "log: patch record");
  TRY(table, reader.u32("table"));
  TRY(first_slot, reader.u32("first slot"));
  TRY(row_count, reader.u32("row count"));
  TRY(column_count, reader.u32("column count"));
  if (column_count != count_metadata(schema)) return reader.corruption("its columns are not the table's");
  TRY(row_bytes, reader.bytes(uint64_t{row_count} * sizeof(RowId), "rows"));
  PatchRecord record{TableId{table}, first_slot, {}, {}};
  record.rows.reserve(row_count);
  for (uint32_t i = 0; i < row_count; ++i) {
    RowId row;
    std::memcpy(&row.value, row_bytes.data() + i * sizeof(RowId), sizeof(RowId));
    record.rows.push_back(row);
  }
  record.values.row_count = row_count;
  for (const ColumnSpec& spec : schema.columns) {
    RowsColumn& column = record.values.columns.emplace_back();
    column.nulls = Nulls::kAll;
    if (!is_metadata(spec)) continue;
    TRY(decoded, decode_column(reader, spec, row_count));
    column = decoded;
  }
  TRY_OK(reader.expect_end("the last column"));
  return record;
}

}  // namespace omendb::table
