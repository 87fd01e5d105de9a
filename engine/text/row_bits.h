#pragma once

// Walks over the rows of a RowBits.

#include "engine/text/run.h"
#include "engine/text/text_search.h"

#include <bit>
#include <cstdint>

namespace omendb::text {

// The first row of `bits` that is not below `from`; kNoRow where there is none.
inline uint32_t next_row(const RowBits& bits, uint32_t from) {
  constexpr uint32_t kWordsPerBlock = RowBits::kRowsPerBlock / 64;
  while (from < bits.row_count) {
    const uint32_t block = from / RowBits::kRowsPerBlock;
    const uint64_t* words = bits.blocks[block];
    const uint32_t first_word = from % RowBits::kRowsPerBlock / 64;
    for (uint32_t word = first_word; words != nullptr && word < kWordsPerBlock; ++word) {
      const uint64_t rest = words[word] & (word == first_word ? ~uint64_t{0} << from % 64 : ~uint64_t{0});
      if (rest == 0) continue;
      const uint32_t row = block * RowBits::kRowsPerBlock + word * 64 + static_cast<uint32_t>(std::countr_zero(rest));
      return row < bits.row_count ? row : kNoRow;
    }
    if (block + 1 == bits.blocks.size()) return kNoRow;
    from = (block + 1) * RowBits::kRowsPerBlock;
  }
  return kNoRow;
}

// Whether the rows are fewer than `limit`. Cost: the words until there are as many.
inline bool fewer_rows_than(const RowBits& bits, uint64_t limit) {
  uint64_t count = 0;
  for (uint32_t first = 0, block = 0; first < bits.row_count; first = ++block * RowBits::kRowsPerBlock) {
    const uint64_t* words = bits.blocks[block];
    for (uint32_t word = 0; words != nullptr && word < RowBits::kRowsPerBlock / 64; ++word) {
      count += static_cast<uint64_t>(std::popcount(words[word]));
      if (count >= limit) return false;
    }
    if (block + 1 == bits.blocks.size()) break;
  }
  return count < limit;
}

}  // namespace omendb::text
