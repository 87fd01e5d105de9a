#include "engine/text/posting_cursor.h"

#include "engine/text/bit_packing.h"
#include "engine/text/run.h"

#include <cassert>
#include <cstring>

namespace omendb::text {
namespace {

// Up to this width 128 gaps behind a row below 2^31 stay below 2^32, so that rows rise.
constexpr uint32_t kSafeRowWidth = 24;

BlockBound bound_of(uint32_t last_row, uint32_t shape) {
  return {last_row, shape_frequency_max(shape), shape_length_ratio_min(shape)};
}

bool rising(const std::array<uint32_t, kPostingsPerBlock>& rows) {
  bool good = true;
  for (uint32_t index = 1; index < kPostingsPerBlock; ++index) good &= rows[index - 1] < rows[index];
  return good;
}

}  // namespace

PostingCursor::PostingCursor(const Run& run, const TermEntry& entry)
    : run_(&run), document_count_(entry.document_count), token_count_(entry.token_count) {
  rows_[0] = kNoRow;
  if (open_list(entry)) {
    load_block(0);
  } else {
    fail();
  }
}

bool PostingCursor::open_list(const TermEntry& entry) {
  const uint64_t run_bytes = run_->bytes().size();
  const bool inside = entry.postings_offset <= run_bytes && entry.postings_bytes <= run_bytes - entry.postings_offset &&
                      entry.positions_offset <= run_bytes &&
                      entry.positions_bytes <= run_bytes - entry.positions_offset;
  if (!inside || token_count_ / kPositionsPerBlock > entry.positions_bytes) return false;
  postings_ = run_->bytes().data() + entry.postings_offset;
  postings_end_ = postings_ + entry.postings_bytes;
  positions_ = PositionReader(run_->bytes().subspan(entry.positions_offset, entry.positions_bytes), token_count_);
  block_count_ = document_count_ == 0 ? 0 : (document_count_ - 1) / kPostingsPerBlock + 1;
  if (document_count_ < kPostingsPerBlock) return true;
  const uint64_t entries_bytes = sizeof(BlockEntry) * uint64_t{block_count_} + kListBoundBytes;
  if (entries_bytes > entry.postings_bytes) return false;
  postings_end_ -= entries_bytes;
  entries_ = postings_end_;
  return true;
}

// Of the current block, whose last row is not below `row`. Three rows tell which quarter, and in it all are compared: no branch that could be guessed wrong, and four rows at once.
// Half the time of a search by halves (run_bench, advance).
uint32_t PostingCursor::first_not_below(uint32_t row) const {
  constexpr uint32_t kQuarter = kPostingsPerBlock / 4;
  const auto target = static_cast<int32_t>(row);
  const auto below = [&](uint32_t index) { return static_cast<int32_t>(rows_[index]) < target ? 1U : 0U; };
  const uint32_t begin = kQuarter * (below(kQuarter - 1) + below(2 * kQuarter - 1) + below(3 * kQuarter - 1));
  uint32_t count = 0;
  for (uint32_t index = 0; index < kQuarter; ++index) count += below(begin + index);
  return begin + count;
}

BlockEntry PostingCursor::entry_at(uint32_t block) const {
  BlockEntry entry;
  std::memcpy(&entry, entries_ + sizeof(BlockEntry) * size_t{block}, sizeof(entry));
  return entry;
}

// The first block from `from` on that ends with `row` or later; block_count_ if none does. Doubling steps: most are near.
uint32_t PostingCursor::find_block(uint32_t from, uint32_t row) const {
  if (entries_ == nullptr || from >= block_count_) return block_count_;
  if (entry_at(from).last_row >= row) return from;
  uint32_t below = from;
  uint32_t step = 1;
  while (step < block_count_ - below && entry_at(below + step).last_row < row) {
    below += step;
    step *= 2;
  }
  uint32_t end = step < block_count_ - below ? below + step : block_count_;
  while (end - below > 1) {
    const uint32_t middle = below + (end - below) / 2;
    (entry_at(middle).last_row < row ? below : end) = middle;
  }
  return end;
}

void PostingCursor::advance_block(uint32_t row) {
  // bound_at has often been here before; not if it was asked for a later row than this.
  const bool found =
      entries_ != nullptr && bound_block_ > block_ && row < bound_end_ && entry_at(bound_block_ - 1).last_row < row;
  load_block(found ? bound_block_ : find_block(block_ + 1, row));
}

void PostingCursor::find_bound(uint32_t row) {
  if (count_ != 0 && entries_ == nullptr) {
    bound_ = bound_of_short_list();
    if (row <= bound_.last_row) {
      bound_end_ = bound_.last_row + 1;
      return;
    }
  }
  bound_block_ = count_ == 0 ? block_count_ : find_block(std::max(block_, bound_block_), row);
  if (bound_block_ >= block_count_) {
    bound_ = {kNoRow, 0, 0};
    bound_end_ = kNoRow;
    return;
  }
  const BlockEntry entry = entry_at(bound_block_);
  bound_ = bound_of(entry.last_row, entry.shape);
  bound_end_ = entry.last_row == kNoRow ? kNoRow : entry.last_row + 1;
}

BlockBound PostingCursor::bound() {
  if (block_count_ == 0) return {kNoRow, 0, 0};
  if (entries_ == nullptr) return bound_of_short_list();
  uint32_t shape = 0;
  std::memcpy(&shape, entries_ + sizeof(BlockEntry) * size_t{block_count_}, sizeof(shape));
  return bound_of(entry_at(block_count_ - 1).last_row, shape);
}

BlockBound PostingCursor::bound_of_short_list() const {
  if (count_ == 0) return {kNoRow, 0, 0};
  uint32_t frequency_max = 0;
  uint32_t ratio_min = UINT32_MAX;
  for (uint32_t index = 0; index < count_; ++index) {
    frequency_max = std::max(frequency_max, frequencies_[index]);
    ratio_min = std::min(ratio_min, ratio_code(run_->length(rows_[index]), frequencies_[index]));
  }
  return bound_of(block_last_row_, make_shape(0, 0, frequency_code(frequency_max), ratio_min));
}

void PostingCursor::load_block(uint32_t block) {
  block_ = block;
  if (damaged_ || block >= block_count_) return end();
  if (!decode_block(block)) fail();
}

bool PostingCursor::decode_block(uint32_t block) {
  if (entries_ == nullptr) return decode_tail(postings_, kNoRow);
  const uint32_t row_count = run_->row_count();
  const BlockEntry entry = entry_at(block);
  const uint32_t before = block == 0 ? kNoRow : entry_at(block - 1).last_row;
  const auto area_bytes = static_cast<uint64_t>(postings_end_ - postings_);
  const uint64_t begin = kBlockUnitBytes * uint64_t{entry.offset_units};
  if (entry.last_row >= row_count || (block != 0 && before >= row_count) || begin > area_bytes) return false;
  if (block == document_count_ / kPostingsPerBlock) {
    if (!decode_tail(postings_ + begin, before) || block_last_row_ != entry.last_row) return false;
  } else {
    const uint32_t rows_width = row_width(entry.shape);
    frequency_width_ = frequency_width(entry.shape);
    if (rows_width > kPackedWidthMax || frequency_width_ > kPackedWidthMax ||
        packed_bytes(rows_width + frequency_width_) > area_bytes - begin) {
      return false;
    }
    unpack_sums(postings_ + begin, rows_width, before, rows_.data());
    if (rows_.back() != entry.last_row) return false;
    if (rows_width > kSafeRowWidth && (!rising(rows_) || rows_.front() < before + 1)) return false;
    packed_frequencies_ = postings_ + begin + packed_bytes(rows_width);
    index_ = 0;
    count_ = kPostingsPerBlock;
    block_last_row_ = entry.last_row;
  }
  ordinal_ = entry.token_ordinal;
  ordinal_index_ = 0;
  return true;
}

bool PostingCursor::decode_tail(const std::byte* at, uint32_t before) {
  const bool flagged = token_count_ > document_count_;
  const uint32_t row_count = run_->row_count();
  const uint32_t count = document_count_ % kPostingsPerBlock;
  if (count == 0) return false;
  uint32_t first = before + 1;  // 0 behind kNoRow
  for (uint32_t index = 0; index < count; ++index) {
    uint64_t gap = 0;
    uint64_t more = 0;
    if ((at = read_varint(at, postings_end_, gap)) == nullptr) return false;
    const bool repeated = flagged && (gap & 1U) != 0;
    if (flagged) gap >>= 1;
    if (repeated && (at = read_varint(at, postings_end_, more)) == nullptr) return false;
    if (first >= row_count || gap >= row_count - first || more > UINT32_MAX - 2) return false;
    rows_[index] = first + static_cast<uint32_t>(gap);
    frequencies_[index] = repeated ? static_cast<uint32_t>(more) + 2 : 1;
    first = rows_[index] + 1;
  }
  std::fill(rows_.begin() + count, rows_.end(), uint32_t{INT32_MAX});  // not below any row: first_not_below
  index_ = 0;
  count_ = count;
  block_last_row_ = rows_[count - 1];
  packed_frequencies_ = nullptr;
  return at == postings_end_;
}

void PostingCursor::decode_frequencies() const {
  unpack_block(packed_frequencies_, frequency_width_, 1, frequencies_.data());
  packed_frequencies_ = nullptr;
  if (frequency_width_ < kPackedWidthMax) return;
  for (uint32_t& frequency : frequencies_) {  // 2^32 came out as 0
    if (frequency != 0) continue;
    frequency = 1;
    damaged_ = true;
  }
}

uint64_t PostingCursor::token_ordinal() {
  for (; ordinal_index_ < index_; ++ordinal_index_) ordinal_ += frequencies_[ordinal_index_];
  return ordinal_;
}

void PostingCursor::positions(std::vector<uint32_t>& out) {
  out.clear();
  if (count_ == 0) return;
  const uint32_t wanted = frequency();
  uint64_t ordinal = token_ordinal();
  if (ordinal > token_count_ || wanted > token_count_ - ordinal) return fail();
  out.resize(wanted);
  uint64_t position = 0;
  for (size_t done = 0; done < wanted;) {
    const auto index = static_cast<uint32_t>(ordinal % kPositionsPerBlock);
    const size_t count = std::min<size_t>(kPositionsPerBlock - index, wanted - done);
    const uint32_t* gaps = positions_.block_gaps(static_cast<uint32_t>(ordinal / kPositionsPerBlock));
    if (gaps == nullptr) {
      out.clear();
      return fail();
    }
    for (size_t step = 0; step < count; ++step) {
      position += gaps[index + step];
      out[done + step] = static_cast<uint32_t>(position);
    }
    done += count;
    ordinal += count;
  }
  if (position <= UINT32_MAX) return;
  out.clear();
  fail();
}

// Widths lie behind the blocks, a byte each; the way to a block is their sum.
bool PositionReader::load_block(uint32_t block) {
  if (block < block_) {
    block_ = 0;
    block_offset_ = 0;
  }
  decoded_ = false;
  const auto full_count = static_cast<uint32_t>(token_count_ / kPositionsPerBlock);
  if (block > full_count) return false;
  const std::byte* widths = end_ - full_count;
  const auto area_bytes = static_cast<size_t>(widths - begin_);
  for (; block_ < block; ++block_) block_offset_ += packed_bytes(static_cast<uint32_t>(widths[block_]));
  if (block_offset_ > area_bytes) return false;
  const std::byte* at = begin_ + block_offset_;
  if (block == full_count) {
    decoded_ = decode_tail(at, widths);
    return decoded_;
  }
  const auto width = static_cast<uint32_t>(widths[block]);
  if (width > kPackedWidthMax || packed_bytes(width) > area_bytes - block_offset_) return false;
  unpack_block(at, width, 0, gaps_.data());
  decoded_ = true;
  return true;
}

bool PositionReader::decode_tail(const std::byte* at, const std::byte* end) {
  const auto count = static_cast<uint32_t>(token_count_ % kPositionsPerBlock);
  for (uint32_t index = 0; index < count; ++index) {
    uint64_t gap = 0;
    if ((at = read_varint(at, end, gap)) == nullptr || gap > UINT32_MAX) return false;
    gaps_[index] = static_cast<uint32_t>(gap);
  }
  return at == end;
}

void PostingCursor::end() {
  rows_[0] = kNoRow;
  index_ = 0;
  count_ = 0;
  block_ = block_count_;
  packed_frequencies_ = nullptr;
}

void PostingCursor::fail() {
  damaged_ = true;
  end();
}

}  // namespace omendb::text
