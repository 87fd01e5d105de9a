#pragma once

// Which regions of a table nobody can see any more, so that their bytes on disk may go. Rows are never used twice: a region that is dead stays dead.

#include "engine/base/ids.h"
#include "engine/table/live_bitmap.h"

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace omendb::table {

// Threads: any.
class DeadRows {
 public:
  // As many as the graph gives memory back for.
  static constexpr uint32_t kRowsPerRegion = 16384;

  // Rows that no version shows any more; each is told once.
  void forget(std::span<const RowId> rows);
  // After recovery, when there are no versions but one: all that it does not show.
  void assign(const LiveBitmap& live);
  // Numbers of the regions, rising, that are full, dead in `live` and forgotten: in no version before that one, and in none after. Rows forgotten since `live` was the
  // newest do not count, for they live in it.
  std::vector<uint32_t> regions(const LiveBitmap& live) const;

 private:
  mutable std::mutex mutex_;
  std::vector<uint32_t> counts_;  // of forgotten rows, by region
};

// Whether no row of the region lives; the region must be full.
bool is_dead_region(const LiveBitmap& live, uint32_t region);

}  // namespace omendb::table
