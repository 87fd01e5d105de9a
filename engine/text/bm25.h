#pragma once

// The score of a word in a row: Robertson, Walker: Okapi at TREC-3, 1994, with the idf that Lucene has since 4 (never below 0) and without the factor k1 + 1, which
// Lucene dropped in 8
// because it changes no order.

#include "engine/text/run.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace omendb::text {

// ln(1 + (N - df + 0.5) / (df + 0.5)). A count that damage has brought out of its range is moved into it, so that scores stay numbers.
inline double inverse_document_frequency(uint64_t document_count, uint64_t term_document_count) {
  const auto all = static_cast<double>(std::max<uint64_t>(document_count, 1));
  const auto with_term = std::clamp(static_cast<double>(term_document_count), 1.0, all);
  return std::log(1 + (all - with_term + 0.5) / (with_term + 0.5));
}

// The constants of one word in one column. Every score is made by score(), with the same operations in the same order, so that it is the same number whoever asks.
struct Bm25 {
  double factor = 0;         // weight * boost * idf
  double constant_norm = 0;  // k1 * (1 - b)
  double length_norm = 0;    // k1 * b / average length

  double score(uint32_t frequency, uint32_t length) const {
    const double f = frequency;
    return factor * f / (f + (constant_norm + length_norm * length));
  }

  // Whether score() may be above `least`, without a division: true where it is, and where rounding leaves it open.
  bool may_exceed(double least, uint32_t frequency, uint32_t length) const {
    constexpr double kDownward = 1 - 1e-9;
    const double f = frequency;
    return factor * f > least * kDownward * (f + (constant_norm + length_norm * length)) || least < 0;
  }

  // Not below the score of any row of the block: the same formula divided by f, a hair upward for what rounding may have done to either.
  double bound(const BlockBound& block) const {
    if (block.frequency_max == 0) return factor;
    constexpr double kUpward = 1 + 1e-6;
    return factor * kUpward /
           (1 + constant_norm / block.frequency_max + length_norm * static_cast<double>(block.length_ratio_min));
  }
};

}  // namespace omendb::text
