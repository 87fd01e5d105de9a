#include "engine/text/word_cursor.h"

#include <algorithm>

namespace omendb::text {
namespace {

// Adds up the postings of many terms in one run: an array over the run's rows where they are many, a sort of what there is where they are few.
class RunSum {
 public:
  RunSum(const PlacedRun& placed, uint64_t posting_count)
      : placed_(placed), dense_(posting_count * kDenseShare >= placed.run->row_count()) {
    if (dense_) counts_.resize(placed.run->row_count());
  }
  // False where the postings are damaged.
  bool add(const TermEntry& entry) {
    PostingCursor cursor(*placed_.run, entry);
    for (; cursor.row() != kNoRow; cursor.next()) {
      if (dense_)
        counts_[std::min<size_t>(cursor.row(), counts_.size() - 1)] += cursor.frequency();
      else
        postings_.emplace_back(cursor.row(), cursor.frequency());
    }
    return !cursor.damaged();
  }
  void append_to(std::vector<uint32_t>& rows, std::vector<uint32_t>& frequencies) {
    const auto put = [&](uint32_t row, uint32_t frequency) {
      rows.push_back(placed_.first_row + row);
      frequencies.push_back(frequency);
    };
    for (uint32_t row = 0; row < counts_.size(); ++row) {
      if (counts_[row] != 0) put(row, counts_[row]);
    }
    std::sort(postings_.begin(), postings_.end());
    for (size_t i = 0; i < postings_.size();) {
      const uint32_t row = postings_[i].first;
      uint32_t frequency = 0;
      for (; i < postings_.size() && postings_[i].first == row; ++i) frequency += postings_[i].second;
      put(row, frequency);
    }
  }

 private:
  static constexpr uint64_t kDenseShare =
      16;  // clearing and reading 16 numbers costs about what sorting one posting does
  const PlacedRun& placed_;
  bool dense_;
  std::vector<uint32_t> counts_;
  std::vector<std::pair<uint32_t, uint32_t>> postings_;
};

uint64_t sum_of(std::span<const TermPlaces> terms) {
  uint64_t document_count = 0;
  for (const TermPlaces& term : terms) {
    for (const auto& [run, entry] : term.entries) document_count += entry.document_count;
  }
  return document_count;
}

}  // namespace

WordCursor::WordCursor(std::span<const PlacedRun> runs, std::span<const TermPlaces> terms, base::Stop* stop)
    : runs_(runs), document_count_(sum_of(terms)) {
  if (terms.size() <= kWalkedTermsMax)
    walk(runs, terms);
  else
    add_up(runs, terms, stop);
  settle();
}

WordCursor::WordCursor(Walked /*walked*/, std::span<const PlacedRun> runs, std::span<const TermPlaces> terms)
    : runs_(runs), document_count_(sum_of(terms)) {
  walk(runs, terms);
  settle();
}

void WordCursor::walk(std::span<const PlacedRun> runs, std::span<const TermPlaces> terms) {
  for (const TermPlaces& term : terms) {
    if (term.entries.empty()) continue;
    TermCursor& cursor = terms_.emplace_back();
    cursor.reserve(term.entries.size());
    for (const auto& [run, entry] : term.entries) cursor.add(runs[run], entry);
    cursor.start();
  }
}

void WordCursor::add_up(std::span<const PlacedRun> runs, std::span<const TermPlaces> terms, base::Stop* stop) {
  constexpr uint32_t kTermsPerLook = 64;
  base::StopEvery looking(stop, kTermsPerLook);
  std::vector<std::vector<const TermEntry*>> by_run(runs.size());
  for (const TermPlaces& term : terms) {
    for (const auto& [run, entry] : term.entries) by_run[run].push_back(&entry);
  }
  for (size_t run = 0; run < runs.size(); ++run) {
    uint64_t posting_count = 0;
    for (const TermEntry* entry : by_run[run]) posting_count += entry->document_count;
    if (posting_count == 0 || runs[run].run->row_count() == 0) continue;
    RunSum sum(runs[run], posting_count);
    for (const TermEntry* entry : by_run[run]) {
      if (looking.asked()) return;
      damaged_ |= !sum.add(*entry);
    }
    sum.append_to(rows_, frequencies_);
  }
}

void WordCursor::settle() {
  if (!rows_.empty()) {
    row_ = at_ < rows_.size() ? rows_[at_] : kNoRow;
    return;
  }
  row_ = kNoRow;
  for (const TermCursor& term : terms_) row_ = std::min(row_, term.row());
}

void WordCursor::advance(uint32_t row) {
  if (row <= row_) return;
  if (!rows_.empty()) {
    size_t step =
        1;  // doubled until it reaches the row, so that near rows are found in few steps and far ones in a logarithm
    while (at_ + step < rows_.size() && rows_[at_ + step] < row) step *= 2;
    const auto from = rows_.begin() + static_cast<ptrdiff_t>(at_ + step / 2);
    const auto to = rows_.begin() + static_cast<ptrdiff_t>(std::min(at_ + step + 1, rows_.size()));
    at_ = static_cast<size_t>(std::lower_bound(from, to, row) - rows_.begin());
  }
  for (TermCursor& term : terms_) term.advance(row);
  settle();
}

uint32_t WordCursor::frequency() {
  if (!rows_.empty()) return frequencies_[at_];
  uint32_t frequency = 0;
  for (TermCursor& term : terms_) frequency += term.row() == row_ ? term.frequency() : 0;
  return frequency;
}

uint32_t WordCursor::length() {
  if (rows_.empty()) {
    const auto term =
        std::find_if(terms_.begin(), terms_.end(), [this](const TermCursor& t) { return t.row() == row_; });
    return term->length();
  }
  while (run_at_ + 1 < runs_.size() && runs_[run_at_ + 1].first_row <= row_) ++run_at_;
  return runs_[run_at_].run->length(row_ - runs_[run_at_].first_row);
}

void WordCursor::positions(std::vector<uint32_t>& out, std::vector<uint32_t>& scratch) {
  out.clear();
  size_t found_in = 0;
  for (TermCursor& term : terms_) {
    if (term.row() != row_) continue;
    term.positions(scratch);
    out.insert(out.end(), scratch.begin(), scratch.end());
    ++found_in;
  }
  if (found_in > 1) std::sort(out.begin(), out.end());
}

bool WordCursor::damaged() const {
  return damaged_ || std::any_of(terms_.begin(), terms_.end(), [](const TermCursor& term) { return term.damaged(); });
}

}  // namespace omendb::text
