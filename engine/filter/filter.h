#pragma once

// A condition, parsed and bound to a schema: three-valued logic as SQL has it, a row passes where it is true. docs/filters.md says what may stand in one.

#include <omendb/filter.h>
#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/column/arrays.h"
#include "engine/column/block_index.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace omendb::filter {

inline constexpr size_t kTextBytesMax = size_t{1} << 20;
inline constexpr size_t kDepthMax = 100;  // of parentheses, operators and words that may lie in each other
inline constexpr uint32_t kRowsPerBlock = 1024;
inline constexpr size_t kKeyBytesMax = size_t{64} << 10;

// The arrays of one column as a version of a table sees them; borrowed. Which are there depends on the type.
using ColumnSpan = column::Arrays;

struct Expression;

// What there is beside the columns, for each of a condition's sources.
struct Indexes {
  std::span<const column::IndexView> views{};  // none, or one a source
  std::span<uint64_t> read_cost{};  // none, or one a source: nanoseconds, about, that reading its column took are added
};

// Immutable; any number of threads. Memory: a few hundred bytes an operator, and the constants.
class Filter {
 public:
  // Fails: kInvalidArgument (syntax, types, parameters), kSchema (no such column); messages name the place in the text. Cost: about 20 us, and 1 us a constant.
  static Result<std::shared_ptr<const Filter>> make(const Schema& schema, const Where& where);
  ~Filter();
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // The condition and its parameters as bytes: two of the same bytes say the same of every row of a schema. Empty where there is no room to keep that (kKeyBytesMax).
  static std::string key_of(const Where& where);
  const std::string& key() const { return key_; }
  // About what evaluate() takes for a row, in nanoseconds; at least 1.
  unsigned row_cost() const { return row_cost_; }
  // The same for the rows of a block of column::kRowsPerBlock, as far as that is not answered from its indexes; may be 0.
  unsigned row_cost(std::span<const column::IndexView> views, size_t block) const;

  // Positions in the schema of the columns that evaluate() reads, rising.
  std::span<const uint32_t> columns() const { return columns_; }
  // What it helps to have an index of.
  std::span<const column::Source> sources() const { return sources_; }
  // Those of columns() that parts read of which no index can tell, rising.
  std::span<const uint32_t> columns_beside_sources() const { return columns_beside_sources_; }

  // Clears the bits of `rows` for which the condition is not true. Bit i of word w stands for row `first_row` + 64 w + i; `first_row` is a multiple of 64. Rows whose
  // bit is not set are evaluated for nothing. `columns`: of the whole schema, filled where columns() says. Fails: kInvalidArgument, for a row that has no answer.
  // Indexes are asked where `rows` are a whole block of column::kRowsPerBlock.
  Result<void> evaluate(std::span<const ColumnSpan> columns, uint32_t first_row, std::span<uint64_t> rows,
                        const Indexes& indexes = {}) const;

 private:
  Filter(const Where& where, std::unique_ptr<const Expression> root, std::vector<column::Source> sources);

  std::string text_;
  std::string key_;
  unsigned row_cost_;
  std::unique_ptr<const Expression> root_;
  std::vector<uint32_t> columns_;
  std::vector<column::Source> sources_;
  std::vector<uint32_t> columns_beside_sources_;
};

}  // namespace omendb::filter
