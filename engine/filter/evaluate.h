#pragma once

// Expressions over a block of rows, column by column.

#include <omendb/status.h>

#include "engine/filter/block_bits.h"
#include "engine/filter/block_buffers.h"
#include "engine/filter/expression.h"
#include "engine/filter/filter.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace omendb::filter {

// Clears the bits of `rows` for which `condition` is not true; `rows` are at most kRowsPerBlock from `first_row` on. `text`: what the author wrote, for messages.
Result<void> evaluate_block(const Expression& condition, std::string_view text, std::span<const ColumnSpan> columns,
                            uint32_t first_row, Bits& rows, BlockBuffers& buffers);

}  // namespace omendb::filter
