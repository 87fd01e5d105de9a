#pragma once

// The postings of one term of a run, row by row. Part of engine/text/run.h.

#include "engine/text/run_layout.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::text {

class Run;

// Where a term's postings lie in a run, checked against the run's bytes.
struct TermEntry {
  uint32_t document_count = 0;  // rows that have the term
  uint64_t token_count = 0;     // how often all of them together
  uint64_t postings_offset = 0;
  uint64_t postings_bytes = 0;
  uint64_t positions_offset = 0;
  uint64_t positions_bytes = 0;
};

// What a search must know of a block to tell that no row of it can be an answer: with f the frequency and n the length of a row, 1 / f is nowhere less than 1 / frequency_max and
// n / f nowhere less than length_ratio_min. BM25 rises with f and falls with n / f, so these bound it whatever k1, b and the average length are.
struct BlockBound {
  uint32_t last_row = 0;
  uint32_t frequency_max = 0;
  float length_ratio_min = 0;
};

// The positions of one list in the order of its tokens, as gaps: a row's first position is itself, each other one the distance from the one before. Borrows the bytes.
class PositionReader {
 public:
  PositionReader() = default;
  // `token_count` / 128 must not be more than the bytes are.
  PositionReader(std::span<const std::byte> bytes, uint64_t token_count)
      : begin_(bytes.data()), end_(bytes.data() + bytes.size()), token_count_(token_count) {}

  uint64_t token_count() const { return token_count_; }
  // The gaps of tokens 128 * block and on, up to 128, of a block that has any; good until the next call. Null where the bytes are damaged. Cost: 30 ns, and a step for each block
  // from the last one that was asked for, or from the first one if that was later.
  const uint32_t* block_gaps(uint32_t block) {
    return (decoded_ && block_ == block) || load_block(block) ? gaps_.data() : nullptr;
  }

 private:
  bool load_block(uint32_t block);
  bool decode_tail(const std::byte* at, const std::byte* end);

  const std::byte* begin_ = nullptr;
  const std::byte* end_ = nullptr;
  uint64_t token_count_ = 0;
  uint32_t block_ = 0;
  bool decoded_ = false;
  size_t block_offset_ = 0;
  std::array<uint32_t, kPositionsPerBlock> gaps_;
};

// The rows of one term, rising. The run must outlive it. Damaged bytes end it early, with damaged(). Threads: one. Memory: 1.6 KB, nothing else. Cost: a block of 128 is decoded
// at once, about 1 ns a row; within it next() is a step in an array.
class PostingCursor {
 public:
  PostingCursor() { rows_[0] = kNoRow; }  // of no rows
  PostingCursor(const Run& run, const TermEntry& entry);

  uint32_t row() const { return rows_[index_]; }  // kNoRow at the end
  // How often the row has the term, at least 1; decoded when first asked for in a block. Means nothing at the end.
  uint32_t frequency() const {
    if (packed_frequencies_ != nullptr) decode_frequencies();
    return frequencies_[index_];
  }
  void next() {
    if (++index_ >= count_) load_block(block_ + 1);
  }
  // To the first row not below `row`; never backwards.
  void advance(uint32_t row) {
    if (row <= rows_[index_]) return;
    if (row > block_last_row_) {
      advance_block(row);
      if (row <= rows_[index_]) return;
    }
    index_ = first_not_below(row);
  }
  // The bound of the block where advance(row) would end, without decoding it. kNoRow as last_row past the end. `row` must not be below earlier calls' nor row().
  BlockBound bound_at(uint32_t row) {
    if (row >= bound_end_) find_bound(row);
    return bound_;
  }
  // The bound of all the list's rows. Cost: that of one block; lists of less than 128 rows look up their lengths.
  BlockBound bound();
  // Replaces `out` by the positions of the term in row(), rising.
  void positions(std::vector<uint32_t>& out);
  bool damaged() const { return damaged_; }

  // Block by block, for whoever wants all rows: row() and those behind it in its block, none at the end.
  std::span<const uint32_t> block_rows() const { return {rows_.data() + index_, count_ - index_}; }
  std::span<const uint32_t> block_frequencies() const {
    if (packed_frequencies_ != nullptr) decode_frequencies();
    return {frequencies_.data() + index_, count_ - index_};
  }
  bool is_last_block() const { return block_ + 1 >= block_count_; }
  void next_block() { load_block(block_ + 1); }
  // Of a list in which every row has the term once: the position of each of block_rows(), good until the next call of a block. Null where the bytes are damaged.
  const uint32_t* block_single_positions() {
    const uint32_t* const gaps = document_count_ == token_count_ ? positions_.block_gaps(block_) : nullptr;
    if (gaps != nullptr) return gaps + index_;
    fail();
    return nullptr;
  }
  PositionReader& position_reader() { return positions_; }

 private:
  bool open_list(const TermEntry& entry);
  uint32_t first_not_below(uint32_t row) const;
  void advance_block(uint32_t row);
  void find_bound(uint32_t row);
  uint32_t find_block(uint32_t from, uint32_t row) const;
  BlockEntry entry_at(uint32_t block) const;
  void load_block(uint32_t block);
  bool decode_block(uint32_t block);
  bool decode_tail(const std::byte* at, uint32_t before);
  void decode_frequencies() const;
  BlockBound bound_of_short_list() const;
  uint64_t token_ordinal();
  void end();
  void fail();

  // The current block first: what every step touches.
  uint32_t index_ = 0;
  uint32_t count_ = 0;  // of the current block; 0 at the end
  uint32_t block_last_row_ = 0;
  uint32_t bound_end_ = 0;  // rows below it are answered by bound_
  BlockBound bound_;
  mutable const std::byte* packed_frequencies_ = nullptr;  // of the current block until they are decoded
  uint32_t frequency_width_ = 0;
  uint32_t block_ = 0;
  uint32_t block_count_ = 0;
  uint32_t bound_block_ = 0;
  mutable bool damaged_ = false;

  const Run* run_ = nullptr;
  const std::byte* postings_ = nullptr;
  const std::byte* postings_end_ = nullptr;  // of blocks and tail
  const std::byte* entries_ = nullptr;       // behind them; null for lists of less than 128
  uint32_t document_count_ = 0;
  uint64_t token_count_ = 0;

  uint64_t ordinal_ = 0;  // of the first token of the row at ordinal_index_ of the current block
  uint32_t ordinal_index_ = 0;

  std::array<uint32_t, kPostingsPerBlock> rows_;
  mutable std::array<uint32_t, kPostingsPerBlock> frequencies_;
  PositionReader positions_;
};

}  // namespace omendb::text
