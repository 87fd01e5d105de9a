#pragma once

// A shortcut answered from the index of a block: bits of spans instead of a pass over values.

#include "engine/column/block_index.h"
#include "engine/filter/filter.h"
#include "engine/filter/shortcut.h"

namespace omendb::filter {

// As Truth, of a block of column::kRowsPerBlock rows.
struct BlockTruth {
  column::BlockBits known;
  column::BlockBits truth;  // may have bits of rows that are not known
};

// What is known and true of the rows that the index covers. False where it can not tell, or not sooner than a pass; `out` is anything then.
bool evaluate(const Shortcut& shortcut, const column::BlockIndex& index, const ColumnSpan& column, BlockTruth& out);

}  // namespace omendb::filter
