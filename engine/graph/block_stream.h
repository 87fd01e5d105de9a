#pragma once

// Bytes that grow at their end and never move, so that readers need no lock: chunks of 64 KiB blocks, with a mark for every block that changed since it was last
// copied to disk. Not for other rooms; they include graph.h.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/os/zeroed_memory.h"

namespace omendb::graph {

// A chunk and the marks of its blocks.
class BlockChunk {
 public:
  BlockChunk(size_t block_count, os::Pages pages)
      : memory_(block_count * Graph::kBlockBytes, pages), changed_(block_count) {}
  std::byte* bytes() const { return memory_.data(); }
  void release() {
    memory_.release();
    released_.store(true, std::memory_order_relaxed);
  }
  bool released() const { return released_.load(std::memory_order_relaxed); }
  bool changed(size_t block) const { return changed_[block].load(std::memory_order_relaxed) != 0; }
  void set_changed(size_t block, bool changed) {
    const uint8_t wanted = changed ? 1 : 0;
    if (changed_[block].load(std::memory_order_relaxed) != wanted)
      changed_[block].store(wanted, std::memory_order_relaxed);
  }

 private:
  os::ZeroedMemory memory_;
  std::vector<std::atomic<uint8_t>> changed_;
  std::atomic<bool> released_{false};
};

class BlockStream {
 public:
  explicit BlockStream(size_t chunk_blocks) : chunk_blocks_(chunk_blocks) {}

  size_t chunk_bytes() const { return chunk_blocks_ * Graph::kBlockBytes; }
  uint64_t size_bytes() const { return size_bytes_.load(std::memory_order_acquire); }
  // What lies behind its end is not touched yet.
  uint64_t memory_bytes() const {
    return (block_count() - released_blocks_.load(std::memory_order_relaxed)) * Graph::kBlockBytes;
  }

  // Makes the stream at least `size_bytes` long; what is new is zero. Under its owner's lock. Throws std::bad_alloc, nothing changed.
  void grow(uint64_t size_bytes);
  void clear();

  // Gives the memory of a chunk back; it reads as zeros from now on, also to those who read it just now. Under its owner's lock.
  void release(size_t index);
  bool is_released(size_t index) const { return chunk_of(index * chunk_blocks_)->released(); }

  // Of a chunk that the stream has, as this thread knows by a size or a link that it has read.
  std::byte* chunk(size_t index) const { return entries_.load(std::memory_order_acquire)[index].bytes; }
  // Good until the end of the chunk.
  std::byte* at(uint64_t offset) const { return chunk(offset / chunk_bytes()) + offset % chunk_bytes(); }
  // After a write of `size_bytes` at `offset`, within one chunk. Threads: any.
  void mark(uint64_t offset, size_t size_bytes) {
    for (uint64_t b = offset / Graph::kBlockBytes; b <= (offset + size_bytes - 1) / Graph::kBlockBytes; ++b) {
      set_block_changed(b, true);
    }
  }

  uint64_t block_count() const { return (size_bytes() + Graph::kBlockBytes - 1) / Graph::kBlockBytes; }
  std::span<std::byte> block(uint64_t block) const;  // the last one may be shorter
  bool block_changed(uint64_t block) const { return chunk_of(block)->changed(block % chunk_blocks_); }
  void set_block_changed(uint64_t block, bool changed) { chunk_of(block)->set_changed(block % chunk_blocks_, changed); }

 private:
  struct Entry {
    std::byte* bytes;
    BlockChunk* chunk;
  };
  BlockChunk* chunk_of(uint64_t block) const {
    return entries_.load(std::memory_order_acquire)[block / chunk_blocks_].chunk;
  }
  void append_chunk();

  const size_t chunk_blocks_;
  std::atomic<uint64_t> size_bytes_{0};
  std::atomic<uint64_t> released_blocks_{0};
  // The chunks as readers find them. A full array is replaced by a larger copy, and the old one is kept until the end.
  std::atomic<Entry*> entries_{nullptr};
  size_t entries_capacity_ = 0;
  std::vector<std::unique_ptr<Entry[]>> arrays_;
  std::vector<std::unique_ptr<BlockChunk>> owned_;
};

}  // namespace omendb::graph
