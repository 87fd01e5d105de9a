// Which rows of a table should be written again at its end, so that the region that they leave is dead.

#include "engine/table/table_store.h"

#include <new>

namespace omendb::table {
namespace {

// What is moved at a time: statements that come meanwhile wait a few milliseconds.
constexpr size_t kMovedRowsMax = 256;
constexpr uint64_t kMovedBytesMax = 1ULL << 20;

}  // namespace

uint64_t row_bytes(const TableVersion& version, RowId row) {
  uint64_t size_bytes = 0;
  for (size_t c = 0; c < version.columns.size(); ++c) size_bytes += version.values(c).value_bytes(row);
  return size_bytes;
}

std::vector<RowId> TableStore::rows_to_move(const TableVersion& version) const {
  std::vector<RowId> rows;
  const std::optional<uint32_t> region = dead_rows_->sparsest_region(version.live);
  if (!region) return rows;
  uint64_t size_bytes = 0;
  RowId row{*region * DeadRows::kRowsPerRegion};
  for (uint32_t i = 0; i < DeadRows::kRowsPerRegion; ++i, ++row.value) {
    if (!version.live.contains(row)) continue;
    size_bytes += row_bytes(version, row);
    if (rows.size() == kMovedRowsMax || (size_bytes > kMovedBytesMax && !rows.empty())) break;
    rows.push_back(row);
  }
  return rows;
}

Result<Rows> copy_rows(const TableVersion& version, std::span<const RowId> rows) {
  try {
    Rows copy;
    copy.row_count = static_cast<uint32_t>(rows.size());
    for (size_t c = 0; c < version.columns.size(); ++c) copy.columns.push_back(version.values(c).copy(rows, copy));
    return copy;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory for a copy of rows that are moved"};
  }
}

}  // namespace omendb::table
