#pragma once

// One term of one column over all its runs, as one list of the table's rows.

#include "engine/text/run.h"
#include "engine/text/text_search.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::text {

// The runs must outlive it. One thread. Past its last row it stands at kNoRow.
class TermCursor {
 public:
  TermCursor() = default;
  TermCursor(TermCursor&&) = default;  // not copied: at_ points into parts_
  TermCursor& operator=(TermCursor&&) = default;

  // How many add()s follow. Runs rise from call to call. After the last one: start().
  void reserve(size_t run_count) { parts_.reserve(run_count); }
  void add(const PlacedRun& placed, const TermEntry& entry);
  void start();

  bool empty() const { return parts_.empty(); }
  uint64_t document_count() const { return document_count_; }  // dead rows included
  uint32_t row() const { return row_; }
  uint32_t frequency() { return at_->cursor.frequency(); }
  uint32_t length() const { return at_->run->length(row_ - at_->first_row); }
  void next() {
    at_->cursor.next();
    settle();
  }
  // To the first row not below `row`; never backwards.
  void advance(uint32_t row) {
    if (row <= row_) return;
    if (row < at_->end_row) [[likely]] {
      at_->cursor.advance(row - at_->first_row);
      settle();
    } else {
      enter_part_of(row);
    }
  }
  // Of the first block that ends at `row` or behind it: bounds the rows from `row` to its last_row, between which there may be none of ours. Nothing is decoded.
  // `row` never falls
  // between calls, nor below row(). kNoRow as last_row: the term has no row from here on.
  BlockBound bound_at(uint32_t row);
  // Of the term in row(), rising.
  void positions(std::vector<uint32_t>& out) { at_->cursor.positions(out); }
  bool damaged() const;

  struct Part {
    const Run* run = nullptr;
    uint32_t first_row = 0;
    uint32_t end_row = 0;
    PostingCursor cursor;  // counts rows from first_row
  };
  std::span<const Part> parts() const { return parts_; }

 private:
  void settle() {
    const uint32_t row = at_->cursor.row();
    if (row != kNoRow) [[likely]]
      row_ = at_->first_row + row;
    else
      enter_next_part();
  }
  void enter_next_part();
  void enter_part_of(uint32_t row);

  std::vector<Part> parts_;
  Part* at_ = nullptr;  // the part of row_; the last one at the end
  size_t bound_part_ = 0;
  uint32_t row_ = kNoRow;
  uint64_t document_count_ = 0;
};

}  // namespace omendb::text
