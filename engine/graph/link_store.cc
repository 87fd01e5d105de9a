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
  if (!free_upper_[level].empty()) {
    const uint32_t position = free_upper_[level].back();
    free_upper_[level].pop_back();
    write_empty_upper(position, row, level);
    return position;
  }
  uint64_t offset = std::max<uint64_t>(upper_.size_bytes(), kUpperUnitBytes);  // position 0 says "none"
  if (offset % kUpperChunkBytes + size_bytes > kUpperChunkBytes) {
    offset = (offset / kUpperChunkBytes + 1) * kUpperChunkBytes;
  }
  if (offset / kUpperUnitBytes > kUpperPositionMask) return 0;
  upper_.grow(offset + size_bytes);
  const auto position = static_cast<uint32_t>(offset / kUpperUnitBytes);
  write_empty_upper(position, row, level);
  return position;
}

// A reader that still looks at the lists of the row that had this place before sees holes or links of rows on the same levels.
void LinkStore::write_empty_upper(uint32_t position, uint32_t row, uint32_t level) {
  UpperHeader* header = upper_at(position);
  auto* links = reinterpret_cast<uint32_t*>(header + 1);
  store_link(&header->level, level);
  store_link(&header->row, row);
  for (size_t i = 0; i < size_t{level} * m_; ++i) store_link(&links[i], kNoLink);
  upper_.mark(uint64_t{position} * kUpperUnitBytes, upper_entry_bytes(level));
}

void LinkStore::free_upper(uint32_t position) {
  const std::lock_guard lock(growing_);
  free_upper_[upper_at(position)->level].push_back(position);
}

void LinkStore::release_rows_below(uint32_t row_count) {
  const std::lock_guard lock(growing_);
  // Rows that died before they were linked may lie below, and have no slots.
  const uint32_t end = std::min(row_count, this->row_count());
  for (uint32_t chunk = 0; (chunk + 1) * uint64_t{kRowsPerChunk} <= end; ++chunk) {
    const uint32_t first = chunk * kRowsPerChunk;
    if (rows_.is_released(chunk)) continue;
    bool is_empty = true;
    for (uint32_t row = first; row < first + kRowsPerChunk && is_empty; ++row) is_empty = state(row) == 0;
    if (is_empty) rows_.release(chunk);
  }
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
