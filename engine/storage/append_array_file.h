#pragma once

// An AppendArray over the shared space or over a file of its own. In a read-only store what is appended (by log replay) goes to a file in memory.

#include <omendb/status.h>

#include "engine/storage/append_array.h"
#include "engine/storage/extents.h"
#include "engine/storage/root_format.h"
#include "engine/storage/shared_space.h"
#include "engine/storage/store_context.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace omendb::storage {

// What a dropped array leaves behind.
struct DroppedExtents {
  std::vector<ExtentRun> runs;                         // of the shared space
  std::vector<std::weak_ptr<const Mapping>> mappings;  // while one lives somebody may read them
};

// Threads: reserve, append, truncate by the one writer; everything else beside it by the thread that makes checkpoints.
class AppendArrayFile final : public AppendArray {
 public:
  // `saved` is what the root says of the array, null for a new one. Fails: kCorruption when its file is missing or too short.
  static Result<std::shared_ptr<AppendArrayFile>> open(std::shared_ptr<StoreContext> context,
                                                       std::shared_ptr<SharedSpace> shared, ArrayId id, SpaceKind space,
                                                       const RootArray* saved);

  uint64_t size_bytes() const override { return size_bytes_.load(std::memory_order_acquire); }
  Result<void> reserve(uint64_t more_bytes) override;
  Result<void> append(std::span<const std::byte> bytes) override;
  void truncate(uint64_t size_bytes) override;
  std::shared_ptr<const Mapping> mapping() const override;

  SpaceKind space() const { return space_; }
  // Bytes below this are in a checkpoint, or on the way there, and can not be taken back.
  void pin_bytes(uint64_t size_bytes) { pinned_bytes_ = size_bytes; }
  // The extents of the first `size_bytes`, holes among them.
  std::vector<ExtentRun> runs_of(uint64_t size_bytes) const;
  // All extents of the shared space that it holds, used or reserved.
  std::vector<ExtentRun> owned_runs() const;
  // Reads bytes that were appended, past the mapping: a failing disk is an error and not a signal.
  Result<void> read(uint64_t offset, std::span<std::byte> into) const;
  // Makes its own file durable if it was written; the shared space is synced by itself.
  Result<void> sync_own_space();
  uint64_t disk_bytes() const;
  const os::File* own_file() const { return own_file_.get(); }

  // A hole comes about in three steps. 1. Before a root speaks of it: whole extents, which nobody will read any more, read as zeros through every
  // mapping there is, so that nothing depends on their blocks. Fails: kOutOfMemory; some mappings may show zeros then, which is as good.
  Result<void> cover_with_zeros(ExtentRun hole);
  // 2. When that root is durable: the extents are none of the array's any more. Returns those it had, of the shared space or of its own file.
  std::vector<ExtentRun> make_hole(ExtentRun hole);
  // 3. When no older root can come back and nobody copies one: the blocks of the own file go back to the file system. Best effort.
  void punch(ExtentRun run);

  // Gives back what was reserved and is not used.
  Result<void> trim();
  // Punches all holes of the own file that still have blocks, as after a crash between steps 2 and 3. Only when nobody copies an older root.
  Result<void> punch_holes();
  // From now on nothing can be appended. The extents are the caller's to free.
  DroppedExtents drop();

 private:
  struct Piece {               // of the array, contiguous in one file
    os::File* file = nullptr;  // null: a hole
    uint64_t file_offset = 0;
    uint64_t array_offset = 0;
    uint64_t length = 0;
  };

  AppendArrayFile(std::shared_ptr<StoreContext> context, std::shared_ptr<SharedSpace> shared, ArrayId id,
                  SpaceKind space);

  Result<void> load(const RootArray& saved);
  Result<void> open_own_file();
  Result<void> start_overlay();
  uint64_t next_capacity(uint64_t needed_bytes) const;
  Result<void> grow_to(uint64_t capacity_bytes);
  Result<void> map(uint64_t from_bytes, uint64_t to_bytes);
  Result<void> for_each_piece(uint64_t begin, uint64_t end,
                              const std::function<Result<void>(const Piece&)>& visit) const;
  Piece piece_at(uint64_t offset, uint64_t end) const;
  uint64_t logical_extents() const;
  uint64_t hole_extents() const;

  const std::shared_ptr<StoreContext> context_;
  const std::shared_ptr<SharedSpace> shared_;
  const ArrayId id_;
  const SpaceKind space_;

  std::atomic<uint64_t> size_bytes_{0};
  std::atomic<uint64_t> pinned_bytes_{0};
  std::atomic<bool> written_{false};  // own space: since its last sync

  mutable std::mutex mutex_;  // guards everything below; the writer alone changes it
  bool dropped_ = false;
  std::vector<ExtentRun> runs_;  // holes among them, also in a space of its own
  uint64_t capacity_bytes_ = 0;  // up to there everything is a hole, or allocated and mapped
  std::unique_ptr<os::File> own_file_;
  std::unique_ptr<os::File> overlay_file_;
  uint64_t overlay_from_ = 0;  // array offset where the overlay begins
  std::shared_ptr<Mapping> mapping_;
  std::vector<std::weak_ptr<Mapping>> old_mappings_;
  std::vector<ExtentRun>
      zeroed_;  // covered with zeros and no holes yet: the root that says so is under way, or did not come about
};

}  // namespace omendb::storage
