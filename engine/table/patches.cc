#include "engine/table/patches.h"

#include "engine/base/try.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace omendb::table {
namespace {

storage::ArrayId rows_array(StorageId storage) { return array_id(storage, kTableColumn, Part::kPatchedRows); }

}  // namespace

void SlotMap::set(RowId row, uint32_t slot) {
  const size_t p = row.value / kRowsPerPage;
  if (p >= pages_.size()) pages_.resize(p + 1);
  std::shared_ptr<const Page>& page = pages_[p];
  if (page == nullptr) page = std::make_shared<const Page>(Page{});
  // One that nobody else holds was made by an earlier edit of this very map.
  if (page.use_count() > 1) page = std::make_shared<const Page>(*page);
  const_cast<Page&>(*page)[row.value % kRowsPerPage] = slot;
}

uint64_t SlotMap::memory_bytes() const {
  uint64_t total = pages_.size() * sizeof(pages_.front());
  for (const auto& page : pages_) total += page == nullptr ? 0 : sizeof(Page);
  return total;
}

RowId Patches::row_of(uint32_t slot) const {
  RowId row;
  std::memcpy(&row.value, rows->data() + uint64_t{slot} * sizeof(row.value), sizeof(row.value));
  return row;
}

void Patches::remove(std::span<const RowId> removed) {
  for (const RowId row : removed) {
    if (!plain.erase(row)) slots.erase({slot_of(row)});
  }
}

uint64_t Patches::memory_bytes() const {
  return slots.memory_bytes() + plain.memory_bytes() + slot_map->memory_bytes();
}

Result<std::shared_ptr<PatchArrays>> PatchArrays::open(storage::Store& store, StorageId storage, const Schema& schema,
                                                       uint32_t slot_count) {
  TRY(rows, store.append_array(rows_array(storage), storage::SpaceKind::kShared));
  if (rows->size_bytes() != uint64_t{slot_count} * sizeof(RowId)) {
    return Error{ErrorCode::kCorruption,
                 fmt::format("patches hold {} bytes of rows for {} slots", rows->size_bytes(), slot_count)};
  }
  auto arrays = std::make_shared<PatchArrays>();
  arrays->storage_ = storage;
  LiveBitmap slots;  // all of them have bytes, also those that no row shows
  slots.append(slot_count, true);
  for (uint32_t c = 0; c < schema.columns.size(); ++c) {
    std::optional<Column>& column = arrays->columns_.emplace_back();
    if (!is_metadata(schema.columns[c])) continue;
    TRY(opened, Column::open(store, storage, c, schema.columns[c], slots));
    column = std::move(opened);
  }
  arrays->rows_ = rows;
  return arrays;
}

Result<void> PatchArrays::append(std::span<const RowId> rows, const Rows& values, uint32_t slot_count) {
  const auto count = static_cast<uint32_t>(rows.size());
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (columns_[c]) TRY_OK(columns_[c]->reserve(values.columns[c], slot_count, count));
  }
  TRY_OK(rows_->reserve(rows.size_bytes()));
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (columns_[c]) TRY_OK(columns_[c]->append(values.columns[c], slot_count, count));
  }
  return rows_->append(std::as_bytes(rows));
}

void PatchArrays::truncate(uint32_t slot_count) {
  for (std::optional<Column>& column : columns_) {
    if (column) column->truncate(slot_count);
  }
  rows_->truncate(uint64_t{slot_count} * sizeof(RowId));
}

void PatchArrays::refresh(Patches& patches) const {
  patches.columns.clear();
  for (const std::optional<Column>& column : columns_)
    patches.columns.push_back(column ? column->reader() : ColumnReader());
  patches.rows = rows_->mapping();
}

uint64_t PatchArrays::disk_bytes(const storage::Store& store) const {
  uint64_t total = store.array_disk_bytes(rows_array(storage_));
  for (const std::optional<Column>& column : columns_) total += column ? column->disk_bytes(store) : 0;
  return total;
}

}  // namespace omendb::table
