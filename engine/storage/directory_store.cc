#include "engine/storage/directory_store.h"

#include "engine/base/crc32c.h"
#include "engine/base/try.h"
#include "engine/storage/file_names.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace omendb::storage {

Result<std::unique_ptr<Store>> Store::open(std::shared_ptr<os::Directory> directory, const StoreOptions& options) {
  TRY(store, DirectoryStore::open_directory_store(std::move(directory), options));
  return std::unique_ptr<Store>(std::move(store));
}

DirectoryStore::DirectoryStore(std::shared_ptr<StoreContext> context, const StoreOptions& options)
    : context_(std::move(context)),
      options_(options),
      shared_(std::make_shared<SharedSpace>(context_)),
      root_(std::make_shared<Root>()) {}

std::shared_ptr<const Root> DirectoryStore::root() const {
  const std::lock_guard guard(mutex_);
  return root_;
}

std::span<const std::byte> DirectoryStore::metadata() const { return root()->metadata; }
uint64_t DirectoryStore::database_uuid_low() const { return root()->uuid_low; }
CommitNumber DirectoryStore::checkpointed_commit() const { return root()->commit; }

std::vector<ArrayId> DirectoryStore::arrays() const {
  const std::lock_guard guard(mutex_);
  std::set<uint64_t> ids;
  for (const auto& [id, array] : root_->arrays) ids.insert(id);
  for (const auto& [id, array] : opened_) ids.insert(id);
  std::vector<ArrayId> all;
  all.reserve(ids.size());
  for (const uint64_t id : ids) all.push_back({id});
  return all;
}

uint64_t DirectoryStore::array_bytes(ArrayId id) const {
  const auto newest = root();
  const auto found = newest->arrays.find(id.value);
  return found == newest->arrays.end() ? 0 : found->second.size_bytes;
}

Result<std::shared_ptr<AppendArray>> DirectoryStore::append_array(ArrayId id, SpaceKind space) {
  if (context_->closed) return Error{ErrorCode::kClosed, context_->directory->path() + " is closed"};
  const std::lock_guard guard(mutex_);
  const auto saved = root_->arrays.find(id.value);
  const RootArray* const saved_array = saved == root_->arrays.end() ? nullptr : &saved->second;
  if (saved_array != nullptr && (saved_array->kind != ArrayKind::kAppend || saved_array->space != space)) {
    return Error{ErrorCode::kCorruption,
                 "array " + std::to_string(id.value) + " is of another kind in the root than its owner expects"};
  }
  if (const auto known = opened_.find(id.value); known != opened_.end()) {
    if (known->second->space() == space) return std::shared_ptr<AppendArray>(known->second);
    if (known->second->size_bytes() != 0)
      return Error{ErrorCode::kInternal, "array " + std::to_string(id.value) + " is opened as two kinds"};
    for (const ExtentRun run : known->second->drop().runs)
      shared_->give_back(run);  // left by a statement that did not happen
    opened_.erase(known);
  }
  TRY(array, AppendArrayFile::open(context_, shared_, id, space, saved_array));
  opened_.emplace(id.value, array);
  return std::shared_ptr<AppendArray>(std::move(array));
}

// --- reading ---

Result<std::shared_ptr<const os::File>> DirectoryStore::file_of(uint64_t id, const RootArray& array) const {
  if (array.space == SpaceKind::kShared) return std::shared_ptr<const os::File>(shared_, shared_->file());
  auto file = context_->directory->open(own_space_name(id), os::OpenMode::kReadOnly);
  if (file.ok()) return std::shared_ptr<const os::File>(std::move(file).value());
  if (file.error().code != ErrorCode::kNotFound) return std::move(file).error();
  return Error{ErrorCode::kCorruption, context_->path_of(own_space_name(id)) + " is missing; the root names it"};
}

Result<std::span<std::byte>> DirectoryStore::read_extent(uint64_t id, const RootArray& array, const os::File& file,
                                                         uint64_t rank, std::span<std::byte> buffer) const {
  const RootArray::HeldExtent extent = array.held_extent(rank);
  const auto corrupt = [&](const std::string& what) {
    return Error{ErrorCode::kCorruption,
                 context_->path_of(file.name()) + " at byte " + std::to_string(extent.file_offset) + ": extent " +
                     std::to_string(extent.index) + " of array " + std::to_string(id) + " " + what};
  };
  const std::span<std::byte> used = buffer.first(static_cast<size_t>(used_bytes(array.size_bytes, extent.index)));
  TRY(got, file.read_at(used, extent.file_offset));
  if (got != used.size()) return corrupt("is cut off");
  if (base::crc32c(used) != array.checksums[static_cast<size_t>(rank)]) return corrupt("has a wrong checksum");
  return used;
}

namespace {

// Fresh memory is zero already, and costs nothing until somebody writes to it.
void read_zeros(std::span<std::byte> into) {
  const auto is_zero = [](std::byte value) { return value == std::byte{0}; };
  if (!std::all_of(into.begin(), into.end(), is_zero)) std::fill(into.begin(), into.end(), std::byte{0});
}

}  // namespace

Result<void> DirectoryStore::read(ArrayId id, uint64_t offset, std::span<std::byte> into) const {
  const auto newest = root();
  const auto found = newest->arrays.find(id.value);
  const uint64_t size_bytes = found == newest->arrays.end() ? 0 : found->second.size_bytes;
  if (offset % kExtentBytes != 0 || offset > size_bytes || into.size() > size_bytes - offset) {
    return Error{ErrorCode::kCorruption, "bytes " + std::to_string(offset) + " to " +
                                             std::to_string(offset + into.size()) + " of array " +
                                             std::to_string(id.value) + " are wanted, which has " +
                                             std::to_string(size_bytes) + " in the root"};
  }
  if (into.empty()) return {};
  const RootArray& array = found->second;
  TRY(file, file_of(id.value, array));
  std::vector<std::byte> whole;
  for (uint64_t index = offset / kExtentBytes; !into.empty(); ++index) {
    const auto extent_bytes = static_cast<size_t>(used_bytes(size_bytes, index));
    const size_t wanted = std::min(into.size(), extent_bytes);
    const std::optional<uint64_t> rank = array.rank_of(index);
    if (!rank.has_value()) {
      read_zeros(into.first(wanted));
    } else if (wanted == extent_bytes) {
      TRY_OK(read_extent(id.value, array, *file, *rank, into.first(extent_bytes)));
    } else {
      whole.resize(extent_bytes);
      TRY_OK(read_extent(id.value, array, *file, *rank, whole));
      std::copy_n(whole.begin(), wanted, into.begin());
    }
    into = into.subspan(wanted);
  }
  return {};
}

Result<void> DirectoryStore::verify_extents(uint64_t id, const RootArray& array, uint64_t first_rank,
                                            uint64_t count) const {
  if (count == 0) return {};
  TRY(file, file_of(id, array));
  std::vector<std::byte> buffer(kExtentBytes);
  for (uint64_t rank = first_rank; rank < first_rank + count; ++rank)
    TRY_OK(read_extent(id, array, *file, rank, buffer));
  return {};
}

// --- figures ---

uint64_t DirectoryStore::array_disk_bytes(ArrayId id) const {
  const std::lock_guard guard(mutex_);
  if (const auto opened = opened_.find(id.value); opened != opened_.end()) return opened->second->disk_bytes();
  const auto saved = root_->arrays.find(id.value);
  if (saved == root_->arrays.end()) return 0;
  const uint64_t held_bytes = saved->second.held_bytes();
  const uint64_t tail = held_bytes % os::kPageBytes;
  return held_bytes + (tail == 0 ? 0 : os::kPageBytes - tail);
}

DiskUsage DirectoryStore::disk_usage() const {
  DiskUsage usage;
  const auto names = context_->directory->list();
  if (!names.ok()) return usage;
  uint64_t shared_bytes = 0;
  for (const std::string& name : *names) {
    const bool is_root = name == kRootName || name == kNewRootName;
    if (!is_root && !holds_database_bytes(name)) continue;
    const auto file = context_->directory->open(name, os::OpenMode::kReadOnly);
    if (!file.ok()) continue;  // removed since it was listed
    const auto allocated = (*file)->allocated_bytes();
    const uint64_t bytes = allocated.ok() ? *allocated : 0;
    usage.total += bytes;
    if (is_root) usage.root += bytes;
    if (segment_of_name(name).has_value()) usage.log += bytes;
    if (name == kSpaceName) shared_bytes = bytes;
  }
  const uint64_t free_bytes = shared_->free_count() * kExtentBytes;
  usage.free_extents = std::min(free_bytes, shared_bytes);
  return usage;
}

// --- leaving ---

Result<void> DirectoryStore::close() {
  if (context_->closed.exchange(true)) return {};
  Result<void> outcome;
  const auto keep_first = [&outcome](Result<void> step) {
    if (outcome.ok() && !step.ok()) outcome = std::move(step);
  };
  if (!context_->read_only && !context_->poison.struck() && log_ != nullptr) {
    keep_first(log_->close());
    reclaim();
    {
      const std::lock_guard guard(mutex_);
      for (const auto& [id, array] : opened_) {
        keep_first(array->trim());
        if (pinned_roots_.empty()) keep_first(array->punch_holes());
      }
    }
    uint64_t used_disk_bytes = 0;
    const auto newest = root();
    for (const auto& [id, array] : newest->arrays) {
      if (array.space == SpaceKind::kShared) used_disk_bytes += array_disk_bytes({id});
    }
    keep_first(shared_->trim(used_disk_bytes));
  }
  lock_.reset();
  return outcome;
}

}  // namespace omendb::storage
