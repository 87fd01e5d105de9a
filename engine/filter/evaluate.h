#pragma once

// Expressions over a block of rows, column by column.

#include <omendb/status.h>

#include "engine/filter/block_bits.h"
#include "engine/filter/block_buffers.h"
#include "engine/filter/expression.h"
#include "engine/filter/filter.h"
#include "engine/filter/shortcut.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace omendb::filter {

// What stays the same from block to block of one evaluation.
struct Asked {
  std::string_view text;  // what the author wrote, for messages
  std::span<const ColumnSpan> columns;
  std::span<uint64_t> read_cost;  // as Indexes has it
  BlockBuffers& buffers;
};

// Which of `rows`, at most kRowsPerBlock from `first_row` on, a condition is known of, and true for.
Result<void> evaluate_block(const Expression& condition, const Asked& asked, uint32_t first_row, const Bits& rows,
                            Truth& out);
// Clears the bits of `rows` for which `condition` is not true; `rows` are at most kRowsPerBlock from `first_row` on.
Result<void> evaluate_block(const Expression& condition, const Asked& asked, uint32_t first_row, Bits& rows);

}  // namespace omendb::filter
