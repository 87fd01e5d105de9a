#pragma once

// The write-ahead log. Its unit is a commit: records of any tables, closed by one mark with commit number and wall-clock time. A commit whose mark is whole
// happened; any other did not. Segments `log-<n>`; a checkpoint starts a new segment and later removes those it covers.
// Frame and segment bytes: docs/format/log.md.

#include <omendb/status.h>

#include "engine/base/ids.h"

#include <cstdint>
#include <functional>
#include <span>

namespace omendb::storage {

struct LogRecord {
  uint8_t kind = 0;  // the caller's; storage does not look inside
  std::span<const std::span<const std::byte>>
      pieces;  // concatenated; no copy is made before the write. At most kRecordBytesMax in all
};
inline constexpr uint64_t kRecordBytesMax = 256ULL << 20;

struct ReplayVisitor {
  std::function<Result<void>(uint8_t kind, std::span<const std::byte> payload)>
      record;  // payload borrowed for the call
  std::function<Result<void>(CommitNumber commit, uint64_t wall_micros)>
      commit;  // all its records were delivered just before
};

// Threads: append by one thread at a time (the committer holds its own lock); wait_durable by any number.
class Log {
 public:
  virtual ~Log() = default;

  // Delivers, in order, every whole commit since the root. Called once, before the first append. A torn tail is cut off (it was never acknowledged); damage before bytes that
  // were acknowledged as durable is kCorruption naming segment and offset. Memory: one record. Cost: one pass to find the end, one to deliver.
  virtual Result<void> replay(const ReplayVisitor& visitor) = 0;

  // Makes sure that a commit of `payload_bytes` in `record_count` records fits without asking the disk for more. Fails: kStorageFull, changing nothing.
  virtual Result<void> reserve(uint64_t payload_bytes, size_t record_count) = 0;

  // Writes the commit behind the last one. Not durable before wait_durable. Numbers rise by one. After a failure the log accepts nothing more (kIo): poisoned.
  virtual Result<void> append(CommitNumber commit, uint64_t wall_micros, std::span<const LogRecord> records) = 0;

  // Returns when `commit` and all before it survive a power loss. Callers that meet share one sync (group commit). After a failed sync: kIo for everybody, for ever.
  virtual Result<void> wait_durable(CommitNumber commit) = 0;

  virtual CommitNumber last_appended() const = 0;
  virtual CommitNumber last_durable() const = 0;
  virtual uint64_t bytes_since_checkpoint() const = 0;
  virtual bool poisoned() const = 0;
};

}  // namespace omendb::storage
