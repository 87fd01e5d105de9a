// Updates of metadata columns on the writer's side: slots that are added to a table's patches, and an empty storage for them where most are dead.

#include "engine/base/try.h"
#include "engine/table/table_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

namespace omendb::table {
namespace {

constexpr uint64_t kSlotsMax = UINT32_MAX - 1;
// Fewer dead slots are not worth a copy of the live ones.
constexpr uint32_t kDeadSlotsMin = 65'536;
constexpr size_t kCopiedSlots = 16'384;  // at a time

// The last one of `rows` shows the last slot. True if all were live and none stood twice.
bool add_slots(Patches& patches, const LiveBitmap& live, std::span<const RowId> rows) {
  auto slot_map = std::make_shared<SlotMap>(*patches.slot_map);
  const uint32_t first_slot = patches.slot_count();
  uint32_t slot = first_slot;
  patches.slots.append(static_cast<uint32_t>(rows.size()), true);
  for (const RowId row : rows) {
    if (!live.contains(row)) return false;
    if (!patches.plain.erase(row)) {
      const uint32_t old = slot_map->slot_of(row);
      if (old >= first_slot) return false;
      patches.slots.erase({old});
    }
    slot_map->set(row, slot++);
  }
  patches.slot_map = std::move(slot_map);
  return true;
}

// Without slots.
Patches empty_patches(StorageId storage, const LiveBitmap& live) {
  Patches patches;
  patches.storage = storage;
  patches.plain = live;
  patches.slot_map = std::make_shared<const SlotMap>();
  patches.kept = std::make_shared<KeptBitmaps>();
  patches.pin = std::make_shared<char>();
  return patches;
}

Error out_of_memory(const TableInfo& info) {
  return {ErrorCode::kOutOfMemory, fmt::format("no memory to update rows of table '{}'", info.name)};
}

}  // namespace

// --- opening ---

// Which slots live follows from the rows that do: of each row the last one.
Result<void> TableStore::load_patches(const TableSummary& summary, TableVersion& version) {
  if (summary.patch_storage.value == 0) return {};
  TRY(arrays, PatchArrays::open(store_, summary.patch_storage, info_->schema, summary.patch_slot_count));
  Patches patches = empty_patches(summary.patch_storage, version.live);
  arrays->refresh(patches);
  patches.slots.append(summary.patch_slot_count, true);
  auto slot_map = std::make_shared<SlotMap>();
  for (uint32_t slot = 0; slot < summary.patch_slot_count; ++slot) {
    const RowId row = patches.row_of(slot);
    if (row.value >= summary.row_count) {
      return Error{ErrorCode::kCorruption, fmt::format("table '{}': slot {} of its patches is of row {} of {}",
                                                       info_->name, slot, row.value, summary.row_count)};
    }
    if (!version.live.contains(row)) {
      patches.slots.erase({slot});
      continue;
    }
    if (!patches.plain.erase(row)) patches.slots.erase({slot_map->slot_of(row)});
    slot_map->set(row, slot);
  }
  patches.slot_map = std::move(slot_map);
  version.patches = std::move(patches);
  patch_arrays_ = std::move(arrays);
  return {};
}

// --- another storage ---

bool TableStore::needs_patch_storage() const {
  if (!version_->patches) return true;
  const LiveBitmap& slots = version_->patches->slots;
  const uint32_t dead_count = slots.row_count() - slots.live_count();
  return dead_count >= kDeadSlotsMin && dead_count > slots.live_count();
}

// In the order of slots, so that replay comes to the same ones.
Result<void> TableStore::copy_live_patches(PatchArrays& arrays, Patches& patches) const {
  const Patches& old = *version_->patches;
  std::vector<RowId> slots;
  Result<void> result;
  const auto copy = [&] {
    if (!result.ok() || slots.empty()) return;
    std::vector<RowId> rows;
    rows.reserve(slots.size());
    for (const RowId slot : slots) rows.push_back(old.row_of(slot.value));
    Rows values;
    values.row_count = static_cast<uint32_t>(slots.size());
    for (size_t c = 0; c < old.columns.size(); ++c) {
      RowsColumn& column = values.columns.emplace_back();
      if (is_metadata(info_->schema.columns[c]))
        column = ColumnValues(old.columns[c], nullptr, nullptr).copy(slots, values);
    }
    result = arrays.append(rows, values, patches.slot_count());
    if (result.ok()) add_slots(patches, version_->live, rows);
    slots.clear();
  };
  old.slots.for_each([&](RowId slot) {
    slots.push_back(slot);
    if (slots.size() == kCopiedSlots) copy();
  });
  copy();
  return result;
}

Result<void> TableStore::draft_patch_storage(StorageId storage, TableChange& change) const {
  TRY(arrays, PatchArrays::open(store_, storage, info_->schema, 0));
  Patches patches = empty_patches(storage, version_->live);
  if (version_->patches) TRY_OK(copy_live_patches(*arrays, patches));
  arrays->refresh(patches);
  const std::shared_ptr<TableVersion> version = draft();
  version->patches = std::move(patches);
  version->guard = version_->guard->successor();
  change.version = version;
  change.patch_arrays = std::move(arrays);
  return {};
}

Result<TableChange> TableStore::prepare_patch_storage(StorageId storage) {
  TableChange change;
  change.first_row = {version_->row_count()};
  try {
    TRY_OK(draft_patch_storage(storage, change));
    return change;
  } catch (const std::bad_alloc&) {
    return out_of_memory(*info_);
  }
}

Result<void> TableStore::replay_patch_storage(StorageId storage) {
  TRY(change, prepare_patch_storage(storage));
  version_ = std::move(change.version);
  patch_arrays_ = std::move(change.patch_arrays);
  return {};
}

// --- slots ---

Result<void> TableStore::draft_patch(std::span<const RowId> rows, const Rows& values, TableChange& change) {
  TRY_OK(patch_arrays_->append(rows, values, version_->patches->slot_count()));
  const std::shared_ptr<TableVersion> version = draft();
  patch_arrays_->refresh(*version->patches);
  if (!add_slots(*version->patches, version->live, rows)) {
    return Error{ErrorCode::kCorruption,
                 fmt::format("table '{}': a row is updated that is not there, or stands twice", info_->name)};
  }
  version->guard = version_->guard->successor();
  change.version = version;
  return {};
}

Result<TableChange> TableStore::prepare_patch(std::span<const RowId> rows, const Rows& values) {
  TableChange change;
  change.first_row = {version_->row_count()};
  change.patch_count = static_cast<uint32_t>(rows.size());
  if (version_->patches->slot_count() + uint64_t{rows.size()} > kSlotsMax) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("table '{}' would have more than {} updated rows", info_->name, kSlotsMax)};
  }
  try {
    if (auto drafted = draft_patch(rows, values, change); !drafted.ok()) {
      abandon(change);
      return std::move(drafted).error();
    }
    return change;
  } catch (const std::bad_alloc&) {
    abandon(change);
    return out_of_memory(*info_);
  }
}

Result<void> TableStore::replay_patch(const PatchRecord& record) {
  if (!version_->patches || record.first_slot != version_->patches->slot_count()) {
    return Error{ErrorCode::kCorruption,
                 fmt::format("log: table '{}': a record of patches continues at slot {}, where they do not end",
                             info_->name, record.first_slot)};
  }
  TRY(change, prepare_patch(record.rows, record.values));
  version_ = std::move(change.version);
  return {};
}

}  // namespace omendb::table
