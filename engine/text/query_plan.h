#pragma once

// A query bound to columns: what its words are in each of them, how much they weigh, where their rows are.

#include "engine/base/stop.h"
#include "engine/text/bm25.h"
#include "engine/text/phrase.h"
#include "engine/text/term_cursor.h"
#include "engine/text/text_query.h"
#include "engine/text/text_search.h"
#include "engine/text/word_cursor.h"

#include <omendb/status.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace omendb::text {

// Which rows match, walked as they rise, and what they score. One thread; borrows the columns' runs.
struct PlanNode {
  enum class Kind : uint8_t {
    kEmpty,    // no word of the query: stop words, punctuation. Takes part in nothing
    kNothing,  // words that no row has
    kTerm,
    kWord,  // several terms as one
    kPhrase,
    kClauses,  // children, each of which must, should or must not match; without a must, one of them should
  };

  // To the first row that matches and is not below `to`; kNoRow past the last.
  void advance(uint32_t to) {
    if (to > row) settle(to);
  }
  void settle(uint32_t to);  // the same from anywhere
  // Adds what the row where it stands scores, leaf by leaf in the order of the query: sums are the same numbers whichever way the row was found.
  void add_score(double& sum);
  bool damaged() const;
  // No more rows than that match.
  uint64_t matching_rows_max() const;
  // Terms of which any should match, so that rows can be pruned by their bounds.
  bool is_any_term() const;

  Kind kind = Kind::kEmpty;
  uint32_t row = kNoRow;
  Bm25 bm25;
  TermCursor term;
  std::unique_ptr<WordCursor> word;
  std::unique_ptr<PhraseCursor> phrase;
  std::vector<PlanNode> children;
  std::vector<QueryNode::Occur> occurs;  // one a child
  std::vector<size_t> musts;             // rarest first
  std::vector<size_t> must_nots;
  std::string fold_key;  // of a word of the query that may be folded with its like: column and term
  base::StopEvery looking{nullptr, kStepsPerLook};  // of clauses; past the last row as soon as it says to end

  static constexpr uint32_t kStepsPerLook = 256;

 private:
  uint32_t advance_musts(uint32_t to);
  uint32_t advance_shoulds(uint32_t to);
  bool excluded(uint32_t at);
};

// Stands at its first row. Fails: kInvalidArgument (a column that is not there, a tree too deep), kCorruption, and as `stop` says.
Result<PlanNode> make_plan(std::span<const TextColumn> columns, const QueryNode& query, base::Stop* stop = nullptr);

}  // namespace omendb::text
