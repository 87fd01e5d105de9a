#pragma once

// The terms that a prefix or a fuzzy word stands for: all of them that the runs have, none left out.

#include "engine/base/stop.h"
#include "engine/text/word_cursor.h"

#include <omendb/status.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

// Characters of UTF-8; a byte that belongs to none is U+FFFD.
std::u32string characters_of(std::string_view text);

// How many edits a fuzzy word without a number may have.
inline constexpr size_t kOneEditCharactersMax = 5;
inline uint32_t fuzzy_edits(uint32_t written, std::string_view folded_word) {
  return written != 0 ? written : characters_of(folded_word).size() > kOneEditCharactersMax ? 2 : 1;
}

// How far terms are from a word: the fewest insertions, deletions, replacements of a character and swaps of two neighbours, no part of the text touched twice (optimal
// string alignment: Damerau 1964,
// Wagner and Fischer's table). Terms in sorted order share the rows of the table that belong to what they have in common with the one before.
class EditDistance {
 public:
  EditDistance(std::string_view word, uint32_t edits_max);
  // Whether the term is near enough. Where it is not, rejected_bytes() tells after how many of its bytes nothing can be.
  bool near(std::string_view term);
  // 0 where other terms with the same beginning may be near.
  size_t rejected_bytes() const { return rejected_bytes_; }

 private:
  bool fill_row(size_t row, char32_t character);

  std::u32string word_;
  uint32_t edits_max_;
  // rows_[i][j]: from the term's first i characters to the word's first j; over edits_max_, any number over it.
  std::vector<std::vector<uint32_t>> rows_;
  std::string term_;  // whose rows these are
  std::vector<char32_t> characters_;
  std::vector<size_t> ends_;  // of characters_, in bytes of term_
  size_t rejected_bytes_ = 0;
};

// Sorted by term. Cost: the terms that begin so. Fails: kCorruption, and as `stop` says.
Result<std::vector<TermPlaces>> terms_with_prefix(std::span<const PlacedRun> runs, std::string_view prefix,
                                                  base::Stop* stop = nullptr);
// Cost: a walk over the terms whose beginning is near the word's.
Result<std::vector<TermPlaces>> terms_near(std::span<const PlacedRun> runs, std::string_view word, uint32_t edits_max,
                                           base::Stop* stop = nullptr);

}  // namespace omendb::text
