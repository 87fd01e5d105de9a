#include "engine/text/term_cursor.h"

#include <algorithm>

namespace omendb::text {

void TermCursor::add(const PlacedRun& placed, const TermEntry& entry) {
  parts_.push_back(
      {placed.run, placed.first_row, placed.first_row + placed.run->row_count(), PostingCursor(*placed.run, entry)});
  document_count_ += entry.document_count;
}

void TermCursor::start() {
  if (parts_.empty()) return;
  at_ = parts_.data();
  settle();
}

void TermCursor::enter_next_part() {
  Part* const last = &parts_.back();
  row_ = kNoRow;
  while (at_ != last && row_ == kNoRow) {
    ++at_;
    if (at_->cursor.row() != kNoRow) row_ = at_->first_row + at_->cursor.row();
  }
}

void TermCursor::enter_part_of(uint32_t row) {
  Part* const last = &parts_.back();
  while (at_ != last && row >= at_->end_row) ++at_;
  if (row >= at_->end_row) {
    row_ = kNoRow;
    return;
  }
  if (row > at_->first_row) at_->cursor.advance(row - at_->first_row);
  settle();
}

BlockBound TermCursor::bound_at(uint32_t row) {
  if (row_ == kNoRow) return {kNoRow, 0, 0};
  bound_part_ = std::max(bound_part_, static_cast<size_t>(at_ - parts_.data()));
  for (; bound_part_ < parts_.size(); ++bound_part_) {
    Part& part = parts_[bound_part_];
    if (row >= part.end_row) continue;
    BlockBound bound = part.cursor.bound_at(std::max(row, part.first_row) - part.first_row);
    if (bound.last_row == kNoRow) continue;
    bound.last_row += part.first_row;
    return bound;
  }
  return {kNoRow, 0, 0};
}

bool TermCursor::damaged() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.cursor.damaged(); });
}

}  // namespace omendb::text
