#include "engine/table/vector_index.h"

#include "engine/base/try.h"
#include "engine/table/table_version.h"

#include <algorithm>

namespace omendb::table {
namespace {

constexpr uint32_t kRowsPerClaim =
    16;  // small enough that pausing the workers takes milliseconds, large enough that the lock costs nothing

simd::Metric kernel_metric(Metric metric) {
  switch (metric) {
    case Metric::kL2: return simd::Metric::kL2;
    case Metric::kCosine: return simd::Metric::kCosine;
    case Metric::kInnerProduct: return simd::Metric::kInnerProduct;
  }
  return simd::Metric::kL2;
}

const LiveBitmap& searchable_rows(const TableVersion& version, const VectorIndex& index) {
  const auto column = std::find_if(version.vectors.begin(), version.vectors.end(),
                                   [&](const auto& v) { return v.index.get() == &index; });
  assert(column != version.vectors.end());
  return column->searchable;
}

}  // namespace

graph::GraphOptions graph_options(const VectorOptions& options) {
  graph::GraphOptions result;
  result.metric = kernel_metric(options.metric);
  result.m = options.m;
  result.ef_construction = options.ef_construction;
  return result;
}

bool VectorIndex::active(const TableVersion& version) const {
  return watermark() > 0 || searchable_rows(version, *this).live_count() > kFlatRowsMax;
}

uint32_t VectorIndex::waiting_rows(const TableVersion& version) const {
  return active(version) ? version.row_count() - std::min(version.row_count(), watermark()) : 0;
}

std::optional<VectorIndex::Claim> VectorIndex::claim(const TableVersion& version) {
  if (!active(version)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!failed_.empty()) {
    const Claim claim = failed_.back();
    failed_.pop_back();
    return claim;
  }
  if (next_ >= version.row_count()) return std::nullopt;
  const Claim claim{next_, std::min(version.row_count(), next_ + kRowsPerClaim)};
  in_flight_.insert(claim.first);
  next_ = claim.last;
  return claim;
}

void VectorIndex::finish(const Claim& claim, uint32_t done_to) {
  const std::lock_guard lock(mutex_);
  in_flight_.erase(claim.first);
  if (done_to < claim.last) {  // out of memory half way: the rest keeps the watermark down until somebody links it
    failed_.push_back({done_to, claim.last});
    in_flight_.insert(done_to);
  }
  watermark_.store(in_flight_.empty() ? next_ : *in_flight_.begin(), std::memory_order_release);
}

Result<bool> VectorIndex::link_some(const TableVersion& version) {
  const std::optional<Claim> taken = claim(version);
  if (!taken) return false;
  const ColumnReader& values = version.columns[column_];
  const graph::VectorsView vectors = version.vectors_view(*this);
  for (uint32_t row = taken->first; row < taken->last; ++row) {
    // A row that died meanwhile is linked all the same: a search may have pinned a version in which it lives, and trusts the watermark.
    const bool never_seen = row < opened_live_.row_count() && !opened_live_.contains({row});
    if (never_seen || values.is_null({row}) || graph_.contains({row})) continue;
    if (auto linked = graph_.insert(vectors, {row}); !linked.ok()) {
      finish(*taken, row);
      return std::move(linked).error();
    }
  }
  finish(*taken, taken->last);
  return true;
}

void VectorIndex::start_at(uint32_t watermark, const LiveBitmap& live) {
  opened_live_ = live;
  next_ = watermark;
  watermark_.store(watermark, std::memory_order_release);
}

}  // namespace omendb::table
