#include "engine/text/block_max.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace omendb::text {

struct BlockMaxSearch::Term {
  WeightedTerm weighted;
  std::vector<Block> blocks;  // that cover the window, and the rest of the last one
  size_t first_block = 0;
  size_t at_block = 0;  // of the row that was looked up last
  double window_bound = 0;

  double bound_at(uint32_t row) {
    while (blocks[at_block].last_row < row) ++at_block;
    return blocks[at_block].bound;
  }
};

// Of up to kScoredRows rows: sums of the lists that were scored, and which rows these are.
struct BlockMaxSearch::Scores {
  struct List {
    std::array<uint64_t, kScoredRows / 64> bits{};
    std::array<double, kScoredRows> scores;  // where the bit is set
  };
  std::array<uint64_t, kScoredRows / 64> bits{};
  std::array<double, kScoredRows> sums{};
  std::vector<List> lists;  // one a term; none where nothing is looked up
};

BlockMaxSearch::BlockMaxSearch(std::vector<WeightedTerm> terms, RowBits rows, TopK& top, TextSearchStats& stats,
                               base::Stop* stop)
    : sums_(terms.size()), parts_(terms.size()), rows_(rows), top_(top), stats_(stats), stop_(stop) {
  for (size_t i = 0; i < terms.size(); ++i) {
    terms_.push_back({std::move(terms[i]), {}, 0, 0, 0});
    by_bound_.push_back(i);
  }
}

BlockMaxSearch::~BlockMaxSearch() = default;

void BlockMaxSearch::run() {
  uint32_t begin = kNoRow;
  for (const Term& term : terms_) begin = std::min(begin, term.weighted.cursor.row());
  constexpr uint32_t kWindowsPerLook = 8;
  base::StopEvery looking(stop_, kWindowsPerLook);
  while (begin < rows_.row_count && !looking.asked()) {
    const uint32_t end = window_end(begin);
    bool exhausted = true;
    for (Term& term : terms_) {
      bound_window(term, begin, end);
      exhausted = exhausted && term.blocks[term.first_block].last_row == kNoRow;
    }
    if (exhausted) return;
    part_terms();
    const size_t leading = terms_.size() - looked_up_;
    if (leading == 1)
      search_one_list(begin, end);
    else if (leading > 1)
      search_lists(begin, end);
    else
      ++stats_.skipped_windows;
    begin = end;
  }
}

// Reads the bounds of the blocks that cover begin to end - 1.
void BlockMaxSearch::bound_window(Term& term, uint32_t begin, uint32_t end) {
  std::vector<Block>& blocks = term.blocks;
  while (term.first_block < blocks.size() && blocks[term.first_block].last_row < begin) ++term.first_block;
  if (term.first_block == blocks.size()) {
    blocks.clear();
    term.first_block = 0;
  }
  while (blocks.empty() || blocks.back().last_row < end - 1) {
    const BlockBound bound = term.weighted.cursor.bound_at(blocks.empty() ? begin : blocks.back().last_row + 1);
    blocks.push_back({bound.last_row, bound.last_row == kNoRow ? 0 : term.weighted.bm25.bound(bound)});
  }
  term.at_block = term.first_block;
  term.window_bound = 0;
  for (size_t i = term.first_block; i < blocks.size(); ++i) {
    term.window_bound = std::max(term.window_bound, blocks[i].bound);
    if (blocks[i].last_row >= end - 1) break;
  }
}

// Where the first block ends of the lists that led the last window: those that were only looked up are likely to go on so, and need not cut the rows small.
uint32_t BlockMaxSearch::window_end(uint32_t begin) {
  constexpr uint32_t kWindowRowsMax =
      1U << 17;  // lists whose blocks are longer are short; the bounds of the others should not be of too many rows
  uint32_t last = begin + std::min(kWindowRowsMax, rows_.row_count - begin) - 1;
  for (size_t i = std::min(looked_up_, terms_.size() - 1); i < terms_.size(); ++i) {
    Term& term = terms_[by_bound_[i]];
    bound_window(term, begin, begin + 1);
    last = std::min(last, term.blocks[term.first_block].last_row);
  }
  return last + 1;
}

void BlockMaxSearch::part_terms() {
  looked_up_ = 0;
  if (terms_.size() > kPrunedTermsMax) {
    double sum = 0;
    for (const Term& term : terms_) sum += term.window_bound;
    if (sum <= top_.threshold()) looked_up_ = terms_.size();
    return;
  }
  std::sort(by_bound_.begin(), by_bound_.end(), [this](size_t a, size_t b) {
    const double bound_a = terms_[a].window_bound;
    const double bound_b = terms_[b].window_bound;
    return bound_a != bound_b ? bound_a < bound_b : a < b;
  });
  double sum = 0;
  for (size_t i = 0; i < by_bound_.size(); ++i) {
    sums_[i] = sum += terms_[by_bound_[i]].window_bound;
    if (sum <= top_.threshold()) looked_up_ = i + 1;
  }
}

void BlockMaxSearch::search_one_list(uint32_t begin, uint32_t end) {
  const size_t index = by_bound_.back();
  TermCursor& cursor = terms_[index].weighted.cursor;
  const Bm25 bm25 = terms_[index].weighted.bm25;
  const double rest = looked_up_ == 0 ? 0 : sums_[looked_up_ - 1];
  uint64_t scored_rows = 0;
  for (cursor.advance(begin); cursor.row() < end; cursor.next()) {
    const uint32_t row = cursor.row();
    if (!rows_.contains(row)) continue;
    ++scored_rows;
    const uint32_t frequency = cursor.frequency();
    const uint32_t length = cursor.length();
    if (!bm25.may_exceed(top_.threshold() - rest, frequency, length)) continue;
    const double score = bm25.score(frequency, length);
    std::fill(parts_.begin(), parts_.end(), 0);
    parts_[index] = score;
    if (look_up(row, score)) offer_parts(row);
  }
  stats_.scored_rows += scored_rows;
}

// The sum is made in the order of the query.
void BlockMaxSearch::offer_parts(uint32_t row) {
  double sum = 0;
  for (const double part : parts_) sum += part;
  top_.offer(row, sum);
}

// Adds what the lists that do not lead have for the row to parts_, the highest bound first. False as soon as the row can not be an answer.
bool BlockMaxSearch::look_up(uint32_t row, double partial) {
  const double threshold = top_.threshold();
  for (size_t i = looked_up_; i-- > 0;) {
    if (partial + sums_[i] <= threshold) return false;
    Term& term = terms_[by_bound_[i]];
    TermCursor& cursor = term.weighted.cursor;
    if (cursor.row() < row) {
      const double rest = i == 0 ? 0 : sums_[i - 1];
      if (partial + rest + term.bound_at(row) <= threshold) return false;
      cursor.advance(row);
    }
    if (cursor.row() != row) continue;
    const double score = term.weighted.bm25.score(cursor.frequency(), cursor.length());
    parts_[by_bound_[i]] = score;
    partial += score;
  }
  return true;
}

// Several lists, a few rows at a time, list by list.
void BlockMaxSearch::search_lists(uint32_t begin, uint32_t end) {
  if (!scores_) scores_ = std::make_unique<Scores>();
  if (looked_up_ > 0) scores_->lists.resize(terms_.size());
  while ((begin = first_led_row(begin)) < end) {
    const uint32_t base = begin / 64 * 64;
    const uint32_t inner_end = base + std::min(kScoredRows, end - base);
    for (size_t index = 0; index < terms_.size(); ++index) score_list(index, base, inner_end);
    const uint32_t word_count = (inner_end - 1 - base) / 64 + 1;
    for (uint32_t word = 0; word < word_count; ++word) {
      for (uint64_t rest = std::exchange(scores_->bits[word], 0); rest != 0; rest &= rest - 1) {
        const uint32_t place = word * 64 + static_cast<uint32_t>(std::countr_zero(rest));
        finish_candidate(base + place, place);
        scores_->sums[place] = 0;
      }
    }
    if (looked_up_ > 0) {
      for (Scores::List& list : scores_->lists) std::fill_n(list.bits.begin(), word_count, 0);
    }
    begin = inner_end;
  }
}

// The next one that a leading list has.
uint32_t BlockMaxSearch::first_led_row(uint32_t from) {
  uint32_t first = kNoRow;
  for (size_t i = looked_up_; i < by_bound_.size(); ++i) {
    TermCursor& cursor = terms_[by_bound_[i]].weighted.cursor;
    cursor.advance(from);
    first = std::min(first, cursor.row());
  }
  return first;
}

// The rows of one leading list, which are more than the others': the tight loop of long lists.
void BlockMaxSearch::score_list(size_t index, uint32_t base, uint32_t end) {
  for (size_t i = 0; i < looked_up_; ++i) {
    if (by_bound_[i] == index) return;
  }
  TermCursor& cursor = terms_[index].weighted.cursor;
  const Bm25 bm25 = terms_[index].weighted.bm25;
  Scores& all = *scores_;
  Scores::List* const list = looked_up_ > 0 ? &all.lists[index] : nullptr;
  for (; cursor.row() < end; cursor.next()) {
    const uint32_t place = cursor.row() - base;
    const double score = bm25.score(cursor.frequency(), cursor.length());
    all.sums[place] += score;
    all.bits[place / 64] |= uint64_t{1} << place % 64;
    if (list == nullptr) continue;
    list->scores[place] = score;
    list->bits[place / 64] |= uint64_t{1} << place % 64;
  }
}

void BlockMaxSearch::finish_candidate(uint32_t row, uint32_t place) {
  ++stats_.scored_rows;
  const double leading = scores_->sums[place];
  if (looked_up_ == 0) {
    if (leading > top_.threshold() && rows_.contains(row)) top_.offer(row, leading);
    return;
  }
  if (leading + sums_[looked_up_ - 1] <= top_.threshold() || !rows_.contains(row)) return;
  for (size_t i = 0; i < terms_.size(); ++i) {
    const Scores::List& list = scores_->lists[i];
    parts_[i] = (list.bits[place / 64] >> place % 64 & 1U) != 0 ? list.scores[place] : 0;
  }
  if (look_up(row, leading)) offer_parts(row);
}

bool BlockMaxSearch::damaged() const {
  return std::any_of(terms_.begin(), terms_.end(), [](const Term& term) { return term.weighted.cursor.damaged(); });
}

}  // namespace omendb::text
