#pragma once

// Several terms that count as one word: what a prefix or a fuzzy word stands for, and the variants that an analyzer makes of one word.

#include "engine/base/stop.h"
#include "engine/text/term_cursor.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace omendb::text {

// A term and where each run has it: index of the run, entry.
struct TermPlaces {
  std::string term;
  std::vector<std::pair<size_t, TermEntry>> entries;
};

// The rows that have any of the terms; how often a row has the word is how often it has all of them together. The runs must outlive it. One thread.
class WordCursor {
 public:
  WordCursor() = default;
  // Up to kWalkedTermsMax terms are walked side by side. The postings of more are added up beforehand (8 bytes a row that has the word, beside 4 bytes a row of the
  // greatest run), or a part of them when `stop` says to end.
  WordCursor(std::span<const PlacedRun> runs, std::span<const TermPlaces> terms, base::Stop* stop = nullptr);

  // Walked however many they are: for phrases, which want positions.
  struct Walked {};
  WordCursor(Walked /*walked*/, std::span<const PlacedRun> runs, std::span<const TermPlaces> terms);

  bool empty() const { return terms_.empty() && rows_.empty(); }
  uint64_t document_count() const { return document_count_; }  // summed over the terms, dead rows included
  uint32_t row() const { return row_; }
  void advance(uint32_t row);
  uint32_t frequency();
  uint32_t length();
  // Of all the terms in row(), rising. Only where they are walked.
  void positions(std::vector<uint32_t>& out, std::vector<uint32_t>& scratch);
  bool damaged() const;
  // The one term, where there is just one and it is walked, so that it can be searched for alone.
  TermCursor* only_term() { return rows_.empty() && terms_.size() == 1 ? terms_.data() : nullptr; }

  static constexpr size_t kWalkedTermsMax = 8;

 private:
  void walk(std::span<const PlacedRun> runs, std::span<const TermPlaces> terms);
  void add_up(std::span<const PlacedRun> runs, std::span<const TermPlaces> terms, base::Stop* stop);
  void settle();

  std::vector<TermCursor> terms_;
  std::vector<uint32_t> rows_;  // added up
  std::vector<uint32_t> frequencies_;
  std::span<const PlacedRun> runs_;  // of rows_
  size_t at_ = 0;
  size_t run_at_ = 0;
  uint32_t row_ = kNoRow;
  uint64_t document_count_ = 0;
  bool damaged_ = false;
};

}  // namespace omendb::text
