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

void DeadRows::count(std::span<const RowId> rows, uint32_t Region::*counter) {
  for (const RowId row : rows) {
    const size_t region = row.value / kRowsPerRegion;
    if (region >= regions_.size()) regions_.resize(region + 1);
    ++(regions_[region].*counter);
    assert(regions_[region].*counter <= kRowsPerRegion && "a row dies once");
  }
}

void DeadRows::reserve(uint64_t row_count) {
  const std::lock_guard lock(mutex_);
  const uint64_t region_count = (row_count + kRowsPerRegion - 1) / kRowsPerRegion;
  if (region_count > regions_.size()) regions_.resize(region_count);
}

void DeadRows::remove(std::span<const RowId> rows) {
  const std::lock_guard lock(mutex_);
  count(rows, &Region::removed_count);
}

void DeadRows::forget(std::span<const RowId> rows) {
  const std::lock_guard lock(mutex_);
  count(rows, &Region::forgotten_count);
  forgotten_count_ += rows.size();
}

void DeadRows::assign(const LiveBitmap& live) {
  const std::lock_guard lock(mutex_);
  regions_.assign((uint64_t{live.row_count()} + kRowsPerRegion - 1) / kRowsPerRegion, {});
  for (uint32_t row = 0; row < live.row_count(); ++row) {
    if (!live.contains({row})) ++regions_[row / kRowsPerRegion].removed_count;
  }
  forgotten_count_ = live.row_count() - live.live_count();
  for (Region& region : regions_) region.forgotten_count = region.removed_count;
}

std::vector<uint32_t> DeadRows::regions(const LiveBitmap& live) const {
  std::vector<uint32_t> regions;
  const std::lock_guard lock(mutex_);
  const auto full = std::min<size_t>(regions_.size(), live.row_count() / kRowsPerRegion);
  for (uint32_t region = 0; region < full; ++region) {
    if (regions_[region].forgotten_count == kRowsPerRegion && is_dead_region(live, region)) regions.push_back(region);
  }
  return regions;
}

std::optional<uint32_t> DeadRows::sparsest_region(const LiveBitmap& live) const {
  const std::lock_guard lock(mutex_);
  const uint64_t dead_count = live.row_count() - live.live_count();
  // Somebody keeps an old version: rows that leave this one would stay in that one. A few wait at any time, for searches under way.
  if (dead_count > forgotten_count_ + kRowsPerRegion) return std::nullopt;
  const auto full = std::min<size_t>(regions_.size(), live.row_count() / kRowsPerRegion);
  uint64_t gone_count = 0;
  std::optional<uint32_t> sparsest;
  for (uint32_t i = 0; i < full; ++i) {
    const Region& region = regions_[i];
    if (region.forgotten_count == kRowsPerRegion) gone_count += kRowsPerRegion;
    if (region.forgotten_count <= kForgottenRowsSparse || region.removed_count == kRowsPerRegion) continue;
    if (!sparsest || region.removed_count > regions_[*sparsest].removed_count) sparsest = i;
  }
  const bool mostly_dead = dead_count - std::min(dead_count, gone_count) > live.live_count();
  return mostly_dead ? sparsest : std::nullopt;
}

}  // namespace omendb::table
