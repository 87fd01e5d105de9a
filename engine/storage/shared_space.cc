#include "engine/storage/shared_space.h"

#include "engine/base/try.h"
#include "engine/storage/file_names.h"

#include <algorithm>
#include <string>

namespace omendb::storage {
namespace {

constexpr uint64_t kReleaseExtentsMin = 256;  // 16 MiB: below that the blocks are soon used again
// Free extents may hold blocks for half as many as are used, and some more: statements that come need them, and asking the file system again costs.
constexpr uint64_t kSurplusShare = 2;
constexpr uint64_t kSurplusExtentsMin = 16;

// Where the used bytes of the shared space end in the file.
uint64_t used_end_bytes(const Root& root) {
  uint64_t end = 0;
  for (const auto& [id, array] : root.arrays) {
    uint64_t index = 0;
    if (array.space != SpaceKind::kShared) continue;
    for (const ExtentRun run : array.runs) {
      const uint64_t last = run.count - 1;
      if (!is_hole(run))
        end = std::max(end, (run.first + last) * kExtentBytes + used_bytes(array.size_bytes, index + last));
      index += run.count;
    }
  }
  return end;
}

}  // namespace

Result<void> SharedSpace::open(const Root& root) {
  const std::lock_guard guard(mutex_);
  const uint64_t needed_bytes = used_end_bytes(root);
  free_.assign(used_runs(root));
  if (needed_bytes == 0) return {};  // a file that is there all the same was never named by a root and is made anew
  auto opened =
      context_->directory->open(kSpaceName, context_->read_only ? os::OpenMode::kReadOnly : os::OpenMode::kMustExist);
  uint64_t size_bytes = 0;
  if (opened.ok()) {
    file_ = std::move(opened).value();
    TRY(present_bytes, file_->size_bytes());
    size_bytes = present_bytes;
  } else if (opened.error().code != ErrorCode::kNotFound) {
    return std::move(opened).error();
  }
  if (size_bytes >= needed_bytes) return {};
  return Error{ErrorCode::kCorruption, context_->path_of(kSpaceName) + " ends at byte " + std::to_string(size_bytes) +
                                           "; the root names extents up to byte " + std::to_string(needed_bytes)};
}

Result<os::File*> SharedSpace::file_for_writing() {
  const std::lock_guard guard(mutex_);
  if (file_ == nullptr) {
    TRY(created, context_->create_file(kSpaceName));
    file_ = std::move(created);
  }
  return file_.get();
}

ExtentRun SharedSpace::take_contiguous(uint64_t count, std::optional<uint64_t> preferred_first) {
  const std::lock_guard guard(mutex_);
  return free_.take_contiguous(count, preferred_first);
}

uint64_t SharedSpace::take_one() {
  const std::lock_guard guard(mutex_);
  return free_.take_one();
}

void SharedSpace::give_back(ExtentRun run) {
  const std::lock_guard guard(mutex_);
  free_.give_back(run);
}

void SharedSpace::release(ExtentRun run) const {
  os::File* const opened = file();
  if (run.count < kReleaseExtentsMin || opened == nullptr) return;
  const Result<void> released = opened->release(run.first * kExtentBytes, run.count * kExtentBytes);
  static_cast<void>(released);  // the blocks stay with us; the extents are free all the same
}

void SharedSpace::release_surplus() {
  const std::lock_guard guard(mutex_);
  if (file_ == nullptr) return;
  const uint64_t used_extents = free_.end() - free_.free_count();
  const auto allocated_bytes = file_->allocated_bytes();
  const uint64_t enough_extents = used_extents + used_extents / kSurplusShare + kSurplusExtentsMin;
  if (!allocated_bytes.ok() || *allocated_bytes <= enough_extents * kExtentBytes) return;
  for (const auto& [first, count] : free_.runs()) {
    if (!file_->release(first * kExtentBytes, count * kExtentBytes).ok()) return;  // they are free all the same
  }
}

Result<void> SharedSpace::sync() {
  os::File* const opened = file();
  if (opened == nullptr || !written_.exchange(false)) return {};
  return opened->sync();
}

Result<void> SharedSpace::trim(uint64_t used_disk_bytes) {
  const std::lock_guard guard(mutex_);
  if (file_ == nullptr) return {};
  const uint64_t end_bytes = free_.trim_end() * kExtentBytes;
  TRY(size_bytes, file_->size_bytes());
  if (size_bytes > end_bytes) TRY_OK(file_->truncate(end_bytes));
  TRY(allocated_bytes, file_->allocated_bytes());
  if (allocated_bytes <= used_disk_bytes + kExtentBytes) return {};
  for (const auto& [first, count] : free_.runs()) TRY_OK(file_->release(first * kExtentBytes, count * kExtentBytes));
  return {};
}

uint64_t SharedSpace::end() const {
  const std::lock_guard guard(mutex_);
  return free_.end();
}

uint64_t SharedSpace::free_count() const {
  const std::lock_guard guard(mutex_);
  return free_.free_count();
}

std::vector<ExtentRun> SharedSpace::free_runs() const {
  const std::lock_guard guard(mutex_);
  std::vector<ExtentRun> runs;
  for (const auto& [first, count] : free_.runs()) runs.push_back({first, count});
  return runs;
}

}  // namespace omendb::storage
