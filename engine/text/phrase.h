#pragma once

// Words at their places: rows in which they stand in order.

#include "engine/base/stop.h"
#include "engine/text/word_cursor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace omendb::text {

// In how many places `positions` (one list a word, rising) begin a match: word i stands at least `offsets[i] - offsets[i - 1]` positions behind the one before it, and
// what they stand farther apart
// is `slop` in sum at most. `offsets` rise from 0. Cost: linear where slop is 0, else about places times words.
// `chosen`, if given, gets for each match the positions of its words.
uint32_t phrase_frequency(std::span<const std::vector<uint32_t>> positions, std::span<const uint32_t> offsets,
                          uint32_t slop, std::vector<uint32_t>* chosen = nullptr);

// The rows that have a phrase, how often, how long. One thread.
class PhraseCursor {
 public:
  // One word a slot, all walked (WordCursor). At least two. Past its last row as soon as `stop` says to end.
  PhraseCursor(std::vector<WordCursor> words, std::vector<uint32_t> offsets, uint32_t slop, base::Stop* stop = nullptr);

  uint64_t document_count() const;  // of the rarest word: no more rows than that
  uint32_t row() const { return row_; }
  void advance(uint32_t row);
  uint32_t frequency() const { return frequency_; }
  uint32_t length() { return words_.front().length(); }
  bool damaged() const;

 private:
  // Rows that have all words, from `row` on, until the phrase stands in one.
  void settle(uint32_t row);

  std::vector<WordCursor> words_;
  std::vector<uint32_t> offsets_;
  std::vector<size_t> by_rarity_;  // indexes of words_
  std::vector<std::vector<uint32_t>> positions_;
  std::vector<uint32_t> scratch_;
  uint32_t slop_;
  base::StopEvery looking_;
  uint32_t row_ = kNoRow;
  uint32_t frequency_ = 0;
};

}  // namespace omendb::text
