#pragma once

// Walking over LiveRows a word of 64 rows at a time. Not for other rooms; they include flat_scan.h.

#include <algorithm>
#include <bit>
#include <cstdint>

#include "engine/base/stop.h"
#include "engine/graph/graph.h"

namespace omendb::graph {

// The bits of a word whose first row is `word_row` that stand for rows in [first, end).
inline uint64_t bits_within(uint64_t bits, uint64_t word_row, uint64_t first, uint64_t end) {
  if (word_row < first) bits &= ~uint64_t{0} << (first - word_row);
  if (end - word_row < 64) bits &= (uint64_t{1} << (end - word_row)) - 1;
  return bits;
}

// Calls visit(first_row, bits) for every word in [first, last) that has a live row; bit i of `bits` is row first_row + i. Bits outside of the range are 0.
template <class Visit>
void for_each_live_word(const LiveRows& live, uint32_t first, uint32_t last, const Visit& visit) {
  const uint64_t end = std::min(last, live.row_count);
  for (uint64_t word_row = first / 64 * 64; word_row < end; word_row += 64) {
    const uint64_t* block = live.blocks[word_row / LiveRows::kRowsPerBlock];
    if (block == nullptr) {
      word_row = (word_row / LiveRows::kRowsPerBlock + 1) * LiveRows::kRowsPerBlock - 64;
      continue;
    }
    const uint64_t bits = bits_within(block[word_row % LiveRows::kRowsPerBlock / 64], word_row, first, end);
    if (bits != 0) visit(static_cast<uint32_t>(word_row), bits);
  }
}

// The first live row in [first, last); `last` if there is none.
inline uint32_t first_live_row(const LiveRows& live, uint32_t first, uint32_t last) {
  const uint32_t end = std::min(last, live.row_count);
  for (uint64_t word_row = first / 64 * 64; word_row < end; word_row += 64) {
    const uint64_t* block = live.blocks[word_row / LiveRows::kRowsPerBlock];
    if (block == nullptr) continue;
    const uint64_t bits = bits_within(block[word_row % LiveRows::kRowsPerBlock / 64], word_row, first, end);
    if (bits != 0) return static_cast<uint32_t>(word_row) + static_cast<uint32_t>(std::countr_zero(bits));
  }
  return last;
}

inline constexpr uint32_t kRowsPerLook = 1024;

// The same until `stop`, which is asked every `rows_per_look` rows (a multiple of 64), says to end.
template <class Visit>
void for_each_live_word(const LiveRows& live, uint32_t first, uint32_t last, base::Stop* stop, uint32_t rows_per_look,
                        const Visit& visit) {
  if (stop == nullptr) return for_each_live_word(live, first, last, visit);
  const uint32_t end = std::min(last, live.row_count);
  for (uint32_t begin = first; begin < end && !stop->asked();) {
    const uint32_t next = begin + std::min(end - begin, rows_per_look - begin % rows_per_look);
    for_each_live_word(live, begin, next, visit);
    begin = next;
  }
}

}  // namespace omendb::graph
