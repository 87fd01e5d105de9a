#include "engine/graph/link_store.h"

#include <algorithm>

namespace omendb::graph {

uint64_t LinkStore::rows_bytes_for(uint64_t row_count) const {
  if (row_count == 0) return 0;
  const uint64_t whole_chunks = (row_count - 1) / kRowsPerChunk;
  const uint64_t last_rows = row_count - whole_chunks * kRowsPerChunk;
  return whole_chunks * rows_.chunk_bytes() + Graph::kBlockBytes + last_rows * 2 * m_ * sizeof(uint32_t);
}

void LinkStore::cover(uint32_t row) {
  if (row < row_count()) return;
  const std::lock_guard lock(growing_);
  if (row < row_count_.load(std::memory_order_relaxed)) return;
  rows_.grow(rows_bytes_for(uint64_t{row} + 1));
  row_count_.store(row + 1, std::memory_order_release);
}

uint32_t LinkStore::add_upper(uint32_t row, uint32_t level) {
  const size_t size_bytes = upper_entry_bytes(level);
  const std::lock_guard lock(growing_);
  uint64_t offset = std::max<uint64_t>(upper_.size_bytes(), kUpperUnitBytes);  // position 0 says "none"
  if (offset % kUpperChunkBytes + size_bytes > kUpperChunkBytes) {
    offset = (offset / kUpperChunkBytes + 1) * kUpperChunkBytes;
  }
  if (offset / kUpperUnitBytes > kUpperPositionMask) return 0;
  upper_.grow(offset + size_bytes);
  const auto position = static_cast<uint32_t>(offset / kUpperUnitBytes);
  UpperHeader* header = upper_at(position);
  *header = {.level = level, .row = row};
  std::fill_n(reinterpret_cast<uint32_t*>(header + 1), static_cast<size_t>(level) * m_, kNoLink);
  upper_.mark(offset, size_bytes);
  return position;
}

void LinkStore::mark_list(uint32_t row, uint32_t level) {
  if (level == 0) {
    const size_t list_bytes = 2 * m_ * sizeof(uint32_t);
    const uint64_t chunk = uint64_t{row / kRowsPerChunk} * rows_.chunk_bytes();
    rows_.mark(chunk + Graph::kBlockBytes + row % kRowsPerChunk * list_bytes, list_bytes);
    return;
  }
  const uint64_t offset = uint64_t{state(row) & kUpperPositionMask} * kUpperUnitBytes;
  upper_.mark(offset + sizeof(UpperHeader) + (level - 1) * m_ * sizeof(uint32_t), m_ * sizeof(uint32_t));
}

void LinkStore::allocate(uint32_t row_count, uint64_t upper_bytes) {
  const std::lock_guard lock(growing_);
  rows_.grow(rows_bytes_for(row_count));
  upper_.grow(upper_bytes);
  row_count_.store(row_count, std::memory_order_release);
}

void LinkStore::clear() {
  const std::lock_guard lock(growing_);
  row_count_.store(0, std::memory_order_release);
  rows_.clear();
  upper_.clear();
}

}  // namespace omendb::graph
