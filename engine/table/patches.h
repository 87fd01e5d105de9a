#pragma once

// What rows got by updates of metadata columns: a row that was updated stays where it is, in graphs, indexes of texts and keys, and its values are written to a slot of
// other arrays. A slot has a value for every metadata column, and never changes; a row that is updated again gets another one. docs/format/records.md has the bytes.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/storage/store.h"
#include "engine/table/array_ids.h"
#include "engine/table/column.h"
#include "engine/table/kept_bitmaps.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/rows.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace omendb::table {

// Row -> slot, versioned: pages that versions share and that are copied on write. Edits by one thread.
class SlotMap {
 public:
  // Of a row that was set; of others on its page any.
  uint32_t slot_of(RowId row) const { return (*pages_[row.value / kRowsPerPage])[row.value % kRowsPerPage]; }
  bool contains(RowId row) const {
    return row.value / kRowsPerPage < pages_.size() && pages_[row.value / kRowsPerPage] != nullptr;
  }
  void set(RowId row, uint32_t slot);
  uint64_t memory_bytes() const;

 private:
  static constexpr uint32_t kRowsPerPage = 4096;
  using Page = std::array<uint32_t, kRowsPerPage>;
  std::vector<std::shared_ptr<const Page>> pages_;  // null where no row was set
};

// The patches of one version.
struct Patches {
  StorageId storage{};
  std::vector<ColumnReader> columns;  // in schema order; of others than metadata columns nothing
  std::shared_ptr<const storage::Mapping> rows;
  LiveBitmap slots;  // those whose values a row shows
  LiveBitmap plain;  // live rows that show the values they were written with
  std::shared_ptr<const SlotMap> slot_map;
  std::shared_ptr<KeptBitmaps> kept;  // of slots; shared by all versions of one storage, as `pin` is
  std::shared_ptr<void> pin;          // when the last one goes, the storage may go

  uint32_t slot_count() const { return slots.row_count(); }
  // The row of any slot, and the slot of a live row that is not plain.
  RowId row_of(uint32_t slot) const;
  uint32_t slot_of(RowId row) const { return slot_map->slot_of(row); }
  // Rows that were live a moment ago.
  void remove(std::span<const RowId> rows);
  uint64_t memory_bytes() const;
};

// The writer's side of them. One thread at a time.
class PatchArrays {
 public:
  // As the root knows them; a new storage has no slots. Fails: kCorruption, kIo.
  static Result<std::shared_ptr<PatchArrays>> open(storage::Store& store, StorageId storage, const Schema& schema,
                                                   uint32_t slot_count);

  StorageId storage() const { return storage_; }
  // A slot for each of `rows`, with their values of the metadata columns. Fails: kStorageFull, kIo; then truncate() takes back what was appended.
  Result<void> append(std::span<const RowId> rows, const Rows& values, uint32_t slot_count);
  void truncate(uint32_t slot_count);
  // Tells where the arrays lie now.
  void refresh(Patches& patches) const;
  uint64_t disk_bytes(const storage::Store& store) const;

 private:
  StorageId storage_{};
  std::vector<std::optional<Column>> columns_;  // in schema order; none for others than metadata columns
  std::shared_ptr<storage::AppendArray> rows_;
};

}  // namespace omendb::table
