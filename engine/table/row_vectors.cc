#include "engine/table/row_vectors.h"

#include "engine/table/table_version.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <vector>

namespace omendb::table {

VectorOptions graph_vectors(const ColumnSpec& spec) {
  VectorOptions options = spec.vector;
  if (spec.type == Type::kVectors) options.dims = quantize::FixedEncoding::kDims;
  return options;
}

std::shared_ptr<const quantize::FixedEncoding> make_encoding(const ColumnSpec& spec) {
  if (spec.type != Type::kVectors) return nullptr;
  return std::make_shared<const quantize::FixedEncoding>(spec.vector.dims, spec.vector.metric == Metric::kCosine);
}

bool are_whole_vectors(uint64_t size_bytes, size_t dims) {
  const uint64_t vector_bytes = uint64_t{dims} * sizeof(float);
  return size_bytes % vector_bytes == 0 && size_bytes / vector_bytes <= kRowVectorsMax && size_bytes <= kValueBytesMax;
}

std::span<const float> vectors_of(std::string_view value, size_t dims) {
  const size_t count = std::min<size_t>(value.size() / (dims * sizeof(float)), kRowVectorsMax);
  return {reinterpret_cast<const float*>(value.data()), count * dims};
}

namespace {

// What a value's bytes are as numbers: those of a statement lie anywhere, those of a log record at any address.
std::vector<float> numbers_of(std::span<const std::byte> value) {
  std::vector<float> numbers(value.size() / sizeof(float));
  std::ranges::copy(value, std::as_writable_bytes(std::span(numbers)).begin());
  return numbers;
}

void encode_column(const quantize::FixedEncoding& encoding, uint32_t row_count, RowsColumn& column, Rows& owner) {
  constexpr size_t kBytes = quantize::FixedEncoding::kDims * sizeof(float);
  const std::span<std::byte> encodings = owner.own(row_count * kBytes);
  std::vector<float> numbers(quantize::FixedEncoding::kDims);
  size_t at = 0;
  for (uint32_t row = 0; row < row_count; ++row) {
    const auto value = column.values.subspan(at, column.length(row));
    at += value.size();
    encoding.encode_row(numbers_of(value), numbers);
    std::ranges::copy(std::as_bytes(std::span(numbers)), encodings.begin() + static_cast<ptrdiff_t>(row * kBytes));
  }
  column.encodings = encodings;
}

}  // namespace

Result<void> encode_vectors(const TableVersion& version, Rows& rows) {
  try {
    for (const VectorColumnVersion& column : version.vectors) {
      RowsColumn& values = rows.columns[column.index->column()];
      const bool wanted = column.index->encoding() != nullptr && values.encodings.empty();
      if (wanted && values.nulls != Nulls::kAll) encode_column(*column.index->encoding(), rows.row_count, values, rows);
    }
    return {};
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, fmt::format("table '{}': no memory to encode the vectors of {} rows",
                                                      version.info->name, rows.row_count)};
  }
}

}  // namespace omendb::table
