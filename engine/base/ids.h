#pragma once

#include <compare>
#include <concepts>
#include <cstdint>

namespace omendb {

// An id that is a type of its own: mixing two kinds does not compile.
template <typename Tag, std::unsigned_integral Rep>
struct Id {
  using rep = Rep;
  Rep value{};
  auto operator<=>(const Id&) const = default;
};

// Position of a row's bytes in its table; given out in order of arrival, a table holds at most 2^32 - 1.
using RowId = Id<struct RowTag, uint32_t>;
// Named in the log and in the root; never reused, so that an old record can not speak of a new table or column.
using TableId = Id<struct TableTag, uint32_t>;
using ColumnId = Id<struct ColumnTag, uint32_t>;
// Counts commits of the whole database from 1.
using CommitNumber = Id<struct CommitTag, uint64_t>;

}  // namespace omendb
