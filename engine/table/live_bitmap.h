#pragma once

#include "engine/graph/graph.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace omendb::table {

// Which rows of a table are alive in one version: a bit a row, in blocks that versions share and that are copied on write. Copying a LiveBitmap costs a pointer per
// 32,768 rows; an edited copy owns only the blocks it touched. Immutable once inside a version; edits by one thread.
class LiveBitmap {
 public:
  static constexpr uint32_t kRowsPerBlock = graph::LiveRows::kRowsPerBlock;
  static constexpr size_t kWordsPerBlock = kRowsPerBlock / 64;
  static constexpr size_t kBlockBytes = kRowsPerBlock / 8;
  using Block = std::array<uint64_t, kWordsPerBlock>;

  uint32_t row_count() const { return row_count_; }
  uint32_t live_count() const { return live_count_; }
  bool contains(RowId row) const { return view().contains(row.value); }
  // Borrowed: good while this bitmap, or a copy that shares its blocks, lives.
  graph::LiveRows view() const { return {pointers_, row_count_}; }
  std::span<const std::shared_ptr<const Block>> blocks() const { return blocks_; }

  // Appends `count` rows, alive or not.
  void append(uint32_t count, bool alive);
  // Clears the bit of a row; returns whether it was set.
  bool erase(RowId row);
  // Rebuilds from stored blocks; bits at and past row_count must be clear (checked by the caller through count_live).
  void assign(uint32_t row_count, std::vector<std::shared_ptr<const Block>> blocks);

  // Calls visit(RowId) for every live row in order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (size_t b = 0; b < blocks_.size(); ++b) {
      for (size_t w = 0; w < kWordsPerBlock; ++w) {
        for (uint64_t word = (*blocks_[b])[w]; word != 0; word &= word - 1) {
          visit(RowId{static_cast<uint32_t>(b * kRowsPerBlock + w * 64 + static_cast<size_t>(__builtin_ctzll(word)))});
        }
      }
    }
  }

  // All of them, rising. Throws std::bad_alloc.
  std::vector<RowId> rows() const;

  uint64_t memory_bytes() const { return blocks_.size() * (sizeof(Block) + sizeof(void*) * 3); }

 private:
  Block& own(size_t block);

  uint32_t row_count_ = 0;
  uint32_t live_count_ = 0;
  std::vector<std::shared_ptr<const Block>> blocks_;
  std::vector<const uint64_t*> pointers_;  // the same blocks, as graph::LiveRows wants them
};

// The rows that live in both, which have as many rows.
LiveBitmap intersection(const LiveBitmap& a, const LiveBitmap& b);

}  // namespace omendb::table
