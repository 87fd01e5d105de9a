#pragma once

// Where the edges lie: per row a list of 2 * m links on level 0 and, for one row in m, lists of m links on each upper level. Memory comes in chunks that
// never move, so readers need no lock while other threads add rows. Not for other rooms; they include graph.h.
//
// A link is one 32-bit word: the row in the low 31 bits and, in the high bit, "protected": pruning may not drop it (graph_build.cc says why). Lists have holes:
// a removed link leaves kNoLink behind and the others stay where they are, so that a reader beside a writer misses no link that stays. Words are
// read and written as atomics; a row's lists are complete before the first link to it is stored (release), and readers load links with acquire.

#include <omendb/status.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "engine/graph/block_stream.h"
#include "engine/graph/graph.h"

namespace omendb::graph {

inline constexpr uint32_t kRowMask = 0x7FFFFFFFU;
inline constexpr uint32_t kProtectedBit = 0x80000000U;
inline constexpr uint32_t kNoLink = kRowMask;
inline constexpr uint32_t kRowsMax = kRowMask - 1;  // rows 0 .. kRowsMax - 1 fit a link
inline constexpr uint32_t kLevelMax = 15;
inline constexpr uint32_t kLinksPerRowMax = 512;  // of GraphOptions::m

// The state word of a row: linked or not, and where its upper levels are, in units of kUpperUnitBytes from the start of the stream, 0 = none.
inline constexpr uint32_t kLinkedBit = 0x80000000U;
inline constexpr uint32_t kUpperPositionMask = 0x3FFFFFFFU;
inline constexpr size_t kUpperUnitBytes = 16;

// The lists of one row on its upper levels begin with these two words; m links per level follow, level 1 first.
struct UpperHeader {
  uint32_t level;
  uint32_t row;
};
static_assert(sizeof(UpperHeader) == 8);

inline uint32_t load_link(uint32_t* word) { return std::atomic_ref<uint32_t>(*word).load(std::memory_order_acquire); }
inline void store_link(uint32_t* word, uint32_t link) {
  std::atomic_ref<uint32_t>(*word).store(link, std::memory_order_release);
}

class LinkStore {
 public:
  // 16,384 rows make every chunk a whole number of blocks: one block of state words, then 2 * m blocks of level-0 links.
  static constexpr uint32_t kRowsPerChunk = 16384;
  static constexpr size_t kUpperChunkBlocks = 16;
  static constexpr size_t kUpperChunkBytes = kUpperChunkBlocks * Graph::kBlockBytes;

  explicit LinkStore(uint32_t m) : m_(m), rows_(2 * size_t{m} + 1), upper_(kUpperChunkBlocks) {}

  uint32_t m() const { return m_; }
  uint32_t capacity(uint32_t level) const { return level == 0 ? 2 * m_ : m_; }
  // Rows below have slots (acquire): what a search may touch is decided once, at its start.
  uint32_t row_count() const { return row_count_.load(std::memory_order_acquire); }
  uint64_t rows_bytes_for(uint64_t row_count) const;
  uint64_t memory_bytes() const { return rows_.memory_bytes() + upper_.memory_bytes(); }
  bool is_released(uint32_t row) const { return rows_.is_released(row / kRowsPerChunk); }
  BlockStream& rows_stream() { return rows_; }
  const BlockStream& rows_stream() const { return rows_; }
  BlockStream& upper_stream() { return upper_; }
  const BlockStream& upper_stream() const { return upper_; }

  // Gives rows 0 .. row slots. Threads: any. Throws std::bad_alloc, nothing changed.
  void cover(uint32_t row);
  // Gives the upper lists of a row to whoever comes next. Threads: any.
  void free_upper(uint32_t position);
  // Gives back the memory of whole chunks of rows in which none is linked, of those below `row_count`, which must not be linked again.
  void release_rows_below(uint32_t row_count);
  // Room for the upper lists of a row, all holes; its position for the state word, 0 when all positions are given away. Threads: any. Throws std::bad_alloc.
  uint32_t add_upper(uint32_t row, uint32_t level);

  // For rows below a row_count() that this thread has read.
  uint32_t* links(uint32_t row) const {
    return reinterpret_cast<uint32_t*>(rows_.chunk(row / kRowsPerChunk) + Graph::kBlockBytes) +
           static_cast<size_t>(row % kRowsPerChunk) * (2 * m_);
  }
  uint32_t* state_word(uint32_t row) const {
    return reinterpret_cast<uint32_t*>(rows_.chunk(row / kRowsPerChunk)) + row % kRowsPerChunk;
  }
  uint32_t state(uint32_t row) const { return load_link(state_word(row)); }
  // The row must have upper lists.
  UpperHeader* upper(uint32_t row) const { return upper_at(state(row) & kUpperPositionMask); }
  UpperHeader* upper_at(uint32_t position) const {
    const size_t offset = size_t{position} * kUpperUnitBytes;
    return reinterpret_cast<UpperHeader*>(upper_.chunk(offset / kUpperChunkBytes) + offset % kUpperChunkBytes);
  }
  uint32_t level(uint32_t row) const { return (state(row) & kUpperPositionMask) == 0 ? 0 : upper(row)->level; }
  // The list of a row on a level that it has; empty if it has been erased meanwhile.
  std::span<uint32_t> list(uint32_t row, uint32_t level) const {
    if (level == 0) return {links(row), 2 * m_};
    if ((state(row) & kUpperPositionMask) == 0) return {};
    return {reinterpret_cast<uint32_t*>(upper(row) + 1) + static_cast<size_t>(level - 1) * m_, m_};
  }
  size_t upper_entry_bytes(uint32_t level) const {
    const size_t bytes = sizeof(UpperHeader) + static_cast<size_t>(level) * m_ * sizeof(uint32_t);
    return (bytes + kUpperUnitBytes - 1) / kUpperUnitBytes * kUpperUnitBytes;
  }

  // After a write to the list of `row` on `level`, or to its state word. Threads: any.
  void mark_list(uint32_t row, uint32_t level);
  void mark_state(uint32_t row) { rows_.set_block_changed(row / kRowsPerChunk * (2 * uint64_t{m_} + 1), true); }

  // For load: room for both streams. Throws std::bad_alloc. clear() gives everything back; nobody may read meanwhile.
  void allocate(uint32_t row_count, uint64_t upper_bytes);
  void clear();

 private:
  void write_empty_upper(uint32_t position, uint32_t row, uint32_t level);

  const uint32_t m_;
  std::atomic<uint32_t> row_count_{0};
  std::mutex growing_;                                           // held to change the one above and all below
  std::array<std::vector<uint32_t>, kLevelMax + 1> free_upper_;  // positions by level
  BlockStream rows_;
  BlockStream upper_;
};

}  // namespace omendb::graph
