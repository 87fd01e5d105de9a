#pragma once

// Reading a log segment: where it ends, whether its end is a torn tail or damage, and what it says.

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/os/file.h"
#include "engine/storage/log.h"
#include "engine/storage/log_format.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace omendb::storage {

// A window over a file that moves forward: small reads without a system call each.
class FileWindow {
 public:
  FileWindow(const os::File& file, uint64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  // Up to `length` bytes from `offset`, fewer only at the end. Good until the next call. length <= kWindowBytes.
  Result<std::span<const std::byte>> peek(uint64_t offset, size_t length);
  uint64_t file_bytes() const { return file_bytes_; }

  static constexpr size_t kWindowBytes = 1 << 18;

 private:
  const os::File& file_;
  uint64_t file_bytes_;
  std::vector<std::byte> buffer_;
  uint64_t begin_ = 0;  // of buffer_ in the file
};

// What a segment holds, found without looking into records.
struct SegmentScan {
  uint64_t end_bytes = kSegmentHeaderBytes;  // behind the last frame that counts
  uint32_t chain = 0;                        // for the next frame
  CommitNumber first_commit;                 // the number that the first commit has or would have
  CommitNumber last_commit;                  // first_commit - 1 when there is none
  bool sealed = false;
  uint64_t proven_bytes = kSegmentHeaderBytes;  // below this are commits that later frames say had been durable
};

// Follows the chain from the header on. Where it breaks, looks at all that follows: a frame that proves that a lost commit had been durable means damage; without one
// the rest is the torn tail of a commit that nobody was told of, or space that was never written.
// Fails: kCorruption naming segment and offset, kUnsupportedFormat, kIo. `source` is the file's path for messages; `first_commit` what the first commit must be.
// Cost: one pass over the file. Memory: a window.
Result<SegmentScan> scan_segment(const os::File& file, const SegmentIdentity& identity, CommitNumber first_commit,
                                 uint64_t file_bytes, const std::string& source);

// Whether any frame of this segment lies in the file, wherever.
Result<bool> holds_frames(const os::File& file, const SegmentIdentity& identity, uint64_t file_bytes);

// Delivers the commits of a scanned segment. Memory: one record.
Result<void> deliver_segment(const os::File& file, const SegmentIdentity& identity, const SegmentScan& scan,
                             const std::string& source, const ReplayVisitor& visitor);

// Writes [from_bytes, to_bytes) again as it is and makes it durable. After a failed sync the page cache may show bytes that a next sync would not write.
Result<void> write_again(os::File& file, uint64_t from_bytes, uint64_t to_bytes);

// Overwrites everything from `from_bytes` on that is not zero with zeros and makes that durable.
Result<void> clear_tail(os::File& file, uint64_t from_bytes, uint64_t file_bytes);

}  // namespace omendb::storage
