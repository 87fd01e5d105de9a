#pragma once

// The file `data`: extents of every array that has no file of its own. Layout: docs/format/space.md.

#include <omendb/status.h>

#include "engine/os/file.h"
#include "engine/storage/extents.h"
#include "engine/storage/root_format.h"
#include "engine/storage/store_context.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace omendb::storage {

// Gives out extents; does not know what is in them. Threads: any.
class SharedSpace {
 public:
  explicit SharedSpace(std::shared_ptr<StoreContext> context) : context_(std::move(context)) {}

  // Opens the file if `root` needs it; everything that the root does not name is free. Fails: kCorruption when it is too short.
  Result<void> open(const Root& root);

  // The file, created when it is first needed.
  Result<os::File*> file_for_writing();
  // Null as long as there is none.
  os::File* file() const {
    const std::lock_guard guard(mutex_);
    return file_.get();
  }

  ExtentRun take_contiguous(uint64_t count, std::optional<uint64_t> preferred_first);
  uint64_t take_one();
  void give_back(ExtentRun run);
  // Gives the blocks of a run to the file system, if it is large enough to be worth the call. Nobody may use the run meanwhile.
  void release(ExtentRun run) const;

  // Gives the blocks of free extents to the file system where they are many beside those in use, as after most rows of a table were replaced. Best effort.
  void release_surplus();

  void mark_written() { written_ = true; }
  // Makes written extents durable, if there are any.
  Result<void> sync();

  // Cuts the file behind its last used extent and gives the blocks of free extents back. Best effort.
  Result<void> trim(uint64_t used_disk_bytes);

  uint64_t end() const;
  uint64_t free_count() const;
  std::vector<ExtentRun> free_runs() const;

 private:
  std::shared_ptr<StoreContext> context_;
  mutable std::mutex mutex_;  // guards free_ and the creation of file_
  FreeExtents free_;
  std::unique_ptr<os::File> file_;  // set once
  std::atomic<bool> written_{false};
};

}  // namespace omendb::storage
