#include "arrow_out.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace omendb::python {
namespace {

constexpr int64_t kEmptyOffsets[1] = {0};

// What an exported struct owns; freed by its release callback.
struct SchemaParts {
  std::string format;
  std::string name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
};

struct ArrayParts {
  std::shared_ptr<const Batch> batch;
  std::array<std::vector<uint8_t>, 2> bitmaps;
  std::array<const void*, 3> buffers{};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
};

template <typename Parts, typename Struct>
void release(Struct* exported) {
  auto* parts = static_cast<Parts*>(exported->private_data);
  for (Struct& child : parts->children) {
    if (child.release != nullptr) child.release(&child);
  }
  exported->release = nullptr;
  delete parts;
}

template <typename Parts, typename Struct>
void adopt_children(Parts& parts, Struct& exported) {
  for (Struct& child : parts.children) parts.child_pointers.push_back(&child);
  exported.n_children = static_cast<int64_t>(parts.children.size());
  exported.children = parts.children.empty() ? nullptr : parts.child_pointers.data();
}

void fill_schema(std::string format, std::string name, int64_t flags, std::vector<ArrowSchema> children,
                 ArrowSchema& schema) {
  auto* parts = new SchemaParts{std::move(format), std::move(name), std::move(children), {}};
  schema = {};
  schema.format = parts->format.c_str();
  schema.name = parts->name.c_str();
  schema.flags = flags;
  schema.release = &release<SchemaParts, ArrowSchema>;
  schema.private_data = parts;
  adopt_children(*parts, schema);
}

bool is_of_bits(const ColumnData& column) { return column.type == Type::kVector && column.element == Element::kBit; }

std::string format_of(const ColumnData& column) {
  if (is_of_bits(column)) return "w:" + std::to_string((column.dims + 7) / 8);
  switch (column.type) {
    case Type::kBool: return "b";
    case Type::kInt64: return "l";
    case Type::kFloat64: return "g";
    case Type::kTimestamp: return "tsu:UTC";
    case Type::kString:
    case Type::kText:
    case Type::kJson: return "U";
    case Type::kStringList:
    case Type::kVectors:
    case Type::kSparse: return "+L";
    case Type::kVector: return "+w:" + std::to_string(column.dims);
  }
  return "n";
}

ArrowSchema schema_of(const ColumnData& column) {
  std::vector<ArrowSchema> children;
  if (column.type == Type::kStringList) fill_schema("U", "item", kArrowFlagNullable, {}, children.emplace_back());
  if (column.type == Type::kSparse) {
    std::vector<ArrowSchema> members(2);
    fill_schema("I", "index", 0, {}, members[0]);
    fill_schema("f", "weight", 0, {}, members[1]);
    fill_schema("+s", "item", kArrowFlagNullable, std::move(members), children.emplace_back());
  }
  if (column.type == Type::kVector && !is_of_bits(column))
    fill_schema("f", "item", kArrowFlagNullable, {}, children.emplace_back());
  if (column.type == Type::kVectors) {
    std::vector<ArrowSchema> components;
    fill_schema("f", "item", kArrowFlagNullable, {}, components.emplace_back());
    fill_schema("+w:" + std::to_string(column.dims), "item", kArrowFlagNullable, std::move(components),
                children.emplace_back());
  }
  ArrowSchema schema;
  fill_schema(format_of(column), column.name, kArrowFlagNullable, std::move(children), schema);
  return schema;
}

std::vector<uint8_t> pack_bits(const std::vector<uint8_t>& bytes) {
  std::vector<uint8_t> bits((bytes.size() + 7) / 8 + 1);
  for (size_t i = 0; i < bytes.size(); ++i)
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | ((bytes[i] != 0 ? 1U : 0U) << (i % 8)));
  return bits;
}

void fill_array(std::unique_ptr<ArrayParts> parts, size_t length, size_t null_count, size_t buffer_count,
                ArrowArray& array) {
  array = {};
  array.length = static_cast<int64_t>(length);
  array.null_count = static_cast<int64_t>(null_count);
  array.n_buffers = static_cast<int64_t>(buffer_count);
  array.buffers = parts->buffers.data();
  adopt_children(*parts, array);
  array.release = &release<ArrayParts, ArrowArray>;
  array.private_data = parts.release();
}

const void* offsets_of(const std::vector<int64_t>& offsets) {
  return offsets.empty() ? static_cast<const void*>(kEmptyOffsets) : offsets.data();
}

void fill_strings(const std::shared_ptr<const Batch>& batch, const ColumnData& column, size_t count,
                  ArrowArray& array) {
  auto parts = std::make_unique<ArrayParts>();
  parts->batch = batch;
  parts->buffers = {nullptr, offsets_of(column.offsets), column.chars.data()};
  fill_array(std::move(parts), count, 0, 3, array);
}

template <typename T>
void fill_numbers(const std::shared_ptr<const Batch>& batch, const std::vector<T>& numbers, ArrowArray& array) {
  auto parts = std::make_unique<ArrayParts>();
  parts->batch = batch;
  parts->buffers = {nullptr, numbers.data(), nullptr};
  fill_array(std::move(parts), numbers.size(), 0, 2, array);
}

void fill_pairs(const std::shared_ptr<const Batch>& batch, const ColumnData& column, ArrowArray& array) {
  auto parts = std::make_unique<ArrayParts>();
  parts->batch = batch;
  parts->children.resize(2);
  fill_numbers(batch, column.uints, parts->children[0]);
  fill_numbers(batch, column.floats, parts->children[1]);
  fill_array(std::move(parts), column.uints.size(), 0, 1, array);
}

void fill_vectors(const std::shared_ptr<const Batch>& batch, const ColumnData& column, ArrowArray& array) {
  auto parts = std::make_unique<ArrayParts>();
  parts->batch = batch;
  fill_numbers(batch, column.floats, parts->children.emplace_back());
  fill_array(std::move(parts), column.floats.size() / std::max<size_t>(1, column.dims), 0, 1, array);
}

// Buffers after the validity, and how many there are of both.
size_t fill_values(const std::shared_ptr<const Batch>& batch, const ColumnData& column, ArrayParts& parts) {
  switch (column.type) {
    case Type::kBool:
      parts.bitmaps[1] = pack_bits(column.bools);
      parts.buffers[1] = parts.bitmaps[1].data();
      return 2;
    case Type::kInt64:
    case Type::kTimestamp: parts.buffers[1] = column.ints.data(); return 2;
    case Type::kFloat64: parts.buffers[1] = column.doubles.data(); return 2;
    case Type::kString:
    case Type::kText:
    case Type::kJson:
      parts.buffers[1] = offsets_of(column.offsets);
      parts.buffers[2] = column.chars.data();
      return 3;
    case Type::kStringList:
      parts.buffers[1] = offsets_of(column.list_offsets);
      fill_strings(batch, column, column.offsets.empty() ? 0 : column.offsets.size() - 1,
                   parts.children.emplace_back());
      return 2;
    case Type::kVectors:
      parts.buffers[1] = offsets_of(column.list_offsets);
      fill_vectors(batch, column, parts.children.emplace_back());
      return 2;
    case Type::kSparse:
      parts.buffers[1] = offsets_of(column.list_offsets);
      fill_pairs(batch, column, parts.children.emplace_back());
      return 2;
    case Type::kVector:
      if (is_of_bits(column)) {
        parts.buffers[1] = column.bits.data();
        return 2;
      }
      fill_numbers(batch, column.floats, parts.children.emplace_back());
      return 1;
  }
  return 0;
}

void fill_column(const std::shared_ptr<const Batch>& batch, const ColumnData& column, ArrowArray& array) {
  auto parts = std::make_unique<ArrayParts>();
  parts->batch = batch;
  size_t null_count = 0;
  if (!column.validity.empty()) {
    null_count = static_cast<size_t>(std::count(column.validity.begin(), column.validity.end(), uint8_t{0}));
    parts->bitmaps[0] = pack_bits(column.validity);
    parts->buffers[0] = parts->bitmaps[0].data();
  }
  const size_t buffer_count = fill_values(batch, column, *parts);
  fill_array(std::move(parts), batch->row_count, null_count, buffer_count, array);
}

}  // namespace

void export_schema(const Batch& batch, ArrowSchema& schema) {
  std::vector<ArrowSchema> children;
  for (const ColumnData& column : batch.columns) children.push_back(schema_of(column));
  fill_schema("+s", "", 0, std::move(children), schema);
}

void export_array(const std::shared_ptr<const Batch>& batch, ArrowArray& array) {
  auto parts = std::make_unique<ArrayParts>();
  parts->batch = batch;
  parts->children.resize(batch->columns.size());
  for (size_t i = 0; i < batch->columns.size(); ++i) fill_column(batch, batch->columns[i], parts->children[i]);
  fill_array(std::move(parts), batch->row_count, 0, 1, array);
}

}  // namespace omendb::python
