#include "engine/table/dead_rows.h"

#include <algorithm>
#include <cassert>

namespace omendb::table {
namespace {

constexpr size_t kWordsPerRegion = DeadRows::kRowsPerRegion / 64;
static_assert(LiveBitmap::kRowsPerBlock % DeadRows::kRowsPerRegion == 0, "a region lies in one block of bits");

}  // namespace

bool is_dead_region(const LiveBitmap& live, uint32_t region) {
  const uint64_t first_row = uint64_t{region} * DeadRows::kRowsPerRegion;
  assert(first_row + DeadRows::kRowsPerRegion <= live.row_count());
  const LiveBitmap::Block& block = *live.blocks()[first_row / LiveBitmap::kRowsPerBlock];
  const auto begin = block.begin() + static_cast<ptrdiff_t>(first_row % LiveBitmap::kRowsPerBlock / 64);
  return std::all_of(begin, begin + kWordsPerRegion, [](uint64_t word) { return word == 0; });
}

void DeadRows::forget(std::span<const RowId> rows) {
  const std::lock_guard lock(mutex_);
  for (const RowId row : rows) {
    const size_t region = row.value / kRowsPerRegion;
    if (region >= counts_.size()) counts_.resize(region + 1);
    ++counts_[region];
    assert(counts_[region] <= kRowsPerRegion && "a row dies once");
  }
}

void DeadRows::assign(const LiveBitmap& live) {
  const std::lock_guard lock(mutex_);
  counts_.assign((uint64_t{live.row_count()} + kRowsPerRegion - 1) / kRowsPerRegion, 0);
  for (uint32_t row = 0; row < live.row_count(); ++row) counts_[row / kRowsPerRegion] += live.contains({row}) ? 0U : 1U;
}

std::vector<uint32_t> DeadRows::regions(const LiveBitmap& live) const {
  std::vector<uint32_t> regions;
  const std::lock_guard lock(mutex_);
  const auto full = std::min<size_t>(counts_.size(), live.row_count() / kRowsPerRegion);
  for (uint32_t region = 0; region < full; ++region) {
    if (counts_[region] == kRowsPerRegion && is_dead_region(live, region)) regions.push_back(region);
  }
  return regions;
}

}  // namespace omendb::table
