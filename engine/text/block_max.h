#pragma once

// The best rows that have any of some terms, without looking at most of the rows that can not be among them.

#include "engine/base/stop.h"
#include "engine/text/bm25.h"
#include "engine/text/term_cursor.h"
#include "engine/text/text_search.h"
#include "engine/text/top_k.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace omendb::text {

struct WeightedTerm {
  TermCursor cursor;
  Bm25 bm25;
};

// Block-max MaxScore (Turtle, Flood: Query Evaluation: Strategies and Optimizations, 1995; Ding, Suel: Faster Top-k Document Retrieval Using Block-Max Indexes, SIGIR
// 2011) in windows, as Lucene does it since
// 9.7: a window ends where the first block of a list ends that still leads rows in; in it the lists are parted by their bounds into those that can not bring a row
// above the threshold even together, which
// are only looked up, and the others, whose rows are candidates. Where we differ: sums of candidates are made in the order of the query, so that pruning changes no
// bit of a score.
// One search; one thread. Memory: 50 KiB, and 17 KiB a term.
class BlockMaxSearch {
 public:
  // `terms` in the order of the query, whose sums are made in it.
  BlockMaxSearch(std::vector<WeightedTerm> terms, RowBits rows, TopK& top, TextSearchStats& stats,
                 base::Stop* stop = nullptr);
  ~BlockMaxSearch();
  void run();  // or a part of it, when `stop` says so
  bool damaged() const;

 private:
  static constexpr uint32_t kScoredRows = 2048;  // are scored list by list at a time
  static constexpr size_t kPrunedTermsMax = 16;  // more are all candidates: their bounds together prune little

  struct Block {
    uint32_t last_row;
    double bound;
  };
  struct Term;
  struct Scores;

  void bound_window(Term& term, uint32_t begin, uint32_t end);
  uint32_t window_end(uint32_t begin);
  void part_terms();
  void search_one_list(uint32_t begin, uint32_t end);
  void search_lists(uint32_t begin, uint32_t end);
  uint32_t first_led_row(uint32_t from);
  void score_list(size_t index, uint32_t base, uint32_t end);
  void finish_candidate(uint32_t row, uint32_t place);
  bool look_up(uint32_t row, double partial);
  void offer_parts(uint32_t row);

  std::vector<Term> terms_;
  std::vector<size_t> by_bound_;  // indexes of terms_; those that are only looked up first
  std::vector<double> sums_;      // of the bounds of by_bound_[0..i]
  std::vector<double> parts_;     // what each term gives to the row in question
  size_t looked_up_ = 0;
  std::unique_ptr<Scores> scores_;
  RowBits rows_;
  TopK& top_;
  TextSearchStats& stats_;
  base::Stop* stop_;
};

}  // namespace omendb::text
