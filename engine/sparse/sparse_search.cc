#include "engine/sparse/sparse_search.h"

#include "engine/base/try.h"
#include "engine/sparse/sparse_analyzer.h"
#include "engine/text/run.h"
#include "engine/text/top_k.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <memory>
#include <new>
#include <utility>

namespace omendb::sparse {
namespace {

constexpr uint32_t kWindowRows = 4096;  // are scored list by list at a time: their sums stay in the first-level cache

// The postings of one index in one run.
struct List {
  double weight = 0;  // of the query
  text::PostingCursor cursor;
};

// Rows of a window: their sums, and which of them have one.
struct Window {
  std::array<double, kWindowRows> sums{};
  std::array<uint64_t, kWindowRows / 64> bits{};
};

std::vector<List> open_lists(const text::Run& run, std::span<const Pair> query) {
  std::vector<List> lists;
  for (const Pair& pair : query) {
    const auto entry = run.find(IndexTerm(pair.index).view());
    if (entry) lists.push_back({pair.weight, text::PostingCursor(run, *entry)});
  }
  return lists;
}

uint32_t first_row(std::span<const List> lists) {
  uint32_t first = text::kNoRow;
  for (const List& list : lists) first = std::min(first, list.cursor.row());
  return first;
}

// The products of one list, whose rows below `base` are done, with the rows of the window. Block by block: rows and weights lie in arrays.
void add_products(List& list, uint32_t base, Window& window) {
  text::PostingCursor& cursor = list.cursor;
  while (cursor.row() - base < kWindowRows) {  // kNoRow is further off
    const std::span<const uint32_t> rows = cursor.block_rows();
    const uint32_t* const weights = cursor.block_single_positions();
    if (weights == nullptr) return;
    const bool whole = rows.back() - base < kWindowRows;
    const auto end = whole ? rows.end() : std::lower_bound(rows.begin(), rows.end(), base + kWindowRows);
    const auto count = static_cast<size_t>(end - rows.begin());
    for (size_t i = 0; i < count; ++i) {
      const uint32_t place = rows[i] - base;
      window.sums[place] += list.weight * double{std::bit_cast<float>(weights[i])};
      window.bits[place / 64] |= uint64_t{1} << place % 64;
    }
    if (!whole) return cursor.advance(base + kWindowRows);
    cursor.next_block();
  }
}

// Offers the rows of the window and empties it. `base`: its first row in the table.
uint64_t offer_rows(Window& window, uint32_t base, text::RowBits rows, text::TopK& top) {
  uint64_t scored_rows = 0;
  for (uint32_t word = 0; word < window.bits.size(); ++word) {
    for (uint64_t rest = std::exchange(window.bits[word], 0); rest != 0; rest &= rest - 1) {
      const uint32_t place = word * 64 + static_cast<uint32_t>(std::countr_zero(rest));
      const float score = to_score(std::exchange(window.sums[place], 0));
      ++scored_rows;
      if (score > top.threshold() && rows.contains(base + place)) top.offer(base + place, score);
    }
  }
  return scored_rows;
}

// False where bytes are damaged.
bool search_run(const text::PlacedRun& placed, std::span<const Pair> query, text::RowBits rows, Window& window,
                text::TopK& top, uint64_t& scored_rows, base::Stop* stop) {
  std::vector<List> lists = open_lists(*placed.run, query);
  for (uint32_t base = first_row(lists); base < placed.run->row_count() && !base::asked(stop);
       base = first_row(lists)) {
    for (List& list : lists) add_products(list, base, window);
    scored_rows += offer_rows(window, placed.first_row + base, rows, top);
  }
  return std::none_of(lists.begin(), lists.end(), [](const List& list) { return list.cursor.damaged(); });
}

}  // namespace

uint64_t count_postings(std::span<const text::PlacedRun> runs, std::span<const Pair> query) {
  uint64_t count = 0;
  for (const text::PlacedRun& placed : runs) {
    for (const Pair& pair : query) {
      const auto entry = placed.run->find(IndexTerm(pair.index).view());
      if (entry) count += entry->document_count;
    }
  }
  return count;
}

Result<std::vector<text::ScoredRow>> best_rows(std::span<const text::PlacedRun> runs, std::span<const Pair> query,
                                               text::RowBits rows, size_t k, uint64_t* scored_rows, base::Stop* stop) {
  try {
    text::TopK top(k, -std::numeric_limits<float>::infinity());
    const auto window = std::make_unique<Window>();
    uint64_t scored = 0;
    for (const text::PlacedRun& placed : runs) {
      const bool good = search_run(placed, query, rows, *window, top, scored, stop);
      TRY_OK(base::unless_stopped(stop));
      if (!good) return Error{ErrorCode::kCorruption, "an index of sparse vectors has damaged postings"};
    }
    if (scored_rows != nullptr) *scored_rows += scored;
    return top.take();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory for a search by sparse vector"};
  }
}

}  // namespace omendb::sparse
