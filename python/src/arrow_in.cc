#include "arrow_in.h"

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace omendb::python {
namespace {

constexpr int64_t kNoRowsOffsets[1] = {0};
constexpr uint64_t kNoRowsValues[1] = {0};  // what the engine sees where Arrow has no buffer because there are no rows

bool bit_at(const void* bitmap, size_t index) {
  return ((static_cast<const uint8_t*>(bitmap)[index / 8] >> (index % 8)) & 1U) != 0;
}

// The first null among `count` values from `first`, if there is one.
std::optional<size_t> find_null(const ArrowArray& array, size_t first, size_t count) {
  if (array.null_count == 0 || array.n_buffers == 0 || array.buffers[0] == nullptr) return std::nullopt;
  for (size_t i = first; i < first + count; ++i) {
    if (!bit_at(array.buffers[0], i)) return i;
  }
  return std::nullopt;
}

template <typename T>
const T* values_at(const ArrowArray& array, size_t buffer, size_t first) {
  const void* values = array.buffers[buffer];
  return values == nullptr ? reinterpret_cast<const T*>(kNoRowsValues) : static_cast<const T*>(values) + first;
}

Error at_row(std::string_view column, size_t row, std::string_view problem) {
  return {ErrorCode::kSchema,
          "column '" + std::string(column) + "', row " + std::to_string(row) + ": " + std::string(problem)};
}

Error wrong_type(std::string_view column, std::string_view format) {
  return {ErrorCode::kSchema, "column '" + std::string(column) + "': values of Arrow format '" + std::string(format) +
                                  "' can not be stored"};
}

size_t offset_of(const ArrowArray& array) { return static_cast<size_t>(array.offset); }

}  // namespace

Result<ArrowRows> ArrowRows::read(const ArrowSchema& schema, const ArrowArray& array) {
  if (std::string_view(schema.format) != "+s")
    return Error{ErrorCode::kSchema,
                 "rows from Arrow are a struct array, not format '" + std::string(schema.format) + "'"};
  ArrowRows rows;
  rows.row_count_ = static_cast<size_t>(array.length);
  for (int64_t i = 0; i < array.n_children; ++i) {
    const ArrowArray& child = *array.children[i];
    Result<ColumnView> column = rows.read_column(*schema.children[i], child, offset_of(array) + offset_of(child));
    if (!column.ok()) return std::move(column).error();
    rows.columns_.push_back(std::move(column).value());
  }
  return rows;
}

Result<ColumnView> ArrowRows::read_column(const ArrowSchema& schema, const ArrowArray& array, size_t first) {
  ColumnView view;
  view.name = schema.name;
  const std::string_view format = schema.format;
  read_validity(array, first, view);
  if (format == "n") {
    view.validity = bytes_.emplace_back(row_count_, uint8_t{0}).data();
  } else if (format == "b") {
    view.bools = unpack_bits(array.buffers[1], first, row_count_);
  } else if (format == "l" || format.starts_with("tsu:")) {
    view.ints = values_at<int64_t>(array, 1, first);
  } else if (format == "g") {
    view.doubles = values_at<double>(array, 1, first);
  } else if (format == "u" || format == "U") {
    read_strings(array, first, row_count_, format == "U", view);
  } else if (format == "+l" || format == "+L") {
    if (const Result<void> read = read_list(schema, array, first, format == "+L", view); !read.ok())
      return read.error();
  } else if (format.starts_with("w:")) {
    read_bits(schema, array, first, view);
  } else if (format.starts_with("+w:")) {
    if (const Result<void> read = read_vectors(schema, array, first, view); !read.ok()) return read.error();
  } else {
    return wrong_type(view.name, format);
  }
  return view;
}

void ArrowRows::read_validity(const ArrowArray& array, size_t first, ColumnView& view) {
  if (find_null(array, first, row_count_)) view.validity = unpack_bits(array.buffers[0], first, row_count_);
}

void ArrowRows::read_strings(const ArrowArray& array, size_t first, size_t count, bool wide, ColumnView& view) {
  view.offsets = read_offsets(array.buffers[1], first, count, wide);
  view.chars = values_at<char>(array, 2, 0);
}

Result<void> ArrowRows::read_list(const ArrowSchema& schema, const ArrowArray& array, size_t first, bool wide,
                                  ColumnView& view) {
  const ArrowArray& strings = *array.children[0];
  const std::string_view format = schema.children[0]->format;
  if (format.starts_with("+w:")) return read_vector_lists(schema, array, first, wide, view);
  if (format == "+s") return read_pairs(schema, array, first, wide, view);
  const auto string_count = static_cast<size_t>(strings.length);
  view.list_offsets = read_offsets(array.buffers[1], first, row_count_, wide);
  if (format != "u" && format != "U") {
    if (string_count == 0) {  // a list of nothing has no type of its own
      view.offsets = kNoRowsOffsets;
      view.chars = reinterpret_cast<const char*>(kNoRowsValues);
      return {};
    }
    return wrong_type(view.name, "list of " + std::string(format));
  }
  for (size_t row = 0; row < row_count_; ++row) {
    if (view.validity != nullptr && view.validity[row] == 0) continue;
    const auto begin = static_cast<size_t>(view.list_offsets[row]);
    const auto length = static_cast<size_t>(view.list_offsets[row + 1]) - begin;
    if (find_null(strings, offset_of(strings) + begin, length))
      return at_row(view.name, row, "a list of strings holds a null");
  }
  read_strings(strings, offset_of(strings), string_count, format == "U", view);
  return {};
}

Result<void> ArrowRows::read_vector_lists(const ArrowSchema& schema, const ArrowArray& array, size_t first, bool wide,
                                          ColumnView& view) {
  const ArrowSchema& vector = *schema.children[0];
  const ArrowArray& vectors = *array.children[0];
  const std::string_view digits = std::string_view(vector.format).substr(3);
  std::from_chars(digits.data(), digits.data() + digits.size(), view.dims);
  if (std::string_view(vector.children[0]->format) != "f")
    return wrong_type(view.name, "list of vectors of " + std::string(vector.children[0]->format));
  view.list_offsets = read_offsets(array.buffers[1], first, row_count_, wide);
  const ArrowArray& components = *vectors.children[0];
  const size_t start = offset_of(components) + offset_of(vectors) * view.dims;
  for (size_t row = 0; row < row_count_; ++row) {
    if (view.validity != nullptr && view.validity[row] == 0) continue;
    const auto begin = static_cast<size_t>(view.list_offsets[row]);
    const auto length = static_cast<size_t>(view.list_offsets[row + 1]) - begin;
    if (find_null(vectors, offset_of(vectors) + begin, length))
      return at_row(view.name, row, "a list of vectors holds a null");
    if (find_null(components, start + begin * view.dims, length * view.dims))
      return at_row(view.name, row, "a component of a vector is null");
  }
  view.floats = values_at<float>(components, 1, start);
  return {};
}

// Lists of structs of an index and a weight: sparse vectors.
Result<void> ArrowRows::read_pairs(const ArrowSchema& schema, const ArrowArray& array, size_t first, bool wide,
                                   ColumnView& view) {
  const ArrowSchema& members = *schema.children[0];
  const ArrowArray& pairs = *array.children[0];
  if (pairs.n_children != 2 || std::string_view(members.children[0]->format) != "I" ||
      std::string_view(members.children[1]->format) != "f") {
    return wrong_type(view.name, "list of structs other than of a uint32 and a float32");
  }
  const ArrowArray& indexes = *pairs.children[0];
  const ArrowArray& weights = *pairs.children[1];
  view.list_offsets = read_offsets(array.buffers[1], first, row_count_, wide);
  for (size_t row = 0; row < row_count_; ++row) {
    if (view.validity != nullptr && view.validity[row] == 0) continue;
    const size_t begin = offset_of(pairs) + static_cast<size_t>(view.list_offsets[row]);
    const size_t length = static_cast<size_t>(view.list_offsets[row + 1] - view.list_offsets[row]);
    const auto has_null = [&](const ArrowArray& values, size_t from) {
      return find_null(values, from, length).has_value();
    };
    if (has_null(pairs, begin) || has_null(indexes, offset_of(indexes) + begin) ||
        has_null(weights, offset_of(weights) + begin)) {
      return at_row(view.name, row, "a sparse vector holds a null");
    }
  }
  view.uints = values_at<uint32_t>(indexes, 1, offset_of(indexes) + offset_of(pairs));
  view.floats = values_at<float>(weights, 1, offset_of(weights) + offset_of(pairs));
  return {};
}

void ArrowRows::read_bits(const ArrowSchema& schema, const ArrowArray& array, size_t first, ColumnView& view) {
  const std::string_view digits = std::string_view(schema.format).substr(2);
  size_t row_bytes = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), row_bytes);
  view.dims = 8 * row_bytes;
  view.bits = values_at<uint8_t>(array, 1, first * row_bytes);
}

Result<void> ArrowRows::read_vectors(const ArrowSchema& schema, const ArrowArray& array, size_t first,
                                     ColumnView& view) {
  const std::string_view digits = std::string_view(schema.format).substr(3);
  std::from_chars(digits.data(), digits.data() + digits.size(), view.dims);
  const ArrowArray& components = *array.children[0];
  if (std::string_view(schema.children[0]->format) != "f")
    return wrong_type(view.name, "vector of " + std::string(schema.children[0]->format));
  const size_t start = offset_of(components) + first * view.dims;
  for (size_t row = 0; row < row_count_; ++row) {
    if (view.validity != nullptr && view.validity[row] == 0) continue;
    if (find_null(components, start + row * view.dims, view.dims))
      return at_row(view.name, row, "a component of the vector is null");
  }
  view.floats = values_at<float>(components, 1, start);
  return {};
}

const int64_t* ArrowRows::read_offsets(const void* buffer, size_t first, size_t count, bool wide) {
  if (buffer == nullptr) return offsets_.emplace_back(count + 1, int64_t{0}).data();
  if (wide) return static_cast<const int64_t*>(buffer) + first;
  const auto* narrow = static_cast<const int32_t*>(buffer) + first;
  return offsets_.emplace_back(narrow, narrow + count + 1).data();
}

const uint8_t* ArrowRows::unpack_bits(const void* buffer, size_t first, size_t count) {
  std::vector<uint8_t>& unpacked = bytes_.emplace_back(count + 1);  // never empty, so that its address is one
  for (size_t i = 0; i < count; ++i) unpacked[i] = bit_at(buffer, first + i) ? 1 : 0;
  return unpacked.data();
}

}  // namespace omendb::python
