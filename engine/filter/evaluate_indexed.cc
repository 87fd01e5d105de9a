#include "engine/filter/evaluate_indexed.h"

#include "engine/base/try.h"
#include "engine/filter/indexed_shortcut.h"

#include <algorithm>
#include <memory>

namespace omendb::filter {
namespace {

using column::BlockBits;
using column::BlockIndex;
constexpr size_t kWords = column::kWordsPerBlock;

bool of_truths(Op op) {
  return op == Op::kAnd || op == Op::kOr || op == Op::kNot || op == Op::kIsNull || op == Op::kIsTrue ||
         op == Op::kIsFalse;
}

const BlockIndex* index_of(const Expression& expression, IndexViews views, size_t block) {
  if (expression.source >= views.size()) return nullptr;
  const column::IndexView& view = views[expression.source];
  return block < view.blocks.size() ? view.blocks[block] : nullptr;
}

class IndexedEvaluation {
 public:
  IndexedEvaluation(const Asked& asked, IndexViews views, size_t block) : asked_(asked), views_(views), block_(block) {}

  // `rows`: what is wanted. Truths of others are anything.
  Result<void> evaluate(const Expression& expression, const BlockBits& rows, BlockTruth& out) {
    if (const BlockIndex* index = index_of(expression, views_, block_)) {
      const Shortcut& shortcut = *expression.asked_of_index();
      if (covers(*index, rows) && filter::evaluate(shortcut, *index, asked_.columns[shortcut.column], out)) return {};
    } else if (expression.shortcut == nullptr && of_truths(expression.op) && uses_index(expression, views_, block_)) {
      if (expression.op == Op::kAnd || expression.op == Op::kOr) return connect(expression, rows, out);
      return test_truth(expression, rows, out);
    }
    return read(expression, rows, out);
  }

 private:
  // What is not decided by the inputs so far: true of an AND, false of an OR, or null.
  struct Open {
    BlockBits rows;
    BlockBits met_null{};
  };

  static bool covers(const BlockIndex& index, const BlockBits& rows) {
    uint64_t outside = 0;
    for (size_t w = 0; w < kWords; ++w) outside |= rows[w] & ~index.covered[w];
    return outside == 0;
  }

  // Without an index, a small block after the other.
  Result<void> read(const Expression& expression, const BlockBits& rows, BlockTruth& out) {
    for (size_t word = 0; word < kWords; word += kWordsPerBlock) {
      Bits some;
      std::copy_n(rows.begin() + static_cast<ptrdiff_t>(word), kWordsPerBlock, some.begin());
      Truth found;
      TRY_OK(evaluate_block(expression, asked_, static_cast<uint32_t>(block_ * column::kRowsPerBlock + word * 64), some,
                            found));
      std::ranges::copy(found.known, out.known.begin() + static_cast<ptrdiff_t>(word));
      std::ranges::copy(found.truth, out.truth.begin() + static_cast<ptrdiff_t>(word));
    }
    return {};
  }

  // Inputs as evaluate.cc connects them; of neighbours that can not fail those with an index come first, which leave fewer rows to read.
  Result<void> connect(const Expression& expression, const BlockBits& rows, BlockTruth& out) {
    const bool is_and = expression.op == Op::kAnd;
    const std::vector<Expression>& inputs = expression.inputs;
    const auto open = std::make_unique<Open>();
    open->rows = rows;
    for (size_t first = 0; first < inputs.size();) {
      size_t end = first;
      while (end < inputs.size() && !inputs[end].can_fail) ++end;
      end = std::max(end, first + 1);
      for (const bool indexed : {true, false}) {
        for (size_t i = first; i < end; ++i) {
          if (uses_index(inputs[i], views_, block_) == indexed) TRY_OK(decide(inputs[i], is_and, *open, out));
        }
      }
      first = end;
    }
    for (size_t w = 0; w < kWords; ++w) {
      const uint64_t decided = rows[w] & ~open->rows[w];
      const uint64_t open_known = open->rows[w] & ~open->met_null[w];
      out.known[w] = decided | open_known;
      out.truth[w] = is_and ? open_known : decided;
    }
    return {};
  }

  // `scratch`: for what the input says.
  Result<void> decide(const Expression& input, bool is_and, Open& open, BlockTruth& scratch) {
    if (!column::any_bit(open.rows)) return {};
    TRY_OK(evaluate(input, open.rows, scratch));
    for (size_t w = 0; w < kWords; ++w) {
      const uint64_t known = scratch.known[w];
      const uint64_t decided = known & (is_and ? ~scratch.truth[w] : scratch.truth[w]);
      open.met_null[w] |= open.rows[w] & ~known;
      open.rows[w] &= ~decided;
    }
    return {};
  }

  Result<void> test_truth(const Expression& expression, const BlockBits& rows, BlockTruth& out) {
    TRY_OK(evaluate(expression.inputs.front(), rows, out));
    for (size_t w = 0; w < kWords; ++w) {
      const uint64_t known = out.known[w];
      const uint64_t truth = known & out.truth[w];
      switch (expression.op) {
        case Op::kNot:
        case Op::kIsFalse: out.truth[w] = known & ~truth; break;
        case Op::kIsTrue: out.truth[w] = truth; break;
        default: out.truth[w] = ~known;
      }
      if (expression.op != Op::kNot) out.known[w] = ~uint64_t{0};
    }
    return {};
  }

  const Asked& asked_;
  const IndexViews views_;
  const size_t block_;
};

}  // namespace

bool uses_index(const Expression& condition, IndexViews views, size_t block) {
  if (condition.asked_of_index() != nullptr) return index_of(condition, views, block) != nullptr;
  return !views.empty() && of_truths(condition.op) &&
         std::ranges::any_of(condition.inputs,
                             [&](const Expression& input) { return uses_index(input, views, block); });
}

unsigned row_cost_left(const Expression& condition, IndexViews views, size_t block) {
  constexpr unsigned kLeftOpen = 8;  // of so many rows one, where an index has been asked first
  if (index_of(condition, views, block) != nullptr) return 0;
  if (condition.shortcut != nullptr || !uses_index(condition, views, block)) return row_cost(condition);
  unsigned cost = 0;
  for (const Expression& input : condition.inputs)
    cost = std::min(cost + row_cost_left(input, views, block), 1'000'000U);
  return condition.op == Op::kAnd ? cost / kLeftOpen : cost;
}

Result<void> evaluate_indexed(const Expression& condition, const Asked& asked, IndexViews views, size_t block,
                              std::span<uint64_t> rows) {
  BlockBits wanted;
  std::ranges::copy(rows, wanted.begin());
  if (!column::any_bit(wanted)) return {};
  const auto found = std::make_unique<BlockTruth>();
  TRY_OK(IndexedEvaluation(asked, views, block).evaluate(condition, wanted, *found));
  for (size_t w = 0; w < kWords; ++w) rows[w] &= found->known[w] & found->truth[w];
  return {};
}

}  // namespace omendb::filter
