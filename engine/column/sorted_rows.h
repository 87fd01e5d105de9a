#pragma once

// The rows of a block in the order of their values. Values are read from the column, so a row costs two bytes, and one more for bits that make long spans cheap.

#include "engine/column/arrays.h"
#include "engine/column/block_bits.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::column {

// Of whole numbers, floats (NaN last, zeros equal) or strings (byte by byte). Immutable; any number of threads. What is asked reads values of any row that the index has,
// so `arrays` must show all of them. Cost of a span: two binary searches, most of them in 4 KiB of the index, or one in some hundred bytes where many rows
// have the value; of flip(): a step a row, at most half of kMarkStep at each end.
class SortedRows {
 public:
  // Those of `rows` that have a value, from `first_row` on. Throws std::bad_alloc. Cost: a sort, about 2 ms.
  SortedRows(const Arrays& arrays, ValueKind kind, uint32_t first_row, const BlockBits& rows);

  struct Span {  // of places in the order
    uint32_t first = 0;
    uint32_t end = 0;
  };
  Span ints(const Arrays& arrays, int64_t low, int64_t high) const;
  Span floats(const Arrays& arrays, double low, double high) const;  // neither is NaN
  Span nans(const Arrays& arrays) const;
  Span equal(const Arrays& arrays, std::string_view text) const;
  Span prefixed(const Arrays& arrays, std::string_view prefix) const;
  // All below the text, or above it; and those that are equal to it where these count.
  Span beside(const Arrays& arrays, std::string_view text, bool below, bool or_equal) const;

  // visit(row, place in the block) of each row of the span.
  template <class Visit>
  void for_each(Span span, const Visit& visit) const {
    for (uint32_t i = span.first; i < span.end; ++i) visit(first_row_ + rows_[i], rows_[i]);
  }
  // Flips the bits of the span's rows.
  void flip(Span span, BlockBits& bits) const;
  // Rows with a value.
  const BlockBits& known() const { return marks_.back(); }
  size_t memory_bytes() const;

 private:
  struct Run {  // of equal values
    uint64_t key = 0;
    Span span{};
  };
  template <class Matches>
  const Run* long_run(uint64_t key, const Matches& matches) const;
  template <class Before>
  uint32_t first_not(const Arrays& arrays, uint64_t low, uint64_t high, const Before& before) const;
  Span between(const Arrays& arrays, uint64_t low, uint64_t high) const;
  uint64_t key_at(const Arrays& arrays, uint32_t row) const;
  void sort_rows(const Arrays& arrays, const BlockBits& rows);
  template <class Entry, class Equal>
  void choose_marks(std::span<const Entry> entries, const Equal& equal);
  void make_marks();
  uint32_t mark_place(size_t mark) const;
  size_t nearest_mark(uint32_t place) const;
  void flip_rows(uint32_t first, uint32_t end, BlockBits& bits) const;

  ValueKind kind_;
  uint32_t first_row_;
  std::vector<uint16_t> rows_;     // in the order of their values, equal ones as they came
  std::vector<uint64_t> samples_;  // the key of every 64th of them
  std::vector<Run> long_runs_;     // as they follow one another
  std::vector<uint32_t>
      mark_places_;  // in the order: around long runs of equal values, else about every kMarkStep; the last is the end
  std::vector<BlockBits> marks_;  // bits of the rows before each
};

}  // namespace omendb::column
