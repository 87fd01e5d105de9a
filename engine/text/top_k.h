#pragma once

// The best rows so far.

#include "engine/text/text_search.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace omendb::text {

// Rows are offered as they rise: of equal scores the earlier row is the better one and stays. Memory: 8 bytes a row kept. One thread.
class TopK {
 public:
  // Only rows that score more than `score_above`.
  TopK(size_t k, float score_above) : k_(k), threshold_(score_above) {}

  // As if so given at first.
  void raise_threshold(float score_above) { threshold_ = std::max(threshold_, score_above); }
  size_t k() const { return k_; }
  // A row gets in if it scores more, as a float.
  float threshold() const { return threshold_; }

  void offer(uint32_t row, double sum) {
    const ScoredRow scored{row, static_cast<float>(sum)};
    if (!(scored.score > threshold_) || k_ == 0) return;
    if (heap_.size() == k_) {
      std::pop_heap(heap_.begin(), heap_.end(), is_better);
      heap_.back() = scored;
    } else {
      heap_.push_back(scored);
    }
    std::push_heap(heap_.begin(), heap_.end(), is_better);
    if (heap_.size() == k_) threshold_ = std::max(threshold_, heap_.front().score);
  }

  // Best first. Empties it.
  std::vector<ScoredRow> take() {
    std::sort_heap(heap_.begin(), heap_.end(), is_better);
    return std::move(heap_);
  }

 private:
  static bool is_better(const ScoredRow& a, const ScoredRow& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  }

  size_t k_;
  float threshold_;
  std::vector<ScoredRow> heap_;  // the worst in front
};

}  // namespace omendb::text
