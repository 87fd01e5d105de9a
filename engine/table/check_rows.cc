// The checks that every written row passes before anything changes.

#include "engine/base/try.h"
#include "engine/sparse/sparse_vector.h"
#include "engine/table/row_vectors.h"
#include "engine/table/rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace omendb::table {
namespace {

// Names what a message must name: table, column, row.
struct Place {
  std::string_view table;
  const ColumnSpec& spec;

  Error schema(std::string_view problem) const {
    return {ErrorCode::kSchema, fmt::format("column '{}' of table '{}': {}", spec.name, table, problem)};
  }
  Error value(size_t row, std::string_view problem) const {
    return {ErrorCode::kInvalidArgument,
            fmt::format("column '{}' of table '{}', row {}: {}", spec.name, table, row, problem)};
  }
};

std::string_view given_type(const ColumnView& view) {
  if (view.uints != nullptr) return "sparse vectors";
  if (view.floats != nullptr) return view.list_offsets != nullptr ? "lists of vectors" : "vectors";
  if (view.bits != nullptr) return "bits";
  if (view.list_offsets != nullptr) return "lists of strings";
  if (view.offsets != nullptr) return "strings";
  if (view.doubles != nullptr) return "floating-point numbers";
  if (view.ints != nullptr) return "integers";
  if (view.bools != nullptr) return "booleans";
  return "no values";
}

bool is_of_bits(const ColumnSpec& spec) { return spec.type == Type::kVector && spec.vector.element == Element::kBit; }

bool has_pairs(const ColumnView& view) {
  return view.list_offsets != nullptr && view.offsets == nullptr && view.uints != nullptr && view.floats != nullptr;
}

bool has_values(const ColumnView& view, const ColumnSpec& spec) {
  switch (spec.type) {
    case Type::kBool: return view.bools != nullptr;
    case Type::kInt64:
    case Type::kTimestamp: return view.ints != nullptr;
    case Type::kFloat64: return view.doubles != nullptr;
    case Type::kString:
    case Type::kText:
    case Type::kJson: return view.offsets != nullptr && view.list_offsets == nullptr;
    case Type::kStringList: return view.offsets != nullptr && view.list_offsets != nullptr;
    case Type::kVectors:
      return view.uints == nullptr && view.list_offsets != nullptr &&
             (view.floats != nullptr || view.offsets == nullptr);
    case Type::kSparse: return has_pairs(view);
    case Type::kVector: return (is_of_bits(spec) ? static_cast<const void*>(view.bits) : view.floats) != nullptr;
  }
  return false;
}

const std::byte* fixed_values(const ColumnView& view, const ColumnSpec& spec) {
  if (is_of_bits(spec)) return reinterpret_cast<const std::byte*>(view.bits);
  switch (spec.type) {
    case Type::kBool: return reinterpret_cast<const std::byte*>(view.bools);
    case Type::kFloat64: return reinterpret_cast<const std::byte*>(view.doubles);
    case Type::kVector: return reinterpret_cast<const std::byte*>(view.floats);
    default: return reinterpret_cast<const std::byte*>(view.ints);
  }
}

// True if every float is finite. The exponent's bits are all ones only for infinities and NaN; the loop vectorises.
bool all_finite(const float* values, size_t count) {
  uint32_t bad = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof(bits));
    bad |= static_cast<uint32_t>((bits & 0x7F800000U) == 0x7F800000U);
  }
  return bad == 0;
}

// The first component that is not finite.
std::optional<size_t> find_not_finite(std::span<const float> values) {
  if (all_finite(values.data(), values.size())) return std::nullopt;
  return std::ranges::find_if(values, [](float v) { return !all_finite(&v, 1); }) - values.begin();
}

Result<void> check_vectors(const Place& place, const RowsColumn& column, const ColumnView& view, size_t row_count) {
  const size_t dims = place.spec.vector.dims;
  for (size_t row = 0; row < row_count; ++row) {
    const std::span<const float> vector(view.floats + row * dims, dims);
    const auto at = column.is_null(row) ? std::nullopt : find_not_finite(vector);
    if (at)
      return place.value(row, fmt::format("component {} is {}; vectors hold finite numbers only", *at, vector[*at]));
  }
  return {};
}

Result<void> check_bits(const Place& place, const RowsColumn& column, const ColumnView& view, size_t row_count) {
  const size_t dims = place.spec.vector.dims;
  for (size_t row = 0; row < row_count; ++row) {
    if (!column.is_null(row) && has_bits_behind(view.bits + row * fixed_width(place.spec), dims))
      return place.value(row, fmt::format("the bits behind the last of {} are not 0", dims));
  }
  return {};
}

Result<void> check_bools(const Place& place, const RowsColumn& column, const ColumnView& view, size_t row_count) {
  for (size_t row = 0; row < row_count; ++row) {
    if (!column.is_null(row) && view.bools[row] > 1)
      return place.value(row, fmt::format("a boolean is 0 or 1, not {}", view.bools[row]));
  }
  return {};
}

Result<RowsColumn> check_fixed(const Place& place, RowsColumn column, const ColumnView& view, size_t row_count,
                               Rows& rows) {
  const size_t width = fixed_width(place.spec);
  column.values = {fixed_values(view, place.spec), row_count * width};
  if (is_of_bits(place.spec)) {
    TRY_OK(check_bits(place, column, view, row_count));
  } else if (place.spec.type == Type::kVector) {
    TRY_OK(check_vectors(place, column, view, row_count));
  }
  if (place.spec.type == Type::kBool) TRY_OK(check_bools(place, column, view, row_count));
  if (column.nulls != Nulls::kSome) return column;
  // The values of null rows are the caller's garbage: they become zeros, so that equal rows are equal bytes.
  const std::span<std::byte> copy = rows.own(column.values.size());
  std::copy(column.values.begin(), column.values.end(), copy.begin());
  for (size_t row = 0; row < row_count; ++row) {
    if (column.is_null(row)) std::fill_n(copy.begin() + static_cast<ptrdiff_t>(row * width), width, std::byte{0});
  }
  column.values = copy;
  return column;
}

Result<void> check_string(const Place& place, size_t row, std::string_view value, simdjson::dom::parser& parser) {
  if (value.size() > kValueBytesMax)
    return place.value(row, fmt::format("{} bytes; a value holds at most {}", value.size(), kValueBytesMax));
  if (place.spec.primary_key && value.size() > kKeyBytesMax) {
    return place.value(row, fmt::format("the key has {} bytes; a key holds at most {}", value.size(), kKeyBytesMax));
  }
  if (!simdjson::validate_utf8(value.data(), value.size())) return place.value(row, "not valid UTF-8");
  if (place.spec.type == Type::kJson) {
    simdjson::dom::element element;
    if (const auto error = parser.parse(value.data(), value.size()).get(element); error != simdjson::SUCCESS) {
      return place.value(row, fmt::format("not valid JSON: {}", simdjson::error_message(error)));
    }
  }
  return {};
}

// Checks that offsets start at or above zero and never fall, before anything is read through them.
Result<void> check_offsets(const Place& place, const int64_t* offsets, size_t count) {
  for (size_t i = 0; i <= count; ++i) {
    if (offsets[i] < (i == 0 ? 0 : offsets[i - 1]))
      return place.value(i == 0 ? 0 : i - 1, "offsets fall or are negative");
  }
  return {};
}

std::string_view string_at(const ColumnView& view, size_t i) {
  const auto begin = static_cast<size_t>(view.offsets[i]);
  return {view.chars + begin, static_cast<size_t>(view.offsets[i + 1]) - begin};
}

void put_length(std::span<std::byte> lengths, size_t row, uint32_t length) {
  std::memcpy(lengths.data() + row * sizeof(length), &length, sizeof(length));
}

Result<RowsColumn> check_strings(const Place& place, RowsColumn column, const ColumnView& view, size_t row_count,
                                 Rows& rows) {
  TRY_OK(check_offsets(place, view.offsets, row_count));
  simdjson::dom::parser parser;
  const std::span<std::byte> lengths = rows.own(row_count * sizeof(uint32_t));
  bool contiguous = true;  // no null row hides bytes in the middle
  size_t total_bytes = 0;
  for (size_t row = 0; row < row_count; ++row) {
    const std::string_view value = string_at(view, row);
    if (column.is_null(row)) {
      contiguous = contiguous && value.empty();
      put_length(lengths, row, 0);
      continue;
    }
    TRY_OK(check_string(place, row, value, parser));
    put_length(lengths, row, static_cast<uint32_t>(value.size()));
    total_bytes += value.size();
  }
  column.lengths = lengths;
  if (contiguous) {
    column.values = std::as_bytes(std::span(view.chars + view.offsets[0], total_bytes));
    return column;
  }
  const std::span<std::byte> copy = rows.own(total_bytes);
  size_t at = 0;
  for (size_t row = 0; row < row_count; ++row) {
    if (column.is_null(row)) continue;
    const std::string_view value = string_at(view, row);
    std::ranges::copy(std::as_bytes(std::span(value)), copy.begin() + static_cast<ptrdiff_t>(at));
    at += value.size();
  }
  column.values = copy;
  return column;
}

// A list of strings is stored as: u32 count, then per string u32 length and its bytes.
Result<RowsColumn> check_string_lists(const Place& place, RowsColumn column, const ColumnView& view, size_t row_count,
                                      Rows& rows) {
  TRY_OK(check_offsets(place, view.list_offsets, row_count));
  TRY_OK(check_offsets(place, view.offsets, static_cast<size_t>(view.list_offsets[row_count])));
  simdjson::dom::parser parser;
  const std::span<std::byte> lengths = rows.own(row_count * sizeof(uint32_t));
  std::vector<std::byte>& bytes = rows.owned.emplace_back();
  const auto put_u32 = [&bytes](size_t value) {
    const auto narrow = static_cast<uint32_t>(value);
    const auto raw = std::as_bytes(std::span(&narrow, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  };
  for (size_t row = 0; row < row_count; ++row) {
    const size_t start = bytes.size();
    if (!column.is_null(row)) {
      const auto first = static_cast<size_t>(view.list_offsets[row]);
      const auto last = static_cast<size_t>(view.list_offsets[row + 1]);
      put_u32(last - first);
      for (size_t i = first; i < last; ++i) {
        const std::string_view value = string_at(view, i);
        TRY_OK(check_string(place, row, value, parser));
        put_u32(value.size());
        const auto raw = std::as_bytes(std::span(value));
        bytes.insert(bytes.end(), raw.begin(), raw.end());
      }
    }
    if (bytes.size() - start > kValueBytesMax)
      return place.value(row, fmt::format("the list is larger than {} bytes", kValueBytesMax));
    put_length(lengths, row, static_cast<uint32_t>(bytes.size() - start));
  }
  column.lengths = lengths;
  column.values = bytes;
  return column;
}

Result<void> check_row_vectors(const Place& place, size_t row, std::span<const float> vectors) {
  const size_t dims = place.spec.vector.dims;
  const size_t count = vectors.size() / dims;
  if (!are_whole_vectors(vectors.size_bytes(), dims)) {
    return place.value(row, fmt::format("{} vectors of {} dimensions; a row holds at most {}", count, dims,
                                        std::min<uint64_t>(kRowVectorsMax, kValueBytesMax / (dims * sizeof(float)))));
  }
  const auto at = find_not_finite(vectors);
  if (!at) return {};
  return place.value(row, fmt::format("component {} of vector {} is {}; vectors hold finite numbers only", *at % dims,
                                      *at / dims, vectors[*at]));
}

// Several vectors a row are stored one after the other.
Result<RowsColumn> check_vector_lists(const Place& place, RowsColumn column, const ColumnView& view, size_t row_count,
                                      Rows& rows) {
  const size_t dims = place.spec.vector.dims;
  TRY_OK(check_offsets(place, view.list_offsets, row_count));
  if (view.floats == nullptr && view.list_offsets[row_count] != 0)
    return place.schema("counts vectors, but none were given");
  const std::span<std::byte> lengths = rows.own(row_count * sizeof(uint32_t));
  size_t total_bytes = 0;
  const auto vectors_at = [&](size_t row) {
    const auto first = static_cast<size_t>(view.list_offsets[row]);
    const auto last = static_cast<size_t>(view.list_offsets[row + 1]);
    return std::span(view.floats + first * dims, column.is_null(row) ? 0 : (last - first) * dims);
  };
  for (size_t row = 0; row < row_count; ++row) {
    const std::span<const float> vectors = vectors_at(row);
    TRY_OK(check_row_vectors(place, row, vectors));
    put_length(lengths, row, static_cast<uint32_t>(vectors.size_bytes()));
    total_bytes += vectors.size_bytes();
  }
  column.lengths = lengths;
  const auto given = static_cast<size_t>(view.list_offsets[row_count] - view.list_offsets[0]) * dims * sizeof(float);
  if (total_bytes == given) {  // no null row hides vectors
    column.values = std::as_bytes(
        std::span(view.floats + static_cast<size_t>(view.list_offsets[0]) * dims, total_bytes / sizeof(float)));
    return column;
  }
  const std::span<std::byte> copy = rows.own(total_bytes);
  size_t at = 0;
  for (size_t row = 0; row < row_count; ++row) {
    const auto bytes = std::as_bytes(vectors_at(row));
    std::ranges::copy(bytes, copy.begin() + static_cast<ptrdiff_t>(at));
    at += bytes.size();
  }
  column.values = copy;
  return column;
}

// The pairs of a row, rising and without those of weight 0, appended to `bytes`.
Result<void> put_pairs(const Place& place, const ColumnView& view, size_t row, std::vector<sparse::Pair>& pairs,
                       std::vector<std::byte>& bytes) {
  const auto first = static_cast<size_t>(view.list_offsets[row]);
  const auto count = static_cast<size_t>(view.list_offsets[row + 1]) - first;
  if (count > kSparsePairsMax)
    return place.value(row, fmt::format("{} pairs; a sparse vector holds at most {}", count, kSparsePairsMax));
  pairs.clear();
  for (size_t i = first; i < first + count; ++i) pairs.push_back({view.uints[i], view.floats[i]});
  if (const std::string fault = sparse::sort_pairs(pairs); !fault.empty()) return place.value(row, fault);
  std::erase_if(pairs, [](const sparse::Pair& pair) { return pair.weight == 0; });
  const auto raw = std::as_bytes(std::span(pairs));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
  return {};
}

Result<RowsColumn> check_sparse(const Place& place, RowsColumn column, const ColumnView& view, size_t row_count,
                                Rows& rows) {
  TRY_OK(check_offsets(place, view.list_offsets, row_count));
  const std::span<std::byte> lengths = rows.own(row_count * sizeof(uint32_t));
  std::vector<std::byte>& bytes = rows.owned.emplace_back();
  std::vector<sparse::Pair> pairs;
  for (size_t row = 0; row < row_count; ++row) {
    const size_t start = bytes.size();
    if (!column.is_null(row)) TRY_OK(put_pairs(place, view, row, pairs, bytes));
    put_length(lengths, row, static_cast<uint32_t>(bytes.size() - start));
  }
  column.lengths = lengths;
  column.values = bytes;
  return column;
}

Result<RowsColumn> check_nulls(const Place& place, const ColumnView& view, size_t row_count) {
  RowsColumn column;
  if (view.validity == nullptr) return column;
  const auto* validity = view.validity;
  const auto null_count = static_cast<size_t>(std::count(validity, validity + row_count, uint8_t{0}));
  if (null_count == 0) return column;
  if (place.spec.primary_key) {
    const auto row = static_cast<size_t>(std::find(validity, validity + row_count, uint8_t{0}) - validity);
    return place.value(row, "the primary key is null");
  }
  column.nulls = null_count == row_count ? Nulls::kAll : Nulls::kSome;
  if (column.nulls == Nulls::kSome) column.validity = std::as_bytes(std::span(validity, row_count));
  return column;
}

Result<RowsColumn> check_column(const Place& place, const ColumnView* view, size_t row_count, Rows& rows) {
  if (view == nullptr) {
    if (place.spec.primary_key) return place.schema("the primary key is missing from the rows");
    return RowsColumn{.nulls = Nulls::kAll, .validity = {}, .values = {}, .lengths = {}};
  }
  if (row_count == 0) return RowsColumn{};
  TRY(column, check_nulls(place, *view, row_count));
  if (column.nulls == Nulls::kAll) return column;
  const Type type = place.spec.type;
  if (!has_values(*view, place.spec)) {
    return place.schema(
        fmt::format("is {}, but {} were given", is_of_bits(place.spec) ? "bits" : to_string(type), given_type(*view)));
  }
  if (is_of_bits(place.spec) && (view->dims + 7) / 8 != fixed_width(place.spec)) {
    return place.schema(
        fmt::format("holds rows of {} bits, but rows of {} were given", place.spec.vector.dims, view->dims));
  }
  if (is_searched_by_vector(place.spec) && !is_of_bits(place.spec) && view->dims != place.spec.vector.dims) {
    return place.schema(
        fmt::format("holds vectors of {} dimensions, but {} were given", place.spec.vector.dims, view->dims));
  }
  if (fixed_width(place.spec) != 0) return check_fixed(place, column, *view, row_count, rows);
  if (type == Type::kVectors) return check_vector_lists(place, column, *view, row_count, rows);
  if (type == Type::kStringList) return check_string_lists(place, column, *view, row_count, rows);
  if (type == Type::kSparse) return check_sparse(place, column, *view, row_count, rows);
  return check_strings(place, column, *view, row_count, rows);
}

Result<void> check_names(const Schema& schema, std::string_view table, const BatchView& batch) {
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    const std::string_view name = batch.columns[i].name;
    if (!schema.find(name)) {
      std::string known;
      for (const ColumnSpec& spec : schema.columns) known += (known.empty() ? "" : ", ") + spec.name;
      return Error{ErrorCode::kSchema,
                   fmt::format("table '{}' has no column '{}'; its columns are: {}", table, name, known)};
    }
    for (size_t j = 0; j < i; ++j) {
      if (batch.columns[j].name == name)
        return Error{ErrorCode::kSchema, fmt::format("column '{}' was given twice", name)};
    }
  }
  return {};
}

}  // namespace

Result<Rows> check_rows(const Schema& schema, std::string_view table, const BatchView& batch) {
  TRY_OK(check_names(schema, table, batch));
  if (batch.row_count > UINT32_MAX / 2) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} rows in one statement; at most {}", batch.row_count, UINT32_MAX / 2)};
  }
  Rows rows;
  rows.row_count = static_cast<uint32_t>(batch.row_count);
  for (const ColumnSpec& spec : schema.columns) {
    const auto view = std::find_if(batch.columns.begin(), batch.columns.end(),
                                   [&](const ColumnView& v) { return v.name == spec.name; });
    TRY(column, check_column({table, spec}, view == batch.columns.end() ? nullptr : &*view, batch.row_count, rows));
    rows.columns.push_back(column);
  }
  return rows;
}

Result<Rows> check_values(const Schema& schema, std::string_view table, const BatchView& values) {
  TRY_OK(check_names(schema, table, values));
  if (values.row_count != 1 || values.columns.empty())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("table '{}': an update takes one value for each of its columns", table)};
  Rows rows;
  rows.row_count = 1;
  for (const ColumnSpec& spec : schema.columns) {
    const auto view = std::ranges::find(values.columns, spec.name, &ColumnView::name);
    if (view == values.columns.end()) {
      rows.columns.push_back({.nulls = Nulls::kAll, .validity = {}, .values = {}, .lengths = {}});
      continue;
    }
    const Place place{table, spec};
    if (spec.primary_key) return place.schema("a primary key is not updated: delete its row and insert another");
    TRY(column, check_column(place, &*view, 1, rows));
    rows.columns.push_back(column);
  }
  return rows;
}

}  // namespace omendb::table
