#pragma once

// What the best rows of a search score at least, before any was looked at.

#include "engine/text/block_max.h"

#include <cstddef>
#include <span>

namespace omendb::text {

// A score that at least k of `rows` are above: of the term of the highest weight, the k-th best row of its most promising blocks, by this term alone. A row has no less in
// all, so a search for rows above it loses none of the k best. (As the thresholds that Mallia, Siedlaczek, Suel: A Comparison of Top-k Threshold Estimation Techniques, 2020,
// look up per term, but of the rows in question.) -infinity where there are not so many. Cost: a few microseconds, and 15 ns a block. Throws std::bad_alloc.
float score_exceeded(std::span<const WeightedTerm> terms, RowBits rows, size_t k);

}  // namespace omendb::text
