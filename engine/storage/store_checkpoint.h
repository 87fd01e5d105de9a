#pragma once

#include <omendb/status.h>

#include "engine/storage/checkpoint.h"
#include "engine/storage/directory_store.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

namespace omendb::storage {

// One checkpoint of a DirectoryStore. Threads: one, beside the writer.
class StoreCheckpoint final : public Checkpoint {
 public:
  // `append_bytes`: length of every append array that is open.
  StoreCheckpoint(DirectoryStore& store, std::shared_ptr<const Root> base, CommitNumber commit, uint64_t segment,
                  std::map<uint64_t, uint64_t> append_bytes);
  StoreCheckpoint(const StoreCheckpoint&) = delete;
  StoreCheckpoint& operator=(const StoreCheckpoint&) = delete;
  ~StoreCheckpoint() override;

  CommitNumber commit() const override { return commit_; }
  Result<void> write(ArrayId id, uint64_t offset, std::span<const std::byte> bytes) override;
  void set_array_bytes(ArrayId id, uint64_t size_bytes) override;
  void drop_array(ArrayId id) override;
  Result<void> release_extents(ArrayId id, uint64_t first_extent, uint64_t count) override;
  void set_metadata(std::vector<std::byte> metadata) override { metadata_ = std::move(metadata); }
  Result<void> publish() override;

 private:
  // An array of blocks on its way from the old root to the new one.
  struct Blocks {
    uint64_t size_bytes = 0;
    std::vector<uint64_t> extents;  // kNone where nothing was written yet, kNowhere where there are only zeros
    std::vector<uint32_t> checksums;
    std::vector<uint32_t> covered_bytes;  // what was written of each, and the checksum covers
    std::vector<bool> fresh;              // taken by this checkpoint
  };
  static constexpr uint64_t kNone = UINT64_MAX - 1;

  Blocks& blocks_of(uint64_t id);
  Result<void> write_extent(Blocks& blocks, uint64_t index, std::span<const std::byte> bytes);
  Result<void> write_bytes(Blocks& blocks, size_t index, std::span<const std::byte> bytes);
  void leave_extent(Blocks& blocks, size_t index);
  Result<Root> build_root();
  Result<void> add_blocks(Root& root);
  Result<void> cover_exactly(uint64_t id, Blocks& blocks, size_t index) const;
  Result<void> add_append_arrays(Root& root);
  void add_holes(uint64_t id, AppendArrayFile& array, RootArray& into);
  Result<void> extend_checksums(const AppendArrayFile& array, uint64_t old_bytes, RootArray& into) const;
  void leave_old_extents();
  void leave_holes(DirectoryStore::Quarantined& left);
  void keep_fresh_extents(uint64_t root_number);
  Result<void> sync_spaces(const Root& root) const;

  DirectoryStore& store_;
  const std::shared_ptr<const Root> base_;
  const CommitNumber commit_;
  const uint64_t segment_;
  const std::map<uint64_t, uint64_t> append_bytes_;
  std::vector<std::byte> metadata_;
  std::map<uint64_t, Blocks> blocks_;
  std::set<uint64_t> dropped_;
  struct Hole {
    uint64_t id;
    ExtentRun extents;  // of the array
  };
  std::map<uint64_t, std::vector<ExtentRun>> released_;  // as the owners want it
  std::vector<Hole> new_holes_;                          // of them, those that the new root has
  std::vector<ExtentRun> left_;                          // extents of the old root that the new one does not name
  bool done_ = false;  // published, or in doubt: the fresh extents are no longer ours to give back
};

}  // namespace omendb::storage
