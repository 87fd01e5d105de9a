#include "engine/storage/append_array_file.h"

#include "engine/base/try.h"
#include "engine/storage/file_names.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace omendb::storage {
namespace {

constexpr uint64_t kGrowthBytesMax = 64ULL << 20;
constexpr uint64_t kGrowthDivisor = 8;
constexpr uint64_t kAddressBytesMin = 1ULL << 20;  // address space is free, mapping everything again is not
constexpr uint64_t kAddressFactor = 4;

uint64_t round_up(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

// As far as the range reaches.
Result<void> map_zeros(os::AddressRange& range, ExtentRun hole) {
  const uint64_t begin = std::min<uint64_t>(hole.first * kExtentBytes, range.size_bytes());
  const uint64_t end = std::min<uint64_t>((hole.first + hole.count) * kExtentBytes, range.size_bytes());
  return range.map_zeros(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

}  // namespace

AppendArrayFile::AppendArrayFile(std::shared_ptr<StoreContext> context, std::shared_ptr<SharedSpace> shared, ArrayId id,
                                 SpaceKind space)
    : context_(std::move(context)),
      shared_(std::move(shared)),
      id_(id),
      space_(space),
      mapping_(std::make_shared<Mapping>(os::AddressRange())) {}

Result<std::shared_ptr<AppendArrayFile>> AppendArrayFile::open(std::shared_ptr<StoreContext> context,
                                                               std::shared_ptr<SharedSpace> shared, ArrayId id,
                                                               SpaceKind space, const RootArray* saved) {
  std::shared_ptr<AppendArrayFile> array(new AppendArrayFile(std::move(context), std::move(shared), id, space));
  if (saved != nullptr) TRY_OK(array->load(*saved));
  return array;
}

Result<void> AppendArrayFile::load(const RootArray& saved) {
  if (space_ == SpaceKind::kOwn) {
    TRY_OK(open_own_file());
    TRY(present_bytes, own_file_->size_bytes());
    if (present_bytes < saved.size_bytes) {
      return Error{ErrorCode::kCorruption, context_->path_of(own_space_name(id_.value)) + " ends at byte " +
                                               std::to_string(present_bytes) + "; the root says " +
                                               std::to_string(saved.size_bytes) + " bytes"};
    }
  }
  runs_ = saved.runs;
  size_bytes_ = saved.size_bytes;
  pinned_bytes_ = saved.size_bytes;
  TRY_OK(map(0, saved.size_bytes));
  capacity_bytes_ = saved.size_bytes;
  return {};
}

Result<void> AppendArrayFile::open_own_file() {
  auto opened = context_->directory->open(own_space_name(id_.value),
                                          context_->read_only ? os::OpenMode::kReadOnly : os::OpenMode::kMustExist);
  if (opened.ok()) {
    own_file_ = std::move(opened).value();
    return {};
  }
  if (opened.error().code != ErrorCode::kNotFound) return std::move(opened).error();
  return Error{ErrorCode::kCorruption, context_->path_of(own_space_name(id_.value)) + " is missing; the root names it"};
}

std::shared_ptr<const Mapping> AppendArrayFile::mapping() const {
  const std::lock_guard guard(mutex_);
  return mapping_;
}

uint64_t AppendArrayFile::logical_extents() const {
  uint64_t count = 0;
  for (const ExtentRun run : runs_) count += run.count;
  return count;
}

uint64_t AppendArrayFile::hole_extents() const {
  uint64_t count = 0;
  for (const ExtentRun run : runs_) count += is_hole(run) ? run.count : 0;
  return count;
}

AppendArrayFile::Piece AppendArrayFile::piece_at(uint64_t offset, uint64_t end) const {
  if (overlay_file_ != nullptr && offset >= overlay_from_)
    return {overlay_file_.get(), offset - overlay_from_, offset, end - offset};
  os::File* const file = space_ == SpaceKind::kOwn ? own_file_.get() : shared_->file();
  const uint64_t limit = overlay_file_ != nullptr ? std::min(end, overlay_from_) : end;
  uint64_t run_begin = 0;
  for (const ExtentRun run : runs_) {
    const uint64_t run_end = run_begin + run.count * kExtentBytes;
    if (offset < run_end) {
      const uint64_t length = std::min(limit, run_end) - offset;
      if (is_hole(run)) return {nullptr, 0, offset, length};
      return {file, run.first * kExtentBytes + (offset - run_begin), offset, length};
    }
    run_begin = run_end;
  }
  assert(false && "a byte outside the array's extents");
  return {};
}

Result<void> AppendArrayFile::for_each_piece(uint64_t begin, uint64_t end,
                                             const std::function<Result<void>(const Piece&)>& visit) const {
  for (uint64_t at = begin; at < end;) {
    const Piece piece = piece_at(at, end);
    TRY_OK(visit(piece));
    at += piece.length;
  }
  return {};
}

// Small arrays double page by page inside their first extent, so that a small database stays small; from then on whole extents.
uint64_t AppendArrayFile::next_capacity(uint64_t needed_bytes) const {
  if (needed_bytes <= kExtentBytes) {
    uint64_t bytes = os::kPageBytes;
    while (bytes < needed_bytes) bytes *= 2;
    return bytes;
  }
  const uint64_t held_bytes = capacity_bytes_ - std::min(capacity_bytes_, hole_extents() * kExtentBytes);
  const uint64_t step = std::clamp<uint64_t>(held_bytes / kGrowthDivisor, kExtentBytes, kGrowthBytesMax);
  return round_up(std::max(needed_bytes, capacity_bytes_ + step), kExtentBytes);
}

Result<void> AppendArrayFile::reserve(uint64_t more_bytes) {
  const uint64_t size = size_bytes_.load(std::memory_order_relaxed);
  if (more_bytes > (uint64_t{1} << 62) - size)
    return Error{ErrorCode::kStorageFull, "an array can not hold " + std::to_string(more_bytes) + " more bytes"};
  const uint64_t needed_bytes = size + more_bytes;
  const std::lock_guard guard(mutex_);
  if (context_->closed || dropped_) return Error{ErrorCode::kClosed, "the array was dropped or its database closed"};
  if (needed_bytes <= capacity_bytes_) return {};
  TRY_OK(context_->poison.check());
  if (context_->read_only && overlay_file_ == nullptr) TRY_OK(start_overlay());
  const uint64_t wanted_bytes = next_capacity(needed_bytes);
  const uint64_t least_bytes = round_up(needed_bytes, os::kPageBytes);
  Result<void> grown = grow_to(wanted_bytes);
  if (!grown.ok() && grown.error().code == ErrorCode::kStorageFull && least_bytes < wanted_bytes)
    grown = grow_to(least_bytes);
  return grown;
}

// Replay in a read-only store: the last extent, if it is not full, moves into memory, and everything behind it begins there.
Result<void> AppendArrayFile::start_overlay() {
  const uint64_t size = size_bytes_.load(std::memory_order_relaxed);
  const uint64_t from = size / kExtentBytes * kExtentBytes;
  std::vector<std::byte> partial(static_cast<size_t>(size - from));
  TRY_OK(for_each_piece(from, size, [&](const Piece& piece) -> Result<void> {
    TRY(got, piece.file->read_at(std::span(partial).subspan(static_cast<size_t>(piece.array_offset - from),
                                                            static_cast<size_t>(piece.length)),
                                 piece.file_offset));
    if (got == piece.length) return {};
    return Error{ErrorCode::kCorruption, piece.file->name() + " became shorter while it was read"};
  }));
  TRY(file, context_->overlay->open(own_space_name(id_.value), os::OpenMode::kCreate));
  TRY_OK(file->write_at(partial, 0));
  overlay_file_ = std::move(file);
  overlay_from_ = from;
  return {};
}

// Allocates and maps; when something fails the array is as it was.
Result<void> AppendArrayFile::grow_to(uint64_t capacity_bytes) {
  ExtentRun taken{};
  const bool in_overlay = overlay_file_ != nullptr;
  if (!in_overlay) {
    if (space_ == SpaceKind::kOwn && own_file_ == nullptr) {
      TRY(created, context_->create_file(own_space_name(id_.value)));
      own_file_ = std::move(created);
    }
    if (space_ == SpaceKind::kShared) TRY_OK(shared_->file_for_writing());
    const uint64_t owned = logical_extents();
    const uint64_t wanted = extent_count(capacity_bytes);
    if (wanted > owned) {
      const bool ends_held = !runs_.empty() && !is_hole(runs_.back());
      const std::optional<uint64_t> behind =
          ends_held ? std::optional(runs_.back().first + runs_.back().count) : std::nullopt;
      taken = space_ == SpaceKind::kOwn ? ExtentRun{owned, wanted - owned}
                                        : shared_->take_contiguous(wanted - owned, behind);
    }
  }
  const std::vector<ExtentRun> old_runs = runs_;
  append_run(runs_, taken);
  const uint64_t from = capacity_bytes_ / os::kPageBytes * os::kPageBytes;
  Result<void> done = for_each_piece(
      from, capacity_bytes, [](const Piece& piece) { return piece.file->allocate(piece.file_offset, piece.length); });
  if (done.ok()) done = map(in_overlay ? std::min(from, overlay_from_) : from, capacity_bytes);
  if (done.ok()) {
    capacity_bytes_ = capacity_bytes;
    return {};
  }
  runs_ = old_runs;
  if (space_ == SpaceKind::kShared) shared_->give_back(taken);
  return done;
}

// Maps [from, to) of the array in logical order; what the reservation can not hold moves, as a whole, into a larger one.
Result<void> AppendArrayFile::map(uint64_t from_bytes, uint64_t to_bytes) {
  const uint64_t end = round_up(to_bytes, os::kPageBytes);
  if (end == 0) return {};
  const auto map_into = [&](os::AddressRange& range, uint64_t begin) {
    return for_each_piece(begin, end, [&range](const Piece& piece) {
      if (piece.file == nullptr)
        return range.map_zeros(static_cast<size_t>(piece.array_offset), static_cast<size_t>(piece.length));
      return piece.file->map_at(range, static_cast<size_t>(piece.array_offset), piece.file_offset,
                                static_cast<size_t>(piece.length));
    });
  };
  if (end <= mapping_->range().size_bytes()) return map_into(mapping_->range(), from_bytes);
  auto range = os::AddressRange::reserve(static_cast<size_t>(std::max(end * kAddressFactor, kAddressBytesMin)));
  if (!range.ok())
    range = os::AddressRange::reserve(static_cast<size_t>(end));  // a process with a limit on addresses (ulimit -v)
  TRY_OK(range.ok() ? Result<void>() : Result<void>(range.error()));
  auto larger = std::make_shared<Mapping>(std::move(range).value());
  TRY_OK(map_into(larger->range(), 0));
  for (const ExtentRun hole : zeroed_) TRY_OK(map_zeros(larger->range(), hole));
  std::erase_if(old_mappings_, [](const std::weak_ptr<Mapping>& old) { return old.expired(); });
  old_mappings_.push_back(mapping_);
  mapping_ = std::move(larger);
  return {};
}

Result<void> AppendArrayFile::append(std::span<const std::byte> bytes) {
  const uint64_t size = size_bytes_.load(std::memory_order_relaxed);
  const std::lock_guard guard(mutex_);
  if (context_->closed || dropped_) return Error{ErrorCode::kClosed, "the array was dropped or its database closed"};
  TRY_OK(context_->poison.check());
  if (bytes.size() > capacity_bytes_ - size) {
    return Error{ErrorCode::kInternal, std::to_string(bytes.size()) + " bytes are appended to array " +
                                           std::to_string(id_.value) + " where " +
                                           std::to_string(capacity_bytes_ - size) + " were reserved"};
  }
  written_ = true;
  if (space_ == SpaceKind::kShared) shared_->mark_written();
  const Result<void> written = for_each_piece(size, size + bytes.size(), [&](const Piece& piece) {
    return piece.file->write_at(
        bytes.subspan(static_cast<size_t>(piece.array_offset - size), static_cast<size_t>(piece.length)),
        piece.file_offset);
  });
  if (!written.ok()) {
    // A full disk can only mean a file system that does not keep what it allocated: nobody was told of these bytes. Anything else is a failing disk.
    if (written.error().code != ErrorCode::kStorageFull) context_->poison.strike(written.error());
    return written;
  }
  size_bytes_.store(size + bytes.size(), std::memory_order_release);
  return {};
}

void AppendArrayFile::truncate(uint64_t size_bytes) {
  assert(size_bytes >= pinned_bytes_ && "bytes that a checkpoint holds can not be taken back");
  if (size_bytes < size_bytes_.load(std::memory_order_relaxed))
    size_bytes_.store(size_bytes, std::memory_order_release);
}

std::vector<ExtentRun> AppendArrayFile::runs_of(uint64_t size_bytes) const {
  std::vector<ExtentRun> runs;
  const std::lock_guard guard(mutex_);
  uint64_t left = extent_count(size_bytes);
  for (const ExtentRun run : runs_) {
    append_run(runs, {run.first, std::min(left, run.count)});
    left -= std::min(left, run.count);
  }
  assert(left == 0);
  return runs;
}

std::vector<ExtentRun> AppendArrayFile::owned_runs() const {
  const std::lock_guard guard(mutex_);
  return space_ == SpaceKind::kOwn ? std::vector<ExtentRun>() : held_runs(runs_);
}

Result<void> AppendArrayFile::read(uint64_t offset, std::span<std::byte> into) const {
  std::vector<Piece> pieces;
  {
    const std::lock_guard guard(mutex_);
    TRY_OK(for_each_piece(offset, offset + into.size(), [&pieces](const Piece& piece) {
      pieces.push_back(piece);
      return Result<void>();
    }));
  }
  for (const Piece& piece : pieces) {
    const auto part = into.subspan(static_cast<size_t>(piece.array_offset - offset), static_cast<size_t>(piece.length));
    if (piece.file == nullptr) {
      std::fill(part.begin(), part.end(), std::byte{0});
      continue;
    }
    TRY(got, piece.file->read_at(part, piece.file_offset));
    if (got != piece.length) return Error{ErrorCode::kIo, piece.file->name() + " became shorter while it was read"};
  }
  return {};
}

Result<void> AppendArrayFile::sync_own_space() {
  if (space_ != SpaceKind::kOwn || !written_.exchange(false)) return {};
  return own_file_->sync();
}

uint64_t AppendArrayFile::disk_bytes() const {
  const std::lock_guard guard(mutex_);
  if (space_ == SpaceKind::kShared) {
    const uint64_t bytes = round_up(overlay_file_ != nullptr ? size_bytes() : capacity_bytes_, os::kPageBytes);
    return bytes - std::min(bytes, hole_extents() * kExtentBytes);
  }
  if (own_file_ == nullptr) return 0;
  const auto allocated_bytes = own_file_->allocated_bytes();
  return allocated_bytes.ok() ? *allocated_bytes : 0;
}

Result<void> AppendArrayFile::trim() {
  const std::lock_guard guard(mutex_);
  const uint64_t size = size_bytes_.load(std::memory_order_relaxed);
  if (overlay_file_ != nullptr || dropped_) return {};
  capacity_bytes_ = std::min(capacity_bytes_, size);
  if (space_ == SpaceKind::kOwn) {
    if (own_file_ == nullptr) return {};
    TRY(present_bytes, own_file_->size_bytes());
    if (present_bytes == size) return {};
    TRY_OK(own_file_->truncate(size));
    return own_file_->sync();
  }
  const uint64_t keep = extent_count(size);
  while (logical_extents() > keep) {
    ExtentRun& last = runs_.back();
    assert(!is_hole(last) && "what lies behind the used bytes was reserved");
    const uint64_t surplus = std::min(last.count, logical_extents() - keep);
    last.count -= surplus;
    shared_->give_back({last.first + last.count, surplus});
    if (last.count == 0) runs_.pop_back();
  }
  const uint64_t used_end = round_up(size, os::kPageBytes);
  const uint64_t extents_end = keep * kExtentBytes;
  if (used_end == extents_end) return {};
  const Piece piece = piece_at(used_end, extents_end);
  TRY(file_bytes, piece.file->size_bytes());
  return piece.file_offset < file_bytes ? piece.file->release(piece.file_offset, piece.length) : Result<void>();
}

// --- holes ---

Result<void> AppendArrayFile::cover_with_zeros(ExtentRun hole) {
  const std::lock_guard guard(mutex_);
  TRY_OK(map_zeros(mapping_->range(), hole));
  for (const std::weak_ptr<Mapping>& old : old_mappings_) {
    const std::shared_ptr<Mapping> held = old.lock();
    if (held != nullptr) TRY_OK(map_zeros(held->range(), hole));
  }
  // A mapping that is made before step 2 has to show them too.
  if (std::find(zeroed_.begin(), zeroed_.end(), hole) == zeroed_.end()) zeroed_.push_back(hole);
  return {};
}

std::vector<ExtentRun> AppendArrayFile::make_hole(ExtentRun hole) {
  const std::lock_guard guard(mutex_);
  std::vector<ExtentRun> left;
  runs_ = with_hole(runs_, hole, left);
  std::erase(zeroed_, hole);
  return left;
}

void AppendArrayFile::punch(ExtentRun run) {
  const std::lock_guard guard(mutex_);
  if (space_ != SpaceKind::kOwn || own_file_ == nullptr || dropped_) return;
  const Result<void> punched = own_file_->release(run.first * kExtentBytes, run.count * kExtentBytes);
  static_cast<void>(punched);  // the blocks stay until somebody tries again; nothing reads them
}

Result<void> AppendArrayFile::punch_holes() {
  const std::lock_guard guard(mutex_);
  if (space_ != SpaceKind::kOwn || own_file_ == nullptr || overlay_file_ != nullptr || dropped_) return {};
  const uint64_t hole_bytes = hole_extents() * kExtentBytes;
  if (hole_bytes == 0) return {};
  TRY(allocated_bytes, own_file_->allocated_bytes());
  if (allocated_bytes <= round_up(capacity_bytes_, os::kPageBytes) - hole_bytes) return {};
  uint64_t begin = 0;
  for (const ExtentRun run : runs_) {
    if (is_hole(run)) TRY_OK(own_file_->release(begin * kExtentBytes, run.count * kExtentBytes));
    begin += run.count;
  }
  return {};
}

DroppedExtents AppendArrayFile::drop() {
  const std::lock_guard guard(mutex_);
  dropped_ = true;
  DroppedExtents dropped;
  if (space_ == SpaceKind::kShared) dropped.runs = held_runs(runs_);
  dropped.mappings.assign(old_mappings_.begin(), old_mappings_.end());
  dropped.mappings.push_back(mapping_);
  mapping_ = std::make_shared<Mapping>(os::AddressRange());
  runs_.clear();
  capacity_bytes_ = 0;
  size_bytes_ = 0;
  return dropped;
}

}  // namespace omendb::storage
