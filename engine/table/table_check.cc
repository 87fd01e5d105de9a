// Everything a table derives is compared with what it is derived from.

#include "engine/base/try.h"
#include "engine/sparse/sparse_vector.h"
#include "engine/table/table_store.h"

#include <fmt/format.h>

namespace omendb::table {
namespace {

Error corrupt(const TableInfo& info, std::string_view what) {
  return {ErrorCode::kCorruption, fmt::format("table '{}': {}", info.name, what)};
}

Result<void> check_keys(const TableVersion& version) {
  const TableInfo& info = *version.info;
  if (version.keys.size() != version.live.live_count()) {
    return corrupt(info, fmt::format("{} keys for {} live rows", version.keys.size(), version.live.live_count()));
  }
  if (const std::string fault = version.keys.validate(); !fault.empty())
    return corrupt(info, fmt::format("the key directory is malformed: {}", fault));
  Result<void> result;
  version.live.for_each([&](RowId row) {
    if (!result.ok()) return;
    const KeyLookup lookup = version.key_column->lookup(version.key_column->at(row));
    const KeySlot* slot = version.keys.find(lookup);
    if (slot != nullptr && slot->row == row.value) return;
    result = corrupt(info, fmt::format("row {} is not found by its key {}", row.value,
                                       to_string(lookup.key, version.key_column->type())));
  });
  return result;
}

// Counts of each bitmap, and that only live rows with a vector are searchable.
Result<void> check_bits(const TableVersion& version) {
  uint32_t live_count = 0;
  version.live.for_each([&](RowId) { ++live_count; });
  if (live_count != version.live.live_count()) return corrupt(*version.info, "the count of live rows is wrong");
  for (const VectorColumnVersion& column : version.vectors) {
    Result<void> result;
    const ColumnReader& reader = version.columns[column.index->column()];
    version.live.for_each([&](RowId row) {
      if (column.searchable.contains(row) != reader.has_vector(row))
        result = corrupt(*version.info, fmt::format("row {} has a wrong searchable bit", row.value));
    });
    TRY_OK(std::move(result));
  }
  return {};
}

Result<void> check_graph(const TableVersion& version, const VectorColumnVersion& column) {
  const uint32_t watermark = column.index->watermark();
  Result<void> result;
  column.searchable.for_each([&](RowId row) {
    if (row.value < watermark && !column.index->graph().contains(row)) {
      result = corrupt(*version.info,
                       fmt::format("row {} lies below the watermark {} but is not in the graph", row.value, watermark));
    }
  });
  TRY_OK(std::move(result));
  return graph::check(column.index->graph(), column.searchable.view());
}

// Each live row is plain or shows one live slot, and no other slot lives.
Result<void> check_patches(const TableVersion& version) {
  const TableInfo& info = *version.info;
  const Patches& patches = *version.patches;
  if (patches.plain.row_count() != version.row_count()) return corrupt(info, "the plain rows are of another table");
  Result<void> result;
  uint32_t patched_count = 0;
  version.live.for_each([&](RowId row) {
    if (!result.ok() || patches.plain.contains(row)) return;
    ++patched_count;
    const uint32_t slot = patches.slot_map->contains(row) ? patches.slot_of(row) : patches.slot_count();
    if (slot < patches.slot_count() && patches.slots.contains({slot}) && patches.row_of(slot) == row) return;
    result = corrupt(info, fmt::format("row {} was updated, but its patch is not in slot {}", row.value, slot));
  });
  TRY_OK(std::move(result));
  if (patches.plain.live_count() + patched_count != version.live.live_count())
    return corrupt(info, "a plain row does not live");
  if (patches.slots.live_count() != patched_count)
    return corrupt(info, fmt::format("{} slots live for {} updated rows", patches.slots.live_count(), patched_count));
  return {};
}

// Values of sparse vectors, which are read as far as they are good.
Result<void> check_sparse_values(const TableVersion& version, size_t c) {
  const ColumnReader& column = version.columns[c];
  Result<void> result;
  version.live.for_each([&](RowId row) {
    if (!result.ok() || column.is_null(row)) return;
    const std::string fault = sparse::fault_of(column.bytes(row));
    if (fault.empty()) return;
    result = corrupt(*version.info, fmt::format("column '{}': the sparse vector of row {} {}",
                                                version.info->schema.columns[c].name, row.value, fault));
  });
  return result;
}

}  // namespace

Result<void> TableStore::check(const TableVersion& version) const {
  TRY_OK(check_bits(version));
  TRY_OK(check_keys(version));
  if (version.patches) TRY_OK(check_patches(version));
  for (size_t c = 0; c < version.columns.size(); ++c) {
    if (info_->schema.columns[c].type == Type::kSparse) TRY_OK(check_sparse_values(version, c));
  }
  for (const VectorColumnVersion& column : version.vectors) TRY_OK(check_graph(version, column));
  for (const TextColumnVersion& column : version.texts) TRY_OK(check_text(version, column));
  return {};
}

}  // namespace omendb::table
