#pragma once

// The Store over a directory. Its calls lie in directory_store.cc (arrays, reading, closing), open_store.cc, store_checkpoint.cc and check_store.cc.

#include <omendb/status.h>

#include "engine/os/file.h"
#include "engine/storage/append_array_file.h"
#include "engine/storage/root_format.h"
#include "engine/storage/shared_space.h"
#include "engine/storage/store.h"
#include "engine/storage/store_context.h"
#include "engine/storage/write_ahead_log.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace omendb::storage {

// leave_doubt marks a directory whose newest root may not be durable although it can be read: the next opening for writing publishes it again.
// publish_root writes `root` beside the old one and renames it over. When `in_doubt` is set by a failure, either root may be found after a crash; otherwise the old one is
// still in place. Fails: kStorageFull, kIo.
void leave_doubt(StoreContext& context);
Result<void> publish_root(StoreContext& context, const Root& root, bool& in_doubt);

class DirectoryStore final : public Store {
 public:
  static Result<std::unique_ptr<DirectoryStore>> open_directory_store(std::shared_ptr<os::Directory> directory,
                                                                      const StoreOptions& options);

  std::span<const std::byte> metadata() const override;
  uint64_t database_uuid_low() const override;
  CommitNumber checkpointed_commit() const override;
  std::vector<ArrayId> arrays() const override;
  uint64_t array_bytes(ArrayId id) const override;
  Result<std::shared_ptr<AppendArray>> append_array(ArrayId id, SpaceKind space) override;
  Result<void> read(ArrayId id, uint64_t offset, std::span<std::byte> into) const override;
  Log& log() override { return *log_; }
  Result<std::unique_ptr<Checkpoint>> begin_checkpoint() override;
  Result<void> backup(os::Directory& target) override;
  Result<void> check() override;
  DiskUsage disk_usage() const override;
  uint64_t array_disk_bytes(ArrayId id) const override;
  Result<void> close() override;

 private:
  friend class StoreCheckpoint;

  // Extents that no later root needs. They become free when the root that may still name them can not come back and nobody reads them.
  struct Quarantined {
    struct OwnRun {  // of an array's own file
      std::shared_ptr<AppendArrayFile> array;
      ExtentRun run;
    };
    uint64_t last_root = 0;  // number of the last root that names them
    std::vector<ExtentRun> runs;
    std::vector<std::weak_ptr<const Mapping>> mappings;
    std::vector<OwnRun> own_runs{};
  };

  DirectoryStore(std::shared_ptr<StoreContext> context, const StoreOptions& options);

  // open_store.cc
  Result<void> open_files();
  Result<void> load_root();
  Result<void> make_root_durable(bool in_doubt);
  Result<void> finish_creation();
  Result<void> verify_append_arrays() const;

  // directory_store.cc
  std::shared_ptr<const Root> root() const;
  Result<std::shared_ptr<const os::File>> file_of(uint64_t id, const RootArray& array) const;
  // Reads the used bytes of one extent, the one of that rank among those that are no holes, and verifies them. Returns them, the beginning of `buffer`,
  // which has room for a whole one.
  Result<std::span<std::byte>> read_extent(uint64_t id, const RootArray& array, const os::File& file, uint64_t rank,
                                           std::span<std::byte> buffer) const;
  Result<void> verify_extents(uint64_t id, const RootArray& array, uint64_t first_rank, uint64_t count) const;

  // store_checkpoint.cc
  std::shared_ptr<AppendArrayFile> opened_array(uint64_t id) const;  // null if it is not open
  std::shared_ptr<AppendArrayFile> take_opened_array(uint64_t id);
  uint64_t draw_root_number();
  void quarantine(Quarantined extents);
  void install_root(std::shared_ptr<const Root> root);  // after it is durable
  void reclaim();
  void remove_unnamed_files();

  // check_store.cc
  Result<void> copy_space(os::Directory& target, const Root& root) const;
  Result<void> copy_log(os::Directory& target, const Root& root) const;
  Result<void> copy_array(os::File& target, uint64_t id, const RootArray& array) const;
  Result<void> check_accounts() const;
  Result<void> sum_accounts(std::vector<ExtentRun> runs) const;

  const std::shared_ptr<StoreContext> context_;
  const StoreOptions options_;
  const std::shared_ptr<SharedSpace> shared_;
  std::unique_ptr<os::DirectoryLock> lock_;
  std::unique_ptr<WriteAheadLog> log_;

  mutable std::mutex mutex_;          // guards everything below
  std::shared_ptr<const Root> root_;  // the newest that is durable
  uint64_t next_root_number_ = 1;
  std::map<uint64_t, std::shared_ptr<AppendArrayFile>> opened_;
  std::vector<Quarantined> quarantine_;
  std::multiset<uint64_t> pinned_roots_;  // numbers of roots that backups read
  bool checkpoint_running_ = false;
};

}  // namespace omendb::storage
