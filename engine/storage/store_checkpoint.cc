#include "engine/storage/store_checkpoint.h"

#include "engine/base/crc32c.h"
#include "engine/base/try.h"
#include "engine/storage/file_names.h"

#include <algorithm>
#include <string>
#include <utility>

namespace omendb::storage {

// --- the root file ---

namespace {

Result<void> write_new_root(os::Directory& directory, std::span<const std::byte> bytes) {
  const Result<void> removed = directory.remove(kNewRootName);
  if (!removed.ok() && removed.error().code != ErrorCode::kNotFound) return removed;
  TRY(file, directory.open(kNewRootName, os::OpenMode::kCreateNew));
  TRY_OK(file->write_at(bytes, 0));
  return file->sync();
}

}  // namespace

// Best effort: a disk that refuses this as well will hardly let anybody open the database.
void leave_doubt(StoreContext& context) {
  static_cast<void>(context.directory->open(kDoubtName, os::OpenMode::kCreate));
}

Result<void> publish_root(StoreContext& context, const Root& root, bool& in_doubt) {
  in_doubt = false;
  if (Result<void> written = write_new_root(*context.directory, encode_root(root)); !written.ok()) {
    static_cast<void>(
        context.directory->remove(kNewRootName));  // to give its space back; the next attempt removes it otherwise
    return written;
  }
  Result<void> placed = context.directory->rename(kNewRootName, kRootName);
  if (placed.ok()) placed = context.sync_names();
  in_doubt = !placed.ok();
  if (in_doubt) leave_doubt(context);
  return placed;
}

// --- what the store does around a checkpoint ---

Result<std::unique_ptr<Checkpoint>> DirectoryStore::begin_checkpoint() {
  TRY_OK(context_->check_writable());
  {
    const std::lock_guard guard(mutex_);
    if (checkpoint_running_)
      return Error{ErrorCode::kConflict, "a checkpoint of " + context_->directory->path() + " is running"};
    checkpoint_running_ = true;
  }
  const auto segment = log_->start_segment();
  const std::lock_guard guard(mutex_);
  if (!segment.ok()) {
    checkpoint_running_ = false;
    return segment.error();
  }
  std::map<uint64_t, uint64_t> append_bytes;
  for (const auto& [id, array] : opened_) {
    append_bytes.emplace(id, array->size_bytes());
    array->pin_bytes(array->size_bytes());
  }
  return std::unique_ptr<Checkpoint>(
      std::make_unique<StoreCheckpoint>(*this, root_, log_->last_appended(), *segment, std::move(append_bytes)));
}

std::shared_ptr<AppendArrayFile> DirectoryStore::opened_array(uint64_t id) const {
  const std::lock_guard guard(mutex_);
  const auto found = opened_.find(id);
  return found == opened_.end() ? nullptr : found->second;
}

std::shared_ptr<AppendArrayFile> DirectoryStore::take_opened_array(uint64_t id) {
  const std::lock_guard guard(mutex_);
  const auto found = opened_.find(id);
  if (found == opened_.end()) return nullptr;
  std::shared_ptr<AppendArrayFile> array = std::move(found->second);
  opened_.erase(found);
  return array;
}

uint64_t DirectoryStore::draw_root_number() {
  const std::lock_guard guard(mutex_);
  return next_root_number_++;
}

void DirectoryStore::quarantine(Quarantined extents) {
  const std::lock_guard guard(mutex_);
  quarantine_.push_back(std::move(extents));
}

void DirectoryStore::install_root(std::shared_ptr<const Root> root) {
  const uint64_t first_segment = root->first_segment;
  {
    const std::lock_guard guard(mutex_);
    root_ = std::move(root);
  }
  log_->remove_segments_below(first_segment);
  remove_unnamed_files();
  reclaim();
  shared_->release_surplus();
}

void DirectoryStore::reclaim() {
  const std::lock_guard guard(mutex_);
  std::erase_if(quarantine_, [this](const Quarantined& extents) {
    const bool named =
        extents.last_root >= root_->number || (!pinned_roots_.empty() && *pinned_roots_.begin() <= extents.last_root);
    const bool mapped = std::any_of(extents.mappings.begin(), extents.mappings.end(),
                                    [](const auto& mapping) { return !mapping.expired(); });
    if (named || mapped) return false;
    for (const ExtentRun run : extents.runs) {
      shared_->release(run);
      shared_->give_back(run);
    }
    for (const Quarantined::OwnRun& own : extents.own_runs) own.array->punch(own.run);
    return true;
  });
}

// Spaces of dropped arrays and of runs that ended before their first checkpoint. Failures leave them for the next time.
void DirectoryStore::remove_unnamed_files() {
  const auto names = context_->directory->list();
  if (!names.ok()) return;
  const std::lock_guard guard(mutex_);
  for (const std::string& name : *names) {
    if (name == kDoubtName) static_cast<void>(context_->directory->remove(name));
    if (!pinned_roots_.empty()) continue;
    const auto array = array_of_name(name);
    if (array.has_value() && !root_->arrays.contains(*array) && !opened_.contains(*array))
      static_cast<void>(context_->directory->remove(name));
  }
}

// --- one checkpoint ---

StoreCheckpoint::StoreCheckpoint(DirectoryStore& store, std::shared_ptr<const Root> base, CommitNumber commit,
                                 uint64_t segment, std::map<uint64_t, uint64_t> append_bytes)
    : store_(store),
      base_(std::move(base)),
      commit_(commit),
      segment_(segment),
      append_bytes_(std::move(append_bytes)),
      metadata_(base_->metadata) {}

StoreCheckpoint::~StoreCheckpoint() {
  if (!done_) {
    for (auto& [id, blocks] : blocks_) {
      for (size_t i = 0; i < blocks.extents.size(); ++i) {
        if (blocks.fresh[i]) store_.shared_->give_back({blocks.extents[i], 1});
      }
    }
  }
  const std::lock_guard guard(store_.mutex_);
  store_.checkpoint_running_ = false;
}

StoreCheckpoint::Blocks& StoreCheckpoint::blocks_of(uint64_t id) {
  const auto [at, inserted] = blocks_.try_emplace(id);
  Blocks& blocks = at->second;
  const auto saved = base_->arrays.find(id);
  if (!inserted || saved == base_->arrays.end()) return blocks;
  blocks.size_bytes = saved->second.size_bytes;
  size_t rank = 0;
  for (const ExtentRun run : saved->second.runs) {
    for (uint64_t i = 0; i < run.count; ++i) {
      blocks.extents.push_back(is_hole(run) ? kNowhere : run.first + i);
      blocks.checksums.push_back(is_hole(run) ? 0 : saved->second.checksums[rank++]);
    }
  }
  for (uint64_t i = 0; i < blocks.extents.size(); ++i)
    blocks.covered_bytes.push_back(static_cast<uint32_t>(used_bytes(blocks.size_bytes, i)));
  blocks.fresh.assign(blocks.extents.size(), false);
  return blocks;
}

void StoreCheckpoint::leave_extent(Blocks& blocks, size_t index) {
  if (blocks.extents[index] == kNone) return;
  if (blocks.extents[index] == kNowhere) {
    blocks.extents[index] = kNone;
    return;
  }
  if (blocks.fresh[index]) {
    store_.shared_->give_back({blocks.extents[index], 1});
  } else {
    append_run(left_, {blocks.extents[index], 1});
  }
  blocks.extents[index] = kNone;
  blocks.fresh[index] = false;
}

Result<void> StoreCheckpoint::write_extent(Blocks& blocks, uint64_t index, std::span<const std::byte> bytes) {
  const auto at = static_cast<size_t>(index);
  if (at >= blocks.extents.size()) {
    blocks.extents.resize(at + 1, kNone);
    blocks.checksums.resize(at + 1);
    blocks.covered_bytes.resize(at + 1);
    blocks.fresh.resize(at + 1);
  }
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte value) { return value == std::byte{0}; })) {
    leave_extent(blocks, at);
    blocks.extents[at] = kNowhere;
  } else {
    TRY_OK(write_bytes(blocks, at, bytes));
  }
  blocks.covered_bytes[at] = static_cast<uint32_t>(bytes.size());
  return {};
}

Result<void> StoreCheckpoint::write_bytes(Blocks& blocks, size_t index, std::span<const std::byte> bytes) {
  if (!blocks.fresh[index]) {
    leave_extent(blocks, index);
    blocks.extents[index] = store_.shared_->take_one();
    blocks.fresh[index] = true;
  }
  TRY(file, store_.shared_->file_for_writing());
  store_.shared_->mark_written();
  TRY_OK(file->write_at(bytes, blocks.extents[index] * kExtentBytes));
  blocks.checksums[index] = base::crc32c(bytes);
  return {};
}

Result<void> StoreCheckpoint::write(ArrayId id, uint64_t offset, std::span<const std::byte> bytes) {
  TRY_OK(store_.context_->check_writable());
  const auto saved = base_->arrays.find(id.value);
  const bool is_append =
      append_bytes_.contains(id.value) || (saved != base_->arrays.end() && saved->second.kind == ArrayKind::kAppend);
  if (offset % kExtentBytes != 0 || is_append || done_) {
    return Error{ErrorCode::kInternal, "blocks are written to array " + std::to_string(id.value) + " at byte " +
                                           std::to_string(offset) + ", which can not be"};
  }
  Blocks& blocks = blocks_of(id.value);
  for (uint64_t index = offset / kExtentBytes; !bytes.empty(); ++index) {
    const size_t length = std::min(bytes.size(), kExtentBytes);
    TRY_OK(write_extent(blocks, index, bytes.first(length)));
    bytes = bytes.subspan(length);
  }
  return {};
}

void StoreCheckpoint::set_array_bytes(ArrayId id, uint64_t size_bytes) { blocks_of(id.value).size_bytes = size_bytes; }

void StoreCheckpoint::drop_array(ArrayId id) { dropped_.insert(id.value); }

Result<void> StoreCheckpoint::release_extents(ArrayId id, uint64_t first_extent, uint64_t count) {
  const auto found = append_bytes_.find(id.value);
  const uint64_t whole_extents = found == append_bytes_.end() ? 0 : found->second / kExtentBytes;
  if (done_ || first_extent > whole_extents || count > whole_extents - first_extent) {
    return Error{ErrorCode::kInternal, "extents " + std::to_string(first_extent) + " to " +
                                           std::to_string(first_extent + count) + " of array " +
                                           std::to_string(id.value) + " are released, which has " +
                                           std::to_string(whole_extents) + " whole ones"};
  }
  if (count > 0) released_[id.value].push_back({first_extent, count});
  return {};
}

// --- publishing ---

// Makes the checksum of an extent cover what the array's new length uses of it. That is less than before only when an array was shortened.
Result<void> StoreCheckpoint::cover_exactly(uint64_t id, Blocks& blocks, size_t index) const {
  const auto needed = static_cast<uint32_t>(used_bytes(blocks.size_bytes, index));
  if (index < blocks.extents.size() && blocks.extents[index] != kNone) {
    if (blocks.covered_bytes[index] == needed) return {};
    if (blocks.covered_bytes[index] > needed && blocks.extents[index] == kNowhere) {
      blocks.covered_bytes[index] = needed;
      return {};
    }
    if (blocks.covered_bytes[index] > needed) {
      std::vector<std::byte> bytes(blocks.covered_bytes[index]);
      RootArray single;
      single.size_bytes = bytes.size();
      single.runs = {{blocks.extents[index], 1}};
      single.checksums = {blocks.checksums[index]};
      single.index_runs();
      TRY_OK(store_.read_extent(id, single, *store_.shared_->file(), 0, bytes));
      blocks.checksums[index] = base::crc32c(std::span(bytes).first(needed));
      blocks.covered_bytes[index] = needed;
      return {};
    }
  }
  return Error{ErrorCode::kInternal, "array " + std::to_string(id) + " is to have " +
                                         std::to_string(blocks.size_bytes) + " bytes, but not all of extent " +
                                         std::to_string(index) + " was written"};
}

Result<void> StoreCheckpoint::add_blocks(Root& root) {
  for (auto& [id, blocks] : blocks_) {
    if (dropped_.contains(id)) blocks.size_bytes = 0;
    const auto count = static_cast<size_t>(extent_count(blocks.size_bytes));
    for (size_t i = count; i < blocks.extents.size(); ++i) leave_extent(blocks, i);
    for (size_t i = 0; i < count; ++i) TRY_OK(cover_exactly(id, blocks, i));
    root.arrays.erase(id);
    if (count == 0) continue;
    RootArray& array = root.arrays[id];
    array.size_bytes = blocks.size_bytes;
    for (size_t i = 0; i < count; ++i) {
      append_run(array.runs, {blocks.extents[i], 1});
      if (blocks.extents[i] != kNowhere) array.checksums.push_back(blocks.checksums[i]);
    }
    array.index_runs();
  }
  return {};
}

// Adds the checksums of what was appended since the old root: the last extent's goes on where it stood (it is no hole as long as it is not full), the rest is new.
Result<void> StoreCheckpoint::extend_checksums(const AppendArrayFile& array, uint64_t old_bytes,
                                               RootArray& into) const {
  std::vector<std::byte> buffer(kExtentBytes);
  for (uint64_t at = old_bytes; at < into.size_bytes;) {
    const uint64_t end = std::min(into.size_bytes, (at / kExtentBytes + 1) * kExtentBytes);
    const auto piece = std::span(buffer).first(static_cast<size_t>(end - at));
    TRY_OK(array.read(at, piece));
    if (at % kExtentBytes == 0) into.checksums.push_back(0);
    into.checksums.back() = base::crc32c(piece, into.checksums.back());
    at = end;
  }
  return {};
}

// What can not be covered with zeros stays for a later checkpoint.
void StoreCheckpoint::add_holes(uint64_t id, AppendArrayFile& array, RootArray& into) {
  const auto released = released_.find(id);
  if (released == released_.end()) return;
  for (const ExtentRun hole : released->second) {
    if (!array.cover_with_zeros(hole).ok()) continue;
    into.make_hole(hole);
    new_holes_.push_back({id, hole});
  }
}

Result<void> StoreCheckpoint::add_append_arrays(Root& root) {
  for (const auto& [id, size_bytes] : append_bytes_) {
    if (size_bytes == 0 || dropped_.contains(id)) continue;
    const std::shared_ptr<AppendArrayFile> array = store_.opened_array(id);
    if (array == nullptr) continue;
    RootArray& saved = root.arrays[id];
    const uint64_t old_bytes = saved.size_bytes;
    if (size_bytes < old_bytes)
      return Error{ErrorCode::kInternal, "array " + std::to_string(id) + " has become shorter than in the root"};
    saved.kind = ArrayKind::kAppend;
    saved.space = array->space();
    saved.size_bytes = size_bytes;
    saved.runs = array->runs_of(size_bytes);
    saved.index_runs();
    TRY_OK(extend_checksums(*array, old_bytes, saved));
    add_holes(id, *array, saved);
  }
  return {};
}

Result<Root> StoreCheckpoint::build_root() {
  Root root = *base_;
  root.commit = commit_;
  root.first_segment = segment_;
  root.metadata = metadata_;
  for (const uint64_t id : dropped_) root.arrays.erase(id);
  TRY_OK(add_blocks(root));
  TRY_OK(add_append_arrays(root));
  return root;
}

Result<void> StoreCheckpoint::sync_spaces(const Root& root) const {
  Result<void> synced = store_.shared_->sync();
  for (const auto& [id, size_bytes] : append_bytes_) {
    const std::shared_ptr<AppendArrayFile> array = store_.opened_array(id);
    if (synced.ok() && array != nullptr && root.arrays.contains(id)) synced = array->sync_own_space();
  }
  // What was written to a file before its sync failed may be gone from the page cache as well, and with it from the mappings.
  if (!synced.ok()) store_.context_->poison.strike(synced.error());
  return synced;
}

Result<void> StoreCheckpoint::publish() {
  if (done_) return Error{ErrorCode::kInternal, "a checkpoint is published twice"};
  TRY_OK(store_.context_->check_writable());
  TRY(root, build_root());
  TRY_OK(sync_spaces(root));
  if (store_.context_->names_changed) TRY_OK(store_.context_->sync_names());
  root.number = store_.draw_root_number();
  bool in_doubt = false;
  const Result<void> published = publish_root(*store_.context_, root, in_doubt);
  if (!published.ok()) {
    if (in_doubt) keep_fresh_extents(root.number);
    return published;
  }
  done_ = true;
  leave_old_extents();
  store_.install_root(std::make_shared<const Root>(std::move(root)));
  return {};
}

void StoreCheckpoint::leave_old_extents() {
  DirectoryStore::Quarantined left{base_->number, std::move(left_), {}};
  for (const uint64_t id : dropped_) {
    const auto saved = base_->arrays.find(id);
    if (const auto array = store_.take_opened_array(id); array != nullptr) {
      DroppedExtents extents = array->drop();
      left.runs.insert(left.runs.end(), extents.runs.begin(), extents.runs.end());
      left.mappings.insert(left.mappings.end(), extents.mappings.begin(), extents.mappings.end());
    } else if (saved != base_->arrays.end() && !blocks_.contains(id)) {  // written blocks were left one by one
      const std::vector<ExtentRun> held = shared_runs(saved->second);
      left.runs.insert(left.runs.end(), held.begin(), held.end());
    }
  }
  leave_holes(left);
  store_.quarantine(std::move(left));
}

// No mapping shows them any more; a backup may still copy the old root.
void StoreCheckpoint::leave_holes(DirectoryStore::Quarantined& left) {
  for (const Hole& hole : new_holes_) {
    const std::shared_ptr<AppendArrayFile> array = store_.opened_array(hole.id);
    for (const ExtentRun run : array->make_hole(hole.extents)) {
      if (array->space() == SpaceKind::kOwn) {
        left.own_runs.push_back({array, run});
      } else {
        left.runs.push_back(run);
      }
    }
  }
}

// Nobody knows which root a crash would leave. Both are kept whole until a later one is durable.
void StoreCheckpoint::keep_fresh_extents(uint64_t root_number) {
  done_ = true;
  DirectoryStore::Quarantined fresh{root_number, {}, {}};
  for (const auto& [id, blocks] : blocks_) {
    for (size_t i = 0; i < blocks.extents.size(); ++i) {
      if (blocks.fresh[i]) append_run(fresh.runs, {blocks.extents[i], 1});
    }
  }
  store_.quarantine(std::move(fresh));
}

}  // namespace omendb::storage
