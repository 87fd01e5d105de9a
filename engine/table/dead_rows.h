#pragma once

// Which regions of a table nobody can see any more, so that their bytes on disk may go, and which are so nearly dead that what lives there should move. Rows are never used
// twice: a region that is dead stays dead.

#include "engine/base/ids.h"
#include "engine/table/live_bitmap.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace omendb::table {

// Threads: any.
class DeadRows {
 public:
  // As many as the graph gives memory back for.
  static constexpr uint32_t kRowsPerRegion = 16384;

  // A region is sparse when more of its rows than this are forgotten. What lives there is moved, so each row that died pays for a third of a move at most.
  static constexpr uint32_t kForgottenRowsSparse = kRowsPerRegion / 4 * 3;

  // Room for that many rows: telling of their deaths takes no memory then.
  void reserve(uint64_t row_count);
  // Rows that the newest version does not show any more; each is told once, and before it is forgotten.
  void remove(std::span<const RowId> rows);
  // Rows that no version shows any more; each is told once.
  void forget(std::span<const RowId> rows);
  // After recovery, when there are no versions but one: all that it does not show.
  void assign(const LiveBitmap& live);
  // Numbers of the regions, rising, that are full, dead in `live` and forgotten: in no version before that one, and in none after. Rows forgotten since `live` was the
  // newest do not count, for they live in it.
  std::vector<uint32_t> regions(const LiveBitmap& live) const;
  // The full sparse region of which the fewest rows live, as far as that is worth the while: more than half of the rows that take up space are dead, and it is not an old
  // version that keeps them. Rows of `live`, which is the newest published version, may be gone in a newer one. Cost: a look at two numbers a region.
  std::optional<uint32_t> sparsest_region(const LiveBitmap& live) const;

 private:
  struct Region {
    uint32_t removed_count = 0;
    uint32_t forgotten_count = 0;
  };
  void count(std::span<const RowId> rows, uint32_t Region::*counter);

  mutable std::mutex mutex_;  // guards those below
  std::vector<Region> regions_;
  uint64_t forgotten_count_ = 0;  // in all regions
};

// Whether no row of the region lives; the region must be full.
bool is_dead_region(const LiveBitmap& live, uint32_t region);

}  // namespace omendb::table
