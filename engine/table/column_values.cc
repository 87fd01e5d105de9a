#include "engine/table/column_values.h"

#include "engine/sparse/sparse_vector.h"
#include "engine/table/row_vectors.h"

#include <algorithm>
#include <cstring>

namespace omendb::table {
namespace {

uint32_t u32_at(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

}  // namespace

RowsColumn ColumnValues::copy(std::span<const RowId> rows, Rows& owner) const {
  RowsColumn column;
  if (has_nulls()) {
    const std::span<std::byte> validity = owner.own(rows.size());
    std::ranges::transform(rows, validity.begin(), [this](RowId row) { return std::byte{!is_null(row)}; });
    const auto known = std::ranges::count(validity, std::byte{1});
    if (known == 0) return {.nulls = Nulls::kAll, .validity = {}, .values = {}, .lengths = {}};
    if (static_cast<size_t>(known) < rows.size())
      column = {.nulls = Nulls::kSome, .validity = validity, .values = {}, .lengths = {}};
  }
  if (width() != 0) {
    const std::span<std::byte> values = owner.own(rows.size() * width());
    for (size_t i = 0; i < rows.size(); ++i) std::memcpy(values.data() + i * width(), fixed(rows[i]), width());
    column.values = values;
    return column;
  }
  const std::span<std::byte> lengths = owner.own(rows.size() * sizeof(uint32_t));
  uint64_t size_bytes = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto length = static_cast<uint32_t>(bytes(rows[i]).size());
    std::memcpy(lengths.data() + i * sizeof(length), &length, sizeof(length));
    size_bytes += length;
  }
  const std::span<std::byte> values = owner.own(size_bytes);
  size_t at = 0;
  for (const RowId row : rows) {
    const std::string_view value = bytes(row);
    const std::span<const std::byte> counted =
        std::as_bytes(std::span(value)).first(static_cast<uint32_t>(value.size()));
    std::ranges::copy(counted, values.begin() + static_cast<ptrdiff_t>(at));
    at += counted.size();
  }
  column.values = values;
  column.lengths = lengths;
  if (const size_t array_width = column_->array_width(); array_width != 0) {  // encodings need not be made again
    const std::span<std::byte> encodings = owner.own(rows.size() * array_width);
    for (size_t i = 0; i < rows.size(); ++i)
      std::memcpy(encodings.data() + i * array_width, fixed(rows[i]), array_width);
    column.encodings = encodings;
  }
  return column;
}

void ColumnValues::gather(std::span<const RowId> rows, const ColumnSpec& spec, ColumnData& out) const {
  if (has_nulls() && std::any_of(rows.begin(), rows.end(), [this](RowId row) { return is_null(row); })) {
    out.validity.reserve(rows.size());
    for (const RowId row : rows) out.validity.push_back(is_null(row) ? 0 : 1);
  }
  if (width() != 0) return gather_fixed(rows, spec, out);
  if (spec.type == Type::kStringList) return gather_lists(rows, out);
  if (spec.type == Type::kVectors) return gather_vectors(rows, spec.vector.dims, out);
  if (spec.type == Type::kSparse) return gather_sparse(rows, out);
  out.offsets.reserve(rows.size() + 1);
  out.offsets.push_back(0);
  for (const RowId row : rows) {
    out.chars.append(bytes(row));
    out.offsets.push_back(static_cast<int64_t>(out.chars.size()));
  }
}

void ColumnValues::gather_fixed(std::span<const RowId> rows, const ColumnSpec& spec, ColumnData& out) const {
  const auto copy_into = [&](auto& values, size_t per_row) {
    values.resize(rows.size() * per_row);
    for (size_t i = 0; i < rows.size(); ++i) std::memcpy(values.data() + i * per_row, fixed(rows[i]), width());
  };
  switch (spec.type) {
    case Type::kBool: return copy_into(out.bools, 1);
    case Type::kFloat64: return copy_into(out.doubles, 1);
    case Type::kVector:
      out.dims = spec.vector.dims;
      out.element = spec.vector.element;
      if (spec.vector.element == Element::kBit) return copy_into(out.bits, width());
      return copy_into(out.floats, spec.vector.dims);
    default: return copy_into(out.ints, 1);
  }
}

void ColumnValues::gather_vectors(std::span<const RowId> rows, size_t dims, ColumnData& out) const {
  out.dims = dims;
  out.list_offsets.push_back(0);
  for (const RowId row : rows) {
    const std::span<const float> vectors = vectors_of(bytes(row), dims);
    out.floats.insert(out.floats.end(), vectors.begin(), vectors.end());
    out.list_offsets.push_back(static_cast<int64_t>(out.floats.size() / dims));
  }
}

// Lengths inside a list's bytes are checked as they are read: a damaged list ends early, it is never read past.
void ColumnValues::gather_lists(std::span<const RowId> rows, ColumnData& out) const {
  out.list_offsets.push_back(0);
  out.offsets.push_back(0);
  for (const RowId row : rows) {
    const std::string_view list = bytes(row);
    const uint32_t count = list.size() < sizeof(uint32_t) ? 0 : u32_at(list, 0);
    size_t at = sizeof(uint32_t);
    for (uint32_t i = 0; i < count && at + sizeof(uint32_t) <= list.size(); ++i) {
      const size_t length = std::min<size_t>(u32_at(list, at), list.size() - at - sizeof(uint32_t));
      out.chars.append(list.substr(at + sizeof(uint32_t), length));
      out.offsets.push_back(static_cast<int64_t>(out.chars.size()));
      at += sizeof(uint32_t) + length;
    }
    out.list_offsets.push_back(static_cast<int64_t>(out.offsets.size()) - 1);
  }
}

void ColumnValues::gather_sparse(std::span<const RowId> rows, ColumnData& out) const {
  out.list_offsets.reserve(rows.size() + 1);
  out.list_offsets.push_back(0);
  for (const RowId row : rows) {
    sparse::for_each_pair(bytes(row), [&out](const sparse::Pair& pair) {
      out.uints.push_back(pair.index);
      out.floats.push_back(pair.weight);
    });
    out.list_offsets.push_back(static_cast<int64_t>(out.uints.size()));
  }
}

}  // namespace omendb::table
