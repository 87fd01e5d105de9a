#pragma once

// The root: what the database is as of one checkpoint. Bytes: docs/format/root.md.

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/storage/append_array.h"
#include "engine/storage/extents.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::storage {

inline constexpr uint32_t kRootVersion = 1;

// Both values are on disk.
enum class ArrayKind : uint8_t {
  kBlocks = 0,  // held in memory by its owner, replaced extent by extent
  kAppend = 1,  // grows at its end
};

struct RootArray {
  ArrayKind kind = ArrayKind::kBlocks;
  SpaceKind space = SpaceKind::kShared;
  uint64_t size_bytes = 0;      // at least 1: an empty array is not in the root
  std::vector<ExtentRun> runs;  // in logical order; none in a space of its own, where extent i is extent i of the file
  std::vector<uint32_t> checksums;   // CRC32C of the used bytes of each extent
  std::vector<uint64_t> run_ends{};  // not on disk: the array's extents up to the end of each run

  // To be called when runs are complete, before extent_offset.
  void index_runs();
  // Where the array's extent `index` lies in its file. Cost: logarithmic in the number of runs.
  uint64_t extent_offset(uint64_t index) const;
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

// Trusts nothing: every count against the bytes left, runs that sum to the length, no extent twice, ascending ids, nothing behind the end.
// Fails: kCorruption, kUnsupportedFormat (a newer version, or not a root at all). Memory: a small multiple of `bytes`.
Result<Root> decode_root(std::span<const std::byte> bytes, std::string_view source);

// For tests and fuzzers: makes the checksums of a changed root right, so that what lies behind them is reached. Leaves what is too short.
void mend_root_checksums(std::span<std::byte> bytes);

// Every extent of the shared space that `root` names.
std::vector<ExtentRun> used_runs(const Root& root);

}  // namespace omendb::storage
