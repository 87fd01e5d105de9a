#pragma once

// What a condition says most often: one column beside constants. Such parts of it are answered from the column's arrays, words of rows at a time, and never fail.

#include "engine/column/arrays.h"
#include "engine/filter/block_bits.h"
#include "engine/filter/column_block.h"
#include "engine/filter/number_set.h"
#include "engine/filter/text_match.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace omendb::filter {

struct Expression;

struct IntRange {  // low <= value <= high
  int64_t low = std::numeric_limits<int64_t>::min();
  int64_t high = std::numeric_limits<int64_t>::max();
};
struct FloatRange {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool nan = false;  // whether NaN passes, which is above all numbers
};
struct FloatSet {
  NumberSet bits;  // of the values: of zeros and of NaNs those of one
};
struct TextBound {  // below the text, or above it, or equal to it where that passes
  std::string text;
  bool below = false;
  bool equal = false;

  bool passes(std::string_view value) const {
    const int order = value.compare(text);
    return order == 0 ? equal : (order < 0) == below;
  }
};
struct ListElement {  // one of the list's strings is this
  std::string text;
};
struct NullTest {};

// Immutable; any number of threads.
struct Shortcut {
  uint32_t column = 0;
  std::variant<IntRange, FloatRange, NumberSet, FloatSet, TextMatch, TextBound, ListElement, NullTest> test{};
  std::vector<column::Member> path{};         // of JSON: what the test is of, as text
  bool is_vector = false;                     // of a null test
  std::optional<column::ValueKind> values{};  // what the column has, if an index can be of that
  bool null_in_set = false;                   // what is not among the others may be that one
};

// Finds the shortcuts in a bound condition, makes one range of several over a column, and puts what is cheap before what is not, where neither can fail.
void find_shortcuts(Expression& expression);
// What an index could answer it from; nothing where none can.
std::optional<column::Source> indexed_source(const Shortcut& shortcut);
// Nanoseconds that a row takes, about.
unsigned row_cost(const Expression& expression);

struct Truth {
  Bits known{};
  Bits truth{};  // may have bits of rows that are not known
};
Truth evaluate(const Shortcut& shortcut, const ColumnSpan& column, uint32_t first_row, size_t row_count,
               const Bits& rows);

}  // namespace omendb::filter
