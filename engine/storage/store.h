#pragma once

// Where bytes live: one directory holding a root, a write-ahead log, and space files cut into extents. Start here; the parts are
// append_array.h (flat arrays that only grow), log.h (commits, durable before they are acknowledged) and checkpoint.h (one atomic root).
// Every byte on disk is described in docs/format/. The room knows no rows and no tables: ids are opaque numbers, contents are bytes.
//
// Nothing that a published root refers to is ever overwritten: a changed extent goes to a free one, and only after the next root is durable
// the old one becomes free. So a crash at any moment leaves the last root and the log, which together are the whole truth.

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/os/file.h"
#include "engine/storage/append_array.h"
#include "engine/storage/checkpoint.h"
#include "engine/storage/log.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace omendb::storage {

struct StoreOptions {
  // Nothing in the directory changes, not even side files; no writer lock is taken. Not beside a writer: it may reuse extents that are still being read.
  bool read_only = false;
  // Read and check every extent of append arrays at open (others are always checked when they are loaded).
  bool verify_on_open = true;
  // false: wait_durable answers at once, a commit is durable by the next checkpoint or close; what a crash of the machine leaves is a contiguous prefix.
  bool sync_commits = true;
  // For verification; 0 = what the hardware has.
  unsigned threads = 0;
  // What the uuid of a new database is drawn from, for tests that must repeat; 0 = the system's entropy.
  uint64_t uuid_seed = 0;
};

struct DiskUsage {  // bytes that files occupy
  uint64_t total = 0;
  uint64_t root = 0;
  uint64_t log = 0;
  uint64_t free_extents = 0;  // inside space files, reusable
};

// Threads: open, close, checkpoint and array creation by one thread at a time; append arrays and the log as their headers say.
class Store {
 public:
  // Opens or creates. Fails: kUnsupportedFormat (a foreign directory or a newer format), kCorruption (root damaged), kLocked, kPermission, kIo.
  static Result<std::unique_ptr<Store>> open(std::shared_ptr<os::Directory> directory, const StoreOptions& options);
  virtual ~Store() = default;

  // --- what the root says ---
  virtual std::span<const std::byte> metadata()
      const = 0;  // the caller's own bytes of the last checkpoint (empty when new); good until the next one
  virtual uint64_t database_uuid_low() const = 0;        // random, drawn at creation; seeds hashes
  virtual CommitNumber checkpointed_commit() const = 0;  // every commit up to this one is inside the root
  virtual std::vector<ArrayId> arrays() const = 0;       // and what was opened since; by id
  virtual uint64_t array_bytes(ArrayId id) const = 0;    // length as of the root; 0 if unknown

  // --- append arrays (fixed-width columns, vectors, string bytes) ---
  // Opens the array of that id, creating it when the root has none. own_space puts it into a file of its own, contiguous and trimmed to the byte at close.
  virtual Result<std::shared_ptr<AppendArray>> append_array(ArrayId id, SpaceKind space) = 0;

  // --- arrays held in memory by their owner and written block by block at a checkpoint ---
  // Fills `into` from byte `offset` of the array as of the root and verifies the checksums it passes. offset is a multiple of kExtentBytes; into.size() may end anywhere.
  virtual Result<void> read(ArrayId id, uint64_t offset, std::span<std::byte> into) const = 0;

  // --- log ---
  virtual Log& log() = 0;

  // --- checkpoint: see checkpoint.h for the protocol ---
  virtual Result<std::unique_ptr<Checkpoint>> begin_checkpoint() = 0;

  // Copies the directory as of the last root (and, of a read-only store, of the log as it was replayed) into `target` (an empty directory), beside a
  // running writer; the extents of that root stay untouched until it is done. Every extent is verified on the way. Fails: kConflict (the target holds a
  // database), kCorruption, kStorageFull, kIo; what was copied so far is no database, because the root comes last.
  virtual Result<void> backup(os::Directory& target) = 0;

  // Reads every extent of the root again and verifies it, the free lists and the log. kCorruption names file and offset.
  virtual Result<void> check() = 0;
  virtual DiskUsage disk_usage() const = 0;
  virtual uint64_t array_disk_bytes(ArrayId id) const = 0;  // extents that the array occupies now, in bytes

  // Trims preallocated space and syncs. Nothing may be appended afterwards. The caller has made its last checkpoint. Idempotent; the destructor only releases.
  virtual Result<void> close() = 0;
};

}  // namespace omendb::storage
