// Looking at every byte: check and backup.

#include "engine/base/try.h"
#include "engine/storage/directory_store.h"
#include "engine/storage/file_names.h"

#include <algorithm>
#include <string>
#include <utility>

namespace omendb::storage {

// --- check ---

// Every extent of the shared space is free, waiting to be free, or used by exactly one array. A writer may move extents between two of the accounts while
// they are added up: only a sum during which the free ones stayed as they were is a verdict.
Result<void> DirectoryStore::check_accounts() const {
  constexpr int kAttemptsMax = 100;
  const std::lock_guard guard(mutex_);
  if (checkpoint_running_) return {};  // it holds extents that are in no account yet
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const std::vector<ExtentRun> free_runs = shared_->free_runs();
    Result<void> summed = sum_accounts(free_runs);
    if (summed.ok() || shared_->free_runs() == free_runs) return summed;
  }
  return {};
}

// Called with mutex_ held.
Result<void> DirectoryStore::sum_accounts(std::vector<ExtentRun> runs) const {
  for (const Quarantined& extents : quarantine_) runs.insert(runs.end(), extents.runs.begin(), extents.runs.end());
  for (const auto& [id, array] : root_->arrays) {
    if (opened_.contains(id)) continue;
    const std::vector<ExtentRun> held = shared_runs(array);
    runs.insert(runs.end(), held.begin(), held.end());
  }
  for (const auto& [id, array] : opened_) {
    const std::vector<ExtentRun> owned = array->owned_runs();
    runs.insert(runs.end(), owned.begin(), owned.end());
  }
  std::sort(runs.begin(), runs.end());
  uint64_t next = 0;
  for (const ExtentRun run : runs) {
    if (run.first != next) {
      return Error{ErrorCode::kInternal, context_->path_of(kSpaceName) + ": extent " +
                                             std::to_string(std::min(next, run.first)) +
                                             (run.first < next ? " is in two accounts" : " is in no account")};
    }
    next = run.first + run.count;
  }
  if (next == shared_->end()) return {};
  return Error{ErrorCode::kInternal, context_->path_of(kSpaceName) + ": the last extents are in no account"};
}

Result<void> DirectoryStore::check() {
  if (context_->closed) return Error{ErrorCode::kClosed, context_->directory->path() + " is closed"};
  TRY_OK(check_accounts());
  const auto newest = root();
  for (const auto& [id, array] : newest->arrays) TRY_OK(verify_extents(id, array, 0, array.checksums.size()));
  TRY(file, context_->directory->open(kRootName, os::OpenMode::kReadOnly));
  TRY(size_bytes, file->size_bytes());
  std::vector<std::byte> bytes(static_cast<size_t>(size_bytes));
  TRY(got, file->read_at(bytes, 0));
  TRY(on_disk, decode_root(std::span(bytes).first(got), context_->path_of(kRootName)));
  if (on_disk.number < newest->number) {
    return Error{ErrorCode::kCorruption, context_->path_of(kRootName) + " has number " +
                                             std::to_string(on_disk.number) + ", older than the one in use"};
  }
  return log_->check();
}

// --- backup ---

Result<void> DirectoryStore::copy_array(os::File& target, uint64_t id, const RootArray& array) const {
  TRY(source, file_of(id, array));
  std::vector<std::byte> buffer(kExtentBytes);
  for (uint64_t rank = 0; rank < array.checksums.size(); ++rank) {
    TRY(extent, read_extent(id, array, *source, rank, buffer));
    TRY_OK(target.write_at(extent, array.held_extent(rank).file_offset));
  }
  return {};
}

Result<void> DirectoryStore::copy_space(os::Directory& target, const Root& root) const {
  std::unique_ptr<os::File> shared;
  for (const auto& [id, array] : root.arrays) {
    if (array.space == SpaceKind::kOwn) {
      TRY(file, target.open(own_space_name(id), os::OpenMode::kCreateNew));
      TRY_OK(copy_array(*file, id, array));
      TRY_OK(file->truncate(array.size_bytes));  // the end of the file may be a hole
      TRY_OK(file->sync());
      continue;
    }
    if (shared == nullptr) {
      TRY(file, target.open(kSpaceName, os::OpenMode::kCreateNew));
      shared = std::move(file);
    }
    TRY_OK(copy_array(*shared, id, array));
  }
  return shared == nullptr ? Result<void>() : shared->sync();
}

namespace {

// Writes the root last: a backup that was interrupted has none and is not taken for a database.
Result<void> finish_backup(os::Directory& target, const Root& root) {
  TRY_OK(target.sync());
  TRY(file, target.open(kNewRootName, os::OpenMode::kCreateNew));
  TRY_OK(file->write_at(encode_root(root), 0));
  TRY_OK(file->sync());
  TRY_OK(target.rename(kNewRootName, kRootName));
  return target.sync();
}

}  // namespace

// A writer backs up right after a checkpoint, so that its copy needs no log. A reader can not checkpoint: what it saw in the log goes along.
Result<void> DirectoryStore::copy_log(os::Directory& target, const Root& root) const {
  if (root.first_segment == 0) return {};
  if (context_->read_only) return log_->copy_to(target);
  TRY_OK(create_segment(target, {root.uuid_low, root.uuid_high, root.first_segment}, {root.commit.value + 1}));
  return {};
}

Result<void> DirectoryStore::backup(os::Directory& target) {
  if (context_->closed) return Error{ErrorCode::kClosed, context_->directory->path() + " is closed"};
  TRY(names, target.list());
  for (const std::string& name : names) {
    if (name == kRootName || name == kNewRootName || holds_database_bytes(name)) {
      return Error{ErrorCode::kConflict, target.path() + " is not empty: it holds " + name};
    }
  }
  std::shared_ptr<const Root> pinned;
  {
    const std::lock_guard guard(mutex_);
    pinned = root_;
    pinned_roots_.insert(pinned->number);
  }
  Result<void> copied = copy_space(target, *pinned);
  if (copied.ok()) copied = copy_log(target, *pinned);
  if (copied.ok()) copied = finish_backup(target, *pinned);
  {
    const std::lock_guard guard(mutex_);
    pinned_roots_.erase(pinned_roots_.find(pinned->number));
  }
  reclaim();
  return copied;
}

}  // namespace omendb::storage
