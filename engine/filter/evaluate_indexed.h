#pragma once

// Conditions over a whole block of column::kRowsPerBlock rows, parts of which are answered from indexes; what is left of the rows is asked as evaluate.h does it.

#include <omendb/status.h>

#include "engine/column/block_index.h"
#include "engine/filter/evaluate.h"
#include "engine/filter/expression.h"
#include "engine/filter/filter.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace omendb::filter {

using IndexViews = std::span<const column::IndexView>;

// Whether an index of the block answers a part of the condition.
bool uses_index(const Expression& condition, IndexViews views, size_t block);
// Nanoseconds a row, about, that the rest of it takes.
unsigned row_cost_left(const Expression& condition, IndexViews views, size_t block);

// Clears the bits of `rows` for which `condition` is not true; they are those of the block.
Result<void> evaluate_indexed(const Expression& condition, const Asked& asked, IndexViews views, size_t block,
                              std::span<uint64_t> rows);

}  // namespace omendb::filter
