#include "engine/table/live_bitmap.h"

#include "engine/simd/select.h"

#include <algorithm>
#include <utility>

namespace omendb::table {

LiveBitmap::Block& LiveBitmap::own(size_t block) {
  // A block nobody else holds was copied by an earlier edit of this very bitmap: edit it where it is.
  if (blocks_[block].use_count() > 1) {
    blocks_[block] = std::make_shared<const Block>(*blocks_[block]);
    pointers_[block] = blocks_[block]->data();
  }
  return const_cast<Block&>(*blocks_[block]);
}

void LiveBitmap::append(uint32_t count, bool alive) {
  const uint32_t end = row_count_ + count;
  while (blocks_.size() * kRowsPerBlock < end) {
    blocks_.push_back(std::make_shared<const Block>(Block{}));
    pointers_.push_back(blocks_.back()->data());
  }
  if (alive) {
    for (uint32_t row = row_count_; row < end;) {
      Block& block = own(row / kRowsPerBlock);
      const auto block_end = static_cast<uint32_t>(
          std::min(uint64_t{end}, (uint64_t{row} / kRowsPerBlock + 1) * kRowsPerBlock));  // 2^32 at most
      for (; row < block_end; ++row) block[(row % kRowsPerBlock) / 64] |= uint64_t{1} << (row % 64);
    }
    live_count_ += count;
  }
  row_count_ = end;
}

bool LiveBitmap::erase(RowId row) {
  if (!contains(row)) return false;
  own(row.value / kRowsPerBlock)[(row.value % kRowsPerBlock) / 64] &= ~(uint64_t{1} << (row.value % 64));
  --live_count_;
  return true;
}

void LiveBitmap::assign(uint32_t row_count, std::vector<std::shared_ptr<const Block>> blocks) {
  row_count_ = row_count;
  blocks_ = std::move(blocks);
  pointers_.clear();
  live_count_ = 0;
  const simd::SelectKernels& kernels = simd::select_kernels();
  for (const auto& block : blocks_) {
    pointers_.push_back(block->data());
    live_count_ += static_cast<uint32_t>(kernels.count_bits(block->data(), block->size()));
  }
}

std::vector<RowId> LiveBitmap::rows() const {
  std::vector<RowId> rows;
  rows.reserve(live_count_);
  for_each([&rows](RowId row) { rows.push_back(row); });
  return rows;
}

LiveBitmap intersection(const LiveBitmap& a, const LiveBitmap& b) {
  std::vector<std::shared_ptr<const LiveBitmap::Block>> blocks;
  for (size_t i = 0; i < a.blocks().size(); ++i) {
    auto block = std::make_shared<LiveBitmap::Block>(*a.blocks()[i]);
    for (size_t w = 0; w < LiveBitmap::kWordsPerBlock; ++w) (*block)[w] &= (*b.blocks()[i])[w];
    blocks.push_back(std::move(block));
  }
  LiveBitmap both;
  both.assign(a.row_count(), std::move(blocks));
  return both;
}

}  // namespace omendb::table
