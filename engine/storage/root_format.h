#pragma once

// The root: what the database is as of one checkpoint. Bytes: docs/format/root.md.

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/storage/append_array.h"
#include "engine/storage/extents.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::storage {

inline constexpr uint32_t kRootVersion = 2;
inline constexpr uint32_t kRootVersionWithoutHoles = 1;  // what a root without holes is written as

// Both values are on disk.
enum class ArrayKind : uint8_t {
  kBlocks = 0,  // held in memory by its owner, replaced extent by extent
  kAppend = 1,  // grows at its end
};

struct RootArray {
  // An extent that is no hole.
  struct HeldExtent {
    uint64_t index = 0;        // in the array
    uint64_t file_offset = 0;  // in its file
  };
  struct RunEnd {
    uint64_t extents = 0;  // of the array up to the end of the run
    uint64_t held = 0;     // those of them that are no holes
  };

  ArrayKind kind = ArrayKind::kBlocks;
  SpaceKind space = SpaceKind::kShared;
  uint64_t size_bytes = 0;  // at least 1: an empty array is not in the root
  std::vector<ExtentRun>
      runs;  // in logical order, holes among them; in a space of its own extent i is extent i of the file
  std::vector<uint32_t> checksums;  // CRC32C of the used bytes of each extent that is no hole
  std::vector<RunEnd> run_ends{};   // not on disk: one per run

  // To be called when runs are complete, before the three below.
  void index_runs();
  // The extent that checksums[rank] is of. Cost: logarithmic in the number of runs.
  HeldExtent held_extent(uint64_t rank) const;
  // The place in `checksums` of the array's extent `index`; nothing for a hole. Cost: the same.
  std::optional<uint64_t> rank_of(uint64_t index) const;
  // Bytes of the array outside of holes.
  uint64_t held_bytes() const;
  // Turns extents of the array into a hole.
  void make_hole(ExtentRun hole);
};

struct Root {
  uint64_t uuid_low = 0;
  uint64_t uuid_high = 0;
  uint64_t number = 0;         // rises with every root that was tried
  CommitNumber commit;         // every commit up to this one is inside
  uint64_t first_segment = 0;  // the log goes on there; 0 = creation did not get so far
  std::vector<std::byte> metadata;
  std::map<uint64_t, RootArray> arrays;
};

struct RootHeader {
  char magic[8];
  uint32_t version;
  uint32_t version_checksum;  // of the 12 bytes before, so that a damaged version is not taken for a newer one
  uint64_t uuid_low;
  uint64_t uuid_high;
  uint64_t number;
  uint64_t commit;
  uint64_t first_segment;
  uint64_t body_bytes;
  uint32_t body_checksum;
  uint32_t header_checksum;  // of everything before
};
static_assert(sizeof(RootHeader) == 72 && offsetof(RootHeader, body_bytes) == 56);

std::vector<std::byte> encode_root(const Root& root);

// Trusts nothing: every count against the bytes left, runs and holes that sum to the length, no extent twice, ascending ids, nothing behind the end.
// Fails: kCorruption, kUnsupportedFormat (a newer version, or not a root at all). Memory: a small multiple of `bytes`.
Result<Root> decode_root(std::span<const std::byte> bytes, std::string_view source);

// For tests and fuzzers: makes the checksums of a changed root right, so that what lies behind them is reached. Leaves what is too short.
void mend_root_checksums(std::span<std::byte> bytes);

// The extents of the shared space that an array holds.
std::vector<ExtentRun> shared_runs(const RootArray& array);
// Every extent of the shared space that `root` names.
std::vector<ExtentRun> used_runs(const Root& root);

}  // namespace omendb::storage
