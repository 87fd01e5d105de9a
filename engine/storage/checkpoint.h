#pragma once

// One checkpoint: everything up to a commit moves from log and memory into extents, under one new root.
//
// Protocol of the caller (table and database rooms):
//   1. with commits excluded for a moment: store.begin_checkpoint(): the log starts a new segment; the sizes of all append arrays are noted.
//   2. beside running commits: write() the changed blocks of arrays held in memory, each array resized by set_array_bytes.
//   3. set_metadata, publish(). Dropping the object before publish() gives everything back and changes nothing (the log segments stay).

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/storage/append_array.h"

#include <cstdint>
#include <span>
#include <vector>

namespace omendb::storage {

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  // The last commit appended to the log before begin_checkpoint(): what the new root will contain.
  virtual CommitNumber commit() const = 0;

  // Writes whole extents of `id` starting at byte `offset` (multiple of kExtentBytes) to free extents; those of zeros only take none. Only the last extent of the array may
  // be partial. Parts not written keep what the old root has. Fails: kStorageFull, kIo: drop the checkpoint, try later.
  virtual Result<void> write(ArrayId id, uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Length of a memory-held array in the new root. Extents behind it become free after publish().
  virtual void set_array_bytes(ArrayId id, uint64_t size_bytes) = 0;
  // Leaves the array out of the new root; its extents become free (and its own file is removed) after publish().
  virtual void drop_array(ArrayId id) = 0;
  // Whole extents in the middle of an append array that nobody reads any more, neither now nor later, through whatever mapping: their owner's promise. In the new root they
  // are a hole, which reads as zeros, now and after every opening; their space is free after publish(). What is a hole already stays one. Space that can not be given back
  // now is kept, without an error: release it again with a later checkpoint. Fails: kInternal (not within the array's length at begin_checkpoint).
  virtual Result<void> release_extents(ArrayId id, uint64_t first_extent, uint64_t count) = 0;
  virtual void set_metadata(std::vector<std::byte> metadata) = 0;

  // Syncs the space files, writes the root beside the old one, renames it over, syncs the directory, then removes the covered log segments and frees replaced extents.
  virtual Result<void> publish() = 0;
};

}  // namespace omendb::storage
