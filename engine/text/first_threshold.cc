#include "engine/text/first_threshold.h"

#include "engine/text/top_k.h"

#include <algorithm>
#include <cmath>
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

// The term of the highest weight of those with enough rows: mostly the rarest.
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
  std::vector<Block> blocks;
  for (const TermCursor::Part& part : term.cursor.parts()) {
    if (part.cursor.is_last_block()) continue;
    PostingCursor cursor = part.cursor;
    for (uint32_t row = cursor.row();;) {
      const BlockBound bound = cursor.bound_at(row);
      if (bound.last_row == kNoRow) break;
      blocks.push_back({term.bm25.bound(bound), &part, row});
      row = bound.last_row + 1;
    }
  }
  if (blocks.size() <= kBlocks) return blocks;
  const auto end = blocks.begin() + kBlocks;
  std::nth_element(blocks.begin(), end, blocks.end(), [](const Block& a, const Block& b) { return a.bound > b.bound; });
  blocks.erase(end, blocks.end());
  return blocks;
}

// Offers the live rows of the block where `cursor` stands; returns how many these are.
size_t offer_block(const TermCursor::Part& part, const PostingCursor& cursor, const Bm25& bm25, RowBits rows,
                   TopK& best) {
  const std::span<const uint32_t> found = cursor.block_rows();
  const std::span<const uint32_t> frequencies = cursor.block_frequencies();
  size_t count = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const uint32_t row = part.first_row + found[i];
    if (!rows.contains(row)) continue;
    best.offer(row, bm25.score(frequencies[i], part.run->length(found[i])));
    ++count;
  }
  return count;
}

}  // namespace

float score_exceeded(std::span<const WeightedTerm> terms, RowBits rows, size_t k) {
  const WeightedTerm* const term = k == 0 || k > kRowsWantedMax ? nullptr : choose_term(terms, k);
  if (term == nullptr) return kNone;
  TopK best(k, kNone);  // for its threshold alone, so rows need not rise
  size_t scored = 0;
  for (const Block& block : best_blocks(*term)) {
    PostingCursor cursor = block.part->cursor;
    cursor.advance(block.first_row);
    scored += offer_block(*block.part, cursor, term->bm25, rows, best);
  }
  for (const TermCursor::Part& part : term->cursor.parts()) {
    if (scored >= kRowsScored) break;
    if (part.cursor.is_last_block()) scored += offer_block(part, part.cursor, term->bm25, rows, best);
  }
  return std::nextafter(best.threshold(), kNone);  // none where there are fewer than k
}

}  // namespace omendb::text
