#include "engine/text/text_search.h"

#include "engine/base/try.h"
#include "engine/text/block_max.h"
#include "engine/text/first_threshold.h"
#include "engine/text/query_plan.h"
#include "engine/text/row_bits.h"
#include "engine/text/top_k.h"

#include <algorithm>
#include <new>
#include <utility>

namespace omendb::text {
namespace {

// A row that passes costs a step of each list, a posting of a list that is walked a fraction of that.
constexpr uint64_t kPostingsPerStep = 8;

Error damaged_postings() { return {ErrorCode::kCorruption, "text: the postings of a word are damaged"}; }
Error no_memory() { return {ErrorCode::kOutOfMemory, "text: no memory for a search"}; }

constexpr uint32_t kRowsPerLook = 256;

// Calls visit(row) for each row of `rows` that matches, rising; the plan stands there.
template <typename Visit>
Result<void> for_each_match(PlanNode& plan, RowBits rows, base::Stop* stop, const Visit& visit) {
  if (plan.kind == PlanNode::Kind::kEmpty || plan.kind == PlanNode::Kind::kNothing) return {};
  base::StopEvery looking(stop, kRowsPerLook);
  uint32_t row = next_row(rows, 0);
  while (row != kNoRow && !looking.asked()) {
    plan.advance(row);
    if (plan.row == kNoRow) break;
    if (plan.row == row) {
      visit(row);
      row = next_row(rows, row + 1);
    } else {
      row = next_row(rows, plan.row);
    }
  }
  TRY_OK(base::unless_stopped(stop));
  if (plan.damaged()) return damaged_postings();
  return {};
}

uint64_t shortest_list(const PlanNode& plan) {
  uint64_t shortest = plan.matching_rows_max();
  for (const PlanNode& child : plan.children) shortest = std::min(shortest, child.matching_rows_max());
  return shortest;
}

Result<void> search_any_term(PlanNode plan, RowBits rows, TopK& top, TextSearchStats& stats, base::Stop* stop) {
  std::vector<WeightedTerm> terms;
  if (plan.kind == PlanNode::Kind::kTerm) terms.push_back({std::move(plan.term), plan.bm25});
  for (PlanNode& child : plan.children) terms.push_back({std::move(child.term), child.bm25});
  top.raise_threshold(score_exceeded(terms, rows, top.k()));
  BlockMaxSearch search(std::move(terms), rows, top, stats, stop);
  search.run();
  TRY_OK(base::unless_stopped(stop));
  if (search.damaged()) return damaged_postings();
  return {};
}

Result<std::vector<ScoredRow>> best_rows(PlanNode plan, RowBits rows, TopK top, TextSearchStats& stats,
                                         base::Stop* stop) {
  stats.matching_rows_max += plan.matching_rows_max();
  if (plan.is_any_term() && !fewer_rows_than(rows, shortest_list(plan) / kPostingsPerStep)) {
    TRY_OK(search_any_term(std::move(plan), rows, top, stats, stop));
    return top.take();
  }
  TRY_OK(for_each_match(plan, rows, stop, [&](uint32_t row) {
    double sum = 0;
    plan.add_score(sum);
    top.offer(row, sum);
    ++stats.scored_rows;
  }));
  return top.take();
}

}  // namespace

Result<std::vector<ScoredRow>> search(std::span<const TextColumn> columns, const QueryNode& query, RowBits rows,
                                      size_t k, TextSearchStats* stats, float score_above, base::Stop* stop) {
  try {
    TRY(plan, make_plan(columns, query, stop));
    TextSearchStats unread;
    if (k == 0) return std::vector<ScoredRow>();
    return best_rows(std::move(plan), rows, TopK(k, score_above), stats != nullptr ? *stats : unread, stop);
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

Result<std::vector<float>> score_rows(std::span<const TextColumn> columns, const QueryNode& query,
                                      std::span<const uint32_t> rows, base::Stop* stop) {
  try {
    TRY(plan, make_plan(columns, query, stop));
    base::StopEvery looking(stop, kRowsPerLook);
    std::vector<float> scores(rows.size());
    for (size_t i = 0; i < rows.size() && !looking.asked(); ++i) {
      plan.advance(rows[i]);
      if (plan.row != rows[i]) continue;
      double sum = 0;
      plan.add_score(sum);
      scores[i] = static_cast<float>(sum);
    }
    TRY_OK(base::unless_stopped(stop));
    if (plan.damaged()) return damaged_postings();
    return scores;
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

Result<std::vector<uint32_t>> matching_rows(std::span<const TextColumn> columns, const QueryNode& query, RowBits rows,
                                            base::Stop* stop) {
  try {
    TRY(plan, make_plan(columns, query, stop));
    std::vector<uint32_t> matching;
    TRY_OK(for_each_match(plan, rows, stop, [&matching](uint32_t row) { matching.push_back(row); }));
    return matching;
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

}  // namespace omendb::text
