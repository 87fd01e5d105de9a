#include "engine/graph/block_stream.h"

#include <algorithm>

namespace omendb::graph {
namespace {

constexpr size_t kLargeChunkBytes = size_t{4} << 20;

}  // namespace

void BlockStream::append_chunk() {
  // A table of a few rows would rather not hold two megabytes of every stream.
  const os::Pages pages = owned_.empty() && chunk_bytes() < kLargeChunkBytes ? os::Pages::kSmall : os::Pages::kHuge;
  auto chunk = std::make_unique<BlockChunk>(chunk_blocks_, pages);
  owned_.reserve(owned_.size() + 1);
  if (owned_.size() == entries_capacity_) {
    const size_t larger = std::max<size_t>(16, 2 * entries_capacity_);
    arrays_.reserve(arrays_.size() + 1);
    auto array = std::make_unique<Entry[]>(larger);
    if (entries_capacity_ != 0) {
      std::copy_n(entries_.load(std::memory_order_relaxed), entries_capacity_, array.get());
    }
    entries_capacity_ = larger;
    entries_.store(array.get(), std::memory_order_release);
    arrays_.push_back(std::move(array));
  }
  // Nobody reads this place yet: the size, or the link that leads here, is published later.
  entries_.load(std::memory_order_relaxed)[owned_.size()] = {chunk->bytes(), chunk.get()};
  owned_.push_back(std::move(chunk));
}

void BlockStream::grow(uint64_t size_bytes) {
  const uint64_t old_bytes = size_bytes_.load(std::memory_order_relaxed);
  if (size_bytes <= old_bytes) return;
  while (owned_.size() * chunk_bytes() < size_bytes) append_chunk();
  // Every block is delivered once, also one in which nothing is written yet.
  const uint64_t new_blocks = (size_bytes + Graph::kBlockBytes - 1) / Graph::kBlockBytes;
  for (uint64_t block = old_bytes / Graph::kBlockBytes; block < new_blocks; ++block) set_block_changed(block, true);
  size_bytes_.store(size_bytes, std::memory_order_release);
}

void BlockStream::release(size_t index) {
  BlockChunk* chunk = chunk_of(index * chunk_blocks_);
  if (chunk->released()) return;
  chunk->release();
  released_blocks_.fetch_add(chunk_blocks_, std::memory_order_relaxed);
  for (size_t block = 0; block < chunk_blocks_; ++block) chunk->set_changed(block, true);
}

void BlockStream::clear() {
  released_blocks_.store(0, std::memory_order_relaxed);
  size_bytes_.store(0, std::memory_order_release);
  entries_.store(nullptr, std::memory_order_release);
  entries_capacity_ = 0;
  arrays_.clear();
  owned_.clear();
}

std::span<std::byte> BlockStream::block(uint64_t block) const {
  const uint64_t offset = block * Graph::kBlockBytes;
  const uint64_t left_bytes = size_bytes() - offset;
  return {at(offset), static_cast<size_t>(std::min<uint64_t>(left_bytes, Graph::kBlockBytes))};
}

}  // namespace omendb::graph
