#pragma once

// Which rows of a block have a value? A row's values never change, so what was found out once of a full block holds for every version that shows its rows.

#include "engine/column/arrays.h"
#include "engine/column/block_bits.h"
#include "engine/column/sorted_rows.h"
#include "engine/column/sorted_terms.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace omendb::column {

// Members of JSON cast to a number, each of which is one, in order. Eight bytes a row besides what the order takes.
struct MemberNumbers {
  std::vector<uint64_t> bits;  // of each row's number; none: no row has the member
  SortedRows order;            // of rows from 0 on

  Arrays arrays() const { return {.values = reinterpret_cast<const std::byte*>(bits.data())}; }
};

// Immutable; any number of threads.
struct BlockIndex {
  BlockBits covered{};  // the rows that it speaks of: those that lived when it was made
  // Nothing: they take too much room, or one of them can not be cast.
  std::variant<std::monostate, SortedRows, SortedTerms, MemberNumbers> values;

  size_t memory_bytes() const;
};

// Of a block of kRowsPerBlock rows, `rows` alone. Throws std::bad_alloc. Cost: some milliseconds.
std::shared_ptr<const BlockIndex> make_block_index(const Arrays& arrays, const Source& source, uint32_t block,
                                                   const BlockBits& rows);

// The blocks that a version of a table may use of an index.
struct IndexView {
  using Blocks = std::vector<std::shared_ptr<const BlockIndex>>;

  std::shared_ptr<const Blocks> pin{};
  std::vector<const BlockIndex*> blocks{};  // null where the column has to be read
};

}  // namespace omendb::column
