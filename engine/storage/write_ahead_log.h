#pragma once

// The Log over segment files. Store opens it, replays it, and turns its segments over at checkpoints.

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/os/file.h"
#include "engine/storage/log.h"
#include "engine/storage/log_format.h"
#include "engine/storage/log_reader.h"
#include "engine/storage/store_context.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace omendb::storage {

struct LogStart {
  uint64_t uuid_low = 0;
  uint64_t uuid_high = 0;
  uint64_t first_segment = 0;  // of the root; 0 = there is no log yet
  CommitNumber checkpointed;   // of the root: the first commit of the first segment is the next one
  bool sync_commits = true;
};

// Creates the file of a segment without commits and makes it durable; its name needs a sync of the directory. Whatever lay under that name is gone.
Result<std::unique_ptr<os::File>> create_segment(os::Directory& directory, const SegmentIdentity& identity,
                                                 CommitNumber first_commit);

class WriteAheadLog final : public Log {
 public:
  WriteAheadLog(std::shared_ptr<StoreContext> context, LogStart start);

  Result<void> replay(const ReplayVisitor& visitor) override;
  Result<void> reserve(uint64_t payload_bytes, size_t record_count) override;
  Result<void> append(CommitNumber commit, uint64_t wall_micros, std::span<const LogRecord> records) override;
  Result<void> wait_durable(CommitNumber commit) override;
  CommitNumber last_appended() const override { return {last_appended_.load(std::memory_order_acquire)}; }
  CommitNumber last_durable() const override { return {last_durable_.load(std::memory_order_acquire)}; }
  uint64_t bytes_since_checkpoint() const override { return bytes_since_checkpoint_.load(std::memory_order_relaxed); }
  bool poisoned() const override { return context_->poison.struck(); }

  // For a checkpoint, with appends excluded: makes every commit so far durable and continues in a new segment, whose number is returned. A segment without
  // commits is as good as a new one. Fails: kStorageFull, kIo; nothing changed unless poisoned() says so.
  Result<uint64_t> start_segment();
  // After the root that begins with `first_segment` is durable: the older ones go. What can not be removed is removed next time.
  void remove_segments_below(uint64_t first_segment);
  // Verifies every frame written so far.
  Result<void> check();
  // Copies the segments as far as they are known here, durable but for their names: the backup of a database that is only read, whose log nobody checkpoints.
  Result<void> copy_to(os::Directory& target);
  // Makes commits durable that nobody waited for, and trims the slack.
  Result<void> close();

 private:
  struct Found {  // a segment at replay
    uint64_t segment = 0;
    std::unique_ptr<os::File> file;
    uint64_t file_bytes = 0;
    SegmentScan scan;
  };

  SegmentIdentity identity(uint64_t segment) const { return {start_.uuid_low, start_.uuid_high, segment}; }
  std::string path_of(uint64_t segment) const;
  Result<std::unique_ptr<os::File>> open_segment(uint64_t segment) const;
  Result<std::vector<Found>> find_segments();
  Result<void> check_unsealed_end(uint64_t segment, const std::vector<std::string>& names) const;
  static Result<void> make_found_durable(const std::vector<Found>& found);
  void continue_in(Found last, uint64_t sealed_bytes);

  Result<void> reserve_locked(uint64_t bytes);
  Result<void> write_commit(CommitNumber commit, uint64_t wall_micros, std::span<const LogRecord> records);
  Result<void> write_control_frame(FrameKind kind);
  FrameHeader next_header(FrameKind kind, uint64_t commit) const;
  Result<void> sync_all_locked();
  Result<void> lead_sync();

  const std::shared_ptr<StoreContext> context_;
  const LogStart start_;

  std::mutex append_mutex_;  // guards the fields below: the end of the log
  bool replayed_ = false;
  uint64_t segment_ = 0;
  std::shared_ptr<os::File> file_;
  uint64_t position_ = 0;         // where the next frame goes
  uint64_t allocated_bytes_ = 0;  // of the file
  uint32_t chain_ = 0;
  uint64_t segment_first_commit_ = 0;
  std::map<uint64_t, uint64_t> sealed_segments_;  // number -> bytes of frames, not yet covered by a root

  std::atomic<uint64_t> last_appended_;
  std::atomic<uint64_t> last_durable_;
  std::atomic<uint64_t> bytes_since_checkpoint_{0};

  std::mutex sync_mutex_;  // guards syncing_; taken after append_mutex_ or alone
  std::condition_variable synced_;
  bool syncing_ = false;
};

}  // namespace omendb::storage
