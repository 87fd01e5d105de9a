#pragma once

// Bytes of a log segment: docs/format/log.md.

#include <omendb/status.h>

#include "engine/base/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace omendb::storage {

inline constexpr uint32_t kLogVersion = 1;
inline constexpr size_t kFrameAlignmentBytes = 8;

// Which segment of which database: part of every checksum, so that bytes of another one never pass for this one's.
struct SegmentIdentity {
  uint64_t uuid_low = 0;
  uint64_t uuid_high = 0;
  uint64_t segment = 0;
};

struct SegmentHeader {
  char magic[8];
  uint32_t version;
  uint32_t version_checksum;  // of the 12 bytes before
  uint64_t uuid_low;
  uint64_t uuid_high;
  uint64_t segment;
  uint64_t first_commit;     // the first commit of the segment has this number
  uint64_t reserved;         // 0
  uint32_t reserved_too;     // 0
  uint32_t header_checksum;  // of everything before
};
static_assert(sizeof(SegmentHeader) == 64);

// Values are on disk and never reused.
enum class FrameKind : uint8_t {
  kRecord = 1,   // the caller's bytes
  kCommit = 2,   // closes the records before it; payload: CommitPayload
  kDurable = 3,  // tells durable_commit, nothing else
  kSeal = 4,     // the segment ends here and the next one goes on
};

struct FrameHeader {
  uint32_t header_checksum;   // of the rest of the header, seeded by database, segment and offset
  uint32_t payload_checksum;  // of the payload and the zeros that fill it up to 8 bytes
  uint32_t payload_bytes;
  uint32_t chain;           // header_checksum of the frame before; of the first one that of the segment header
  uint8_t kind;             // FrameKind
  uint8_t record_kind;      // the caller's; 0 unless kRecord
  uint16_t reserved;        // 0
  uint32_t index;           // kRecord: its position in the commit; kCommit: how many records there are; else 0
  uint64_t commit;          // kRecord, kCommit: the commit; else the last one before
  uint64_t durable_commit;  // every commit up to this one was known to be durable when the frame was written
};
static_assert(sizeof(FrameHeader) == 40);

struct CommitPayload {
  uint64_t wall_micros;
  uint64_t payload_bytes;  // of all records together
};
static_assert(sizeof(CommitPayload) == 16);

inline constexpr size_t kSegmentHeaderBytes = sizeof(SegmentHeader);
inline constexpr size_t kFrameHeaderBytes = sizeof(FrameHeader);
inline constexpr size_t kCommitFrameBytes = kFrameHeaderBytes + sizeof(CommitPayload);

inline uint64_t padded_bytes(uint64_t payload_bytes) {
  return (payload_bytes + kFrameAlignmentBytes - 1) / kFrameAlignmentBytes * kFrameAlignmentBytes;
}
inline uint64_t frame_bytes(uint64_t payload_bytes) { return kFrameHeaderBytes + padded_bytes(payload_bytes); }

SegmentHeader make_segment_header(const SegmentIdentity& identity, CommitNumber first_commit);

// Fails: kCorruption (too short, damaged, of another database or segment), kUnsupportedFormat (a newer version).
Result<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes, const SegmentIdentity& identity,
                                            std::string_view source);

// Fills in the frame's own checksum; everything else is set. `offset` is where the frame lies in the segment.
void seal_frame_header(FrameHeader& header, const SegmentIdentity& identity, uint64_t offset);

// The frame header in the first 40 of `bytes` if it was written there, in this segment of this database, by us. Says nothing of its payload and its place in the chain.
std::optional<FrameHeader> decode_frame_header(std::span<const std::byte> bytes, const SegmentIdentity& identity,
                                               uint64_t offset);

}  // namespace omendb::storage
