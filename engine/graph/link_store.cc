#include "engine/graph/link_store.h"

#include <algorithm>
#include <new>

namespace omendb::graph {

ZeroedMemory::ZeroedMemory(size_t size_bytes) : memory_(std::calloc(1, size_bytes + kAlignment)) {
  if (memory_ == nullptr) throw std::bad_alloc();
  void* at = memory_.get();
  size_t space_bytes = size_bytes + kAlignment;
  aligned_ = static_cast<std::byte*>(std::align(kAlignment, size_bytes, at, space_bytes));
}

void ChunkList::append(size_t block_count) {
  auto chunk = std::make_unique<BlockChunk>(block_count);
  owned_.reserve(owned_.size() + 1);
  if (owned_.size() == capacity_) {
    const size_t larger = std::max<size_t>(16, 2 * capacity_);
    arrays_.reserve(arrays_.size() + 1);
    auto array = std::make_unique<Entry[]>(larger);
    if (capacity_ != 0) std::copy_n(current_.load(std::memory_order_relaxed), capacity_, array.get());
    capacity_ = larger;
    current_.store(array.get(), std::memory_order_release);
    arrays_.push_back(std::move(array));
  }
  // Nobody reads this place yet: the row count, or the link that leads here, is published later.
  current_.load(std::memory_order_relaxed)[owned_.size()] = {chunk->bytes(), chunk.get()};
  owned_.push_back(std::move(chunk));
}

void ChunkList::clear() {
  current_.store(nullptr, std::memory_order_release);
  capacity_ = 0;
  arrays_.clear();
  owned_.clear();
}

uint64_t LinkStore::rows_bytes_for(uint64_t row_count) const {
  if (row_count == 0) return 0;
  const uint64_t chunk_bytes = chunk_blocks(Graph::Stream::kRows) * Graph::kBlockBytes;
  const uint64_t whole_chunks = (row_count - 1) / kRowsPerChunk;
  const uint64_t last_rows = row_count - whole_chunks * kRowsPerChunk;
  return whole_chunks * chunk_bytes + Graph::kBlockBytes + last_rows * 2 * m_ * sizeof(uint32_t);
}

uint64_t LinkStore::memory_bytes() const {
  const std::lock_guard lock(growing_);
  return rows_.count() * chunk_blocks(Graph::Stream::kRows) * Graph::kBlockBytes + upper_.count() * kUpperChunkBytes;
}

void LinkStore::cover(uint32_t row) {
  if (row < row_count()) return;
  const std::lock_guard lock(growing_);
  const uint32_t old_count = row_count_.load(std::memory_order_relaxed);
  if (row < old_count) return;
  while (rows_.count() * kRowsPerChunk <= row) rows_.append(chunk_blocks(Graph::Stream::kRows));
  // Every block of the stream is delivered once, also one in which no row is linked yet.
  const uint64_t old_bytes = rows_bytes_for(old_count);
  const uint64_t new_blocks = (rows_bytes_for(uint64_t{row} + 1) + Graph::kBlockBytes - 1) / Graph::kBlockBytes;
  for (uint64_t block = old_bytes / Graph::kBlockBytes; block < new_blocks; ++block) {
    set_block_changed(Graph::Stream::kRows, block, true);
  }
  row_count_.store(row + 1, std::memory_order_release);
}

uint32_t LinkStore::add_upper(uint32_t row, uint32_t level) {
  const size_t size_bytes = upper_entry_bytes(level);
  const std::lock_guard lock(growing_);
  uint64_t offset = std::max<uint64_t>(upper_bytes(), kUpperUnitBytes);  // position 0 says "none"
  if (offset % kUpperChunkBytes + size_bytes > kUpperChunkBytes) {
    offset = (offset / kUpperChunkBytes + 1) * kUpperChunkBytes;
  }
  if (offset / kUpperUnitBytes > kUpperPositionMask) return 0;
  while (upper_.count() * kUpperChunkBytes < offset + size_bytes) upper_.append(kUpperChunkBlocks);
  const auto position = static_cast<uint32_t>(offset / kUpperUnitBytes);
  UpperHeader* header = upper_at(position);
  *header = {.level = level, .row = row};
  std::fill_n(reinterpret_cast<uint32_t*>(header + 1), static_cast<size_t>(level) * m_, kNoLink);
  upper_[offset / kUpperChunkBytes].chunk->mark_bytes(offset % kUpperChunkBytes, size_bytes);
  upper_bytes_.store(offset + size_bytes, std::memory_order_release);
  return position;
}

void LinkStore::mark_list(uint32_t row, uint32_t level) {
  if (level == 0) {
    const size_t list_bytes = 2 * m_ * sizeof(uint32_t);
    rows_[row / kRowsPerChunk].chunk->mark_bytes(Graph::kBlockBytes + row % kRowsPerChunk * list_bytes, list_bytes);
    return;
  }
  const size_t offset = static_cast<size_t>(state(row) & kUpperPositionMask) * kUpperUnitBytes;
  const size_t list_offset = offset % kUpperChunkBytes + sizeof(UpperHeader) + (level - 1) * m_ * sizeof(uint32_t);
  upper_[offset / kUpperChunkBytes].chunk->mark_bytes(list_offset, m_ * sizeof(uint32_t));
}

uint64_t LinkStore::stream_bytes(Graph::Stream stream) const {
  return stream == Graph::Stream::kRows ? rows_bytes() : upper_bytes();
}

std::span<std::byte> LinkStore::block(Graph::Stream stream, uint64_t block) const {
  std::byte* begin = chunk_of(stream, block)->bytes() + block % chunk_blocks(stream) * Graph::kBlockBytes;
  const uint64_t left_bytes = stream_bytes(stream) - block * Graph::kBlockBytes;
  return {begin, static_cast<size_t>(std::min<uint64_t>(left_bytes, Graph::kBlockBytes))};
}

bool LinkStore::block_changed(Graph::Stream stream, uint64_t block) const {
  return chunk_of(stream, block)->changed(block % chunk_blocks(stream));
}

void LinkStore::set_block_changed(Graph::Stream stream, uint64_t block, bool changed) {
  chunk_of(stream, block)->set_changed(block % chunk_blocks(stream), changed);
}

void LinkStore::allocate(uint32_t row_count, uint64_t upper_bytes) {
  const std::lock_guard lock(growing_);
  while (rows_.count() * kRowsPerChunk < row_count) rows_.append(chunk_blocks(Graph::Stream::kRows));
  while (upper_.count() * kUpperChunkBytes < upper_bytes) upper_.append(kUpperChunkBlocks);
  upper_bytes_.store(upper_bytes, std::memory_order_release);
  row_count_.store(row_count, std::memory_order_release);
}

void LinkStore::clear() {
  const std::lock_guard lock(growing_);
  row_count_.store(0, std::memory_order_release);
  rows_.clear();
  upper_.clear();
  upper_bytes_.store(0, std::memory_order_release);
}

}  // namespace omendb::graph
