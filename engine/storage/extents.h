#pragma once

// Numbers of extents inside a space file, and which of them are free.

#include "engine/storage/append_array.h"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace omendb::storage {

struct ExtentRun {
  uint64_t first = 0;
  uint64_t count = 0;
  auto operator<=>(const ExtentRun&) const = default;
};

// Among the runs of one array, in its logical order, a hole: extents of the array that lie nowhere and read as zeros.
inline constexpr uint64_t kNowhere = UINT64_MAX;
inline bool is_hole(const ExtentRun& run) { return run.first == kNowhere; }

// Extents that an array of `size_bytes` takes.
inline uint64_t extent_count(uint64_t size_bytes) {
  return size_bytes / kExtentBytes + (size_bytes % kExtentBytes != 0 ? 1 : 0);
}

// Bytes that an array of `size_bytes` uses of its extent number `index`; 0 behind its end.
inline uint64_t used_bytes(uint64_t size_bytes, uint64_t index) {
  const uint64_t begin = index * kExtentBytes;
  if (begin >= size_bytes) return 0;
  return size_bytes - begin < kExtentBytes ? size_bytes - begin : kExtentBytes;
}

// Appends `run`, joining it to the last one where they touch. Holes join holes.
void append_run(std::vector<ExtentRun>& runs, ExtentRun run);

// What `runs` hold: all of them that are not holes.
std::vector<ExtentRun> held_runs(const std::vector<ExtentRun>& runs);

// Turns extents `hole.first` to `hole.first + hole.count` - 1 of an array into a hole. What they were goes to the end of `left`, holes left out.
std::vector<ExtentRun> with_hole(const std::vector<ExtentRun>& runs, ExtentRun hole, std::vector<ExtentRun>& left);

// The free extents below an end that only grows by taking; what lies behind the end is free without bound. Runs are kept joined.
// Cost: logarithmic in the number of free runs, except take_contiguous (linear). Threads: one.
class FreeExtents {
 public:
  // `used` in any order, without overlaps: everything between them is free.
  void assign(std::vector<ExtentRun> used);

  // `count` neighbours: at `preferred_first` if they are free there, else from the first gap that is large enough, else at the end.
  ExtentRun take_contiguous(uint64_t count, std::optional<uint64_t> preferred_first);
  // The lowest free extent.
  uint64_t take_one();
  void give_back(ExtentRun run);

  // Moves the end before a free run that touches it; returns the end.
  uint64_t trim_end();
  uint64_t end() const { return end_; }
  uint64_t free_count() const { return free_count_; }
  const std::map<uint64_t, uint64_t>& runs() const { return runs_; }  // first -> count

 private:
  ExtentRun take_from(std::map<uint64_t, uint64_t>::iterator run, uint64_t first, uint64_t count);

  std::map<uint64_t, uint64_t> runs_;
  uint64_t end_ = 0;
  uint64_t free_count_ = 0;
};

}  // namespace omendb::storage
