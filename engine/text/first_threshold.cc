#include "engine/text/first_threshold.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace omendb::text {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr size_t kBlocks = 4;  // the best rows of a list are seldom in more, for few answers
constexpr size_t kRowsScored = kBlocks * kPostingsPerBlock;
constexpr size_t kRowsWantedMax = 64;   // of more, so many blocks say little
constexpr uint64_t kListMax = 1 << 17;  // bounds of longer ones take longer than they spare

struct Block {
  double bound = 0;
  const TermCursor::Part* part = nullptr;
  uint32_t first_row = 0;  // in the run: none of the block is before
};

// The term of the highest bound of those with enough rows, which mostly is the rarest.
const WeightedTerm* choose_term(std::span<const WeightedTerm> terms, size_t k) {
  const WeightedTerm* chosen = nullptr;
  for (const WeightedTerm& term : terms) {
    const uint64_t count = term.cursor.document_count();
    if (count < k || count > kListMax) continue;
    if (chosen == nullptr || term.bm25.factor > chosen->bm25.factor) chosen = &term;
  }
  return chosen;
}

// Of the parts that have several; those of one are not worth a bound.
std::vector<Block> best_blocks(const WeightedTerm& term) {
  std::vector<Block> best;
  const auto is_better = [](const Block& a, const Block& b) { return a.bound > b.bound; };
  for (const TermCursor::Part& part : term.cursor.parts()) {
    if (part.cursor.is_last_block()) continue;
    PostingCursor cursor = part.cursor;
    for (uint32_t row = cursor.row();;) {
      const BlockBound bound = cursor.bound_at(row);
      if (bound.last_row == kNoRow) break;
      best.push_back({term.bm25.bound(bound), &part, row});
      std::push_heap(best.begin(), best.end(), is_better);
      if (best.size() > kBlocks) {
        std::pop_heap(best.begin(), best.end(), is_better);
        best.pop_back();
      }
      row = bound.last_row + 1;
    }
  }
  return best;
}

// The scores of rows of one term, as far as they live.
class Scores {
 public:
  Scores(const Bm25& bm25, RowBits rows) : bm25_(bm25), rows_(rows) {}

  // The block where `cursor` stands.
  void add(const TermCursor::Part& part, const PostingCursor& cursor) {
    const std::span<const uint32_t> found = cursor.block_rows();
    const std::span<const uint32_t> frequencies = cursor.block_frequencies();
    for (size_t i = 0; i < found.size(); ++i) {
      if (!rows_.contains(part.first_row + found[i])) continue;
      scores_.push_back(static_cast<float>(bm25_.score(frequencies[i], part.run->length(found[i]))));
    }
  }
  size_t size() const { return scores_.size(); }
  // At most size().
  float best(size_t k) {
    const auto last = scores_.begin() + static_cast<ptrdiff_t>(k - 1);
    std::nth_element(scores_.begin(), last, scores_.end(), std::greater<>());
    return *last;
  }

 private:
  Bm25 bm25_;
  RowBits rows_;
  std::vector<float> scores_;
};

}  // namespace

float score_exceeded(std::span<const WeightedTerm> terms, RowBits rows, size_t k) {
  const WeightedTerm* const term = k == 0 || k > kRowsWantedMax ? nullptr : choose_term(terms, k);
  if (term == nullptr) return kNone;
  Scores scores(term->bm25, rows);
  for (const Block& block : best_blocks(*term)) {
    PostingCursor cursor = block.part->cursor;
    cursor.advance(block.first_row);
    scores.add(*block.part, cursor);
  }
  for (const TermCursor::Part& part : term->cursor.parts()) {
    if (scores.size() >= kRowsScored) break;
    if (part.cursor.is_last_block()) scores.add(part, part.cursor);
  }
  return scores.size() < k ? kNone : std::nextafter(scores.best(k), kNone);
}

}  // namespace omendb::text
