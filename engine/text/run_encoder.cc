#include "engine/text/run_encoder.h"

#include "engine/text/bit_packing.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace omendb::text {
namespace {

constexpr size_t kVarintBytesMax = 10;

void append(std::vector<std::byte>& bytes, const void* data, size_t size_bytes) {
  const auto* begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size_bytes);
}

// 128 numbers at the end of `bytes`.
void append_packed(std::vector<std::byte>& bytes, const uint32_t* values, uint32_t width) {
  std::array<std::byte, packed_bytes(kPackedWidthMax)> packed;
  pack_block(values, width, packed.data());
  append(bytes, packed.data(), packed_bytes(width));
}

// The header, to be filled in, and the lengths, whose width goes into `header`.
std::vector<std::byte> begin_run(const std::vector<uint32_t>& lengths, RunHeader& header) {
  uint32_t all = 0;
  for (const uint32_t length : lengths) {
    all |= length;
    header.document_count += length != 0 ? 1U : 0U;
    header.token_count += length;
  }
  header.row_count = static_cast<uint32_t>(lengths.size());
  header.length_bytes = all <= UINT8_MAX ? 1 : all <= UINT16_MAX ? 2 : 4;
  std::vector<std::byte> bytes(sizeof(RunHeader) + header.length_bytes * lengths.size());
  std::byte* at = bytes.data() + sizeof(RunHeader);
  for (const uint32_t length : lengths) {
    std::memcpy(at, &length, header.length_bytes);
    at += header.length_bytes;
  }
  return bytes;
}

}  // namespace

void PositionEncoder::write_block() {
  const uint32_t width = packed_width(gaps_.data());
  append_packed(bytes_, gaps_.data(), width);
  widths_.push_back(static_cast<std::byte>(width));
  count_ = 0;
}

void PositionEncoder::add(const uint32_t* gaps, size_t gap_count) {
  while (gap_count > 0) {
    const size_t added = std::min<size_t>(kPositionsPerBlock - count_, gap_count);
    std::memcpy(gaps_.data() + count_, gaps, added * sizeof(uint32_t));
    count_ += static_cast<uint32_t>(added);
    gaps += added;
    gap_count -= added;
    if (count_ == kPositionsPerBlock) write_block();
  }
}

uint64_t PositionEncoder::end_list() {
  std::array<std::byte, kPositionsPerBlock * kVarintBytesMax> tail;
  std::byte* at = tail.data();
  for (uint32_t index = 0; index < count_; ++index) at = write_varint(at, gaps_[index]);
  bytes_.insert(bytes_.end(), tail.data(), at);
  bytes_.insert(bytes_.end(), widths_.begin(), widths_.end());
  widths_.clear();
  count_ = 0;
  return bytes_.size() - std::exchange(list_begin_, bytes_.size());
}

uint64_t PostingEncoder::token_count() const {
  uint64_t tokens = token_count_;
  for (uint32_t index = 0; index < count_; ++index) tokens += frequencies_[index];
  return tokens;
}

// The bound of what the block has, with no widths.
uint32_t PostingEncoder::block_bound() {
  uint32_t frequency_max = 0;
  uint32_t length = 1;
  uint32_t frequency = 0;  // length / frequency is the least so far
  for (uint32_t index = 0; index < count_; ++index) {
    const uint32_t row_length = lengths_[rows_[index]];
    frequency_max = std::max(frequency_max, frequencies_[index]);
    if (uint64_t{row_length} * frequency >= uint64_t{length} * frequencies_[index]) continue;
    length = row_length;
    frequency = frequencies_[index];
  }
  return make_shape(0, 0, frequency_code(frequency_max), ratio_code(length, frequency));
}

void PostingEncoder::write_block() {
  const uint64_t tokens = token_count();
  std::array<uint32_t, kPostingsPerBlock> gaps;
  uint32_t before = last_row_;
  for (uint32_t index = 0; index < kPostingsPerBlock; ++index) {
    gaps[index] = rows_[index] - before - 1;
    before = rows_[index];
  }
  const uint32_t bound = block_bound();
  for (uint32_t& frequency : frequencies_) --frequency;
  const uint32_t rows_width = packed_width(gaps.data());
  const uint32_t frequencies_width = packed_width(frequencies_.data());
  entries_.push_back({before, static_cast<uint32_t>((bytes_.size() - list_begin_) / kBlockUnitBytes),
                      static_cast<uint32_t>(token_count_), bound | make_shape(rows_width, frequencies_width, 0, 0)});
  append_packed(bytes_, gaps.data(), rows_width);
  append_packed(bytes_, frequencies_.data(), frequencies_width);
  last_row_ = before;
  token_count_ = tokens;
  document_count_ += kPostingsPerBlock;
  count_ = 0;
}

void PostingEncoder::write_tail(bool flagged) {
  std::array<std::byte, kPostingsPerBlock * 2 * kVarintBytesMax> tail;
  std::byte* at = tail.data();
  uint32_t first = last_row_ + 1;
  for (uint32_t index = 0; index < count_; ++index) {
    const uint64_t gap = rows_[index] - first;
    const uint32_t frequency = frequencies_[index];
    at = write_varint(at, flagged ? gap << 1 | (frequency > 1 ? 1U : 0U) : gap);
    if (frequency > 1) at = write_varint(at, frequency - 2);
    first = rows_[index] + 1;
  }
  bytes_.insert(bytes_.end(), tail.data(), at);
}

uint64_t PostingEncoder::end_list() {
  const uint64_t tokens = token_count();
  const bool long_list = !entries_.empty();
  if (long_list && count_ != 0) {
    entries_.push_back({rows_[count_ - 1], static_cast<uint32_t>((bytes_.size() - list_begin_) / kBlockUnitBytes),
                        static_cast<uint32_t>(token_count_), block_bound()});
  }
  write_tail(tokens > document_count());
  if (long_list) {
    uint32_t frequency_max = 0;
    uint32_t ratio_min = UINT32_MAX;
    for (const BlockEntry& entry : entries_) {
      frequency_max = std::max(frequency_max, (entry.shape >> 12) & 1023U);
      ratio_min = std::min(ratio_min, entry.shape >> 22);
    }
    const uint32_t bound = make_shape(0, 0, frequency_max, ratio_min);
    append(bytes_, entries_.data(), sizeof(BlockEntry) * entries_.size());
    append(bytes_, &bound, sizeof(bound));
  }
  reset();
  return bytes_.size() - std::exchange(list_begin_, bytes_.size());
}

void PostingEncoder::reset() {
  entries_.clear();
  document_count_ = 0;
  token_count_ = 0;
  last_row_ = kNoRow;
  count_ = 0;
}

RunEncoder::RunEncoder(std::vector<uint32_t> lengths)
    : lengths_(std::move(lengths)), postings_(begin_run(lengths_, header_), lengths_) {}

void RunEncoder::end_term(std::string_view term) {
  ListShape list;
  list.document_count = postings_.document_count();
  list.token_count = postings_.token_count();
  assert(list.token_count <= kTermTokensMax);
  if (list.token_count == 0) return;
  if (list.token_count == 1) {
    list.row = postings_.first_row();
    list.position = positions_.first_gap();
    postings_.drop_list();
    positions_.drop_list();
  } else {
    list.postings_bytes = postings_.end_list();
    list.positions_bytes = positions_.end_list();
  }
  dictionary_.add(term, list);
}

std::vector<std::byte> RunEncoder::finish() {
  std::vector<std::byte>& bytes = postings_.bytes();
  header_.term_count = dictionary_.term_count();
  header_.group_offset_bytes = dictionary_.group_offset_bytes();
  header_.postings_bytes = bytes.size() - sizeof(RunHeader) - header_.length_bytes * lengths_.size();
  header_.positions_bytes = positions_.bytes().size();
  header_.dictionary_bytes = dictionary_.bytes().size();
  std::memcpy(bytes.data(), &header_, sizeof(header_));
  const size_t offsets_bytes = header_.group_offset_bytes * dictionary_.group_offsets().size();
  bytes.reserve(bytes.size() + header_.positions_bytes + header_.dictionary_bytes + offsets_bytes);
  append(bytes, positions_.bytes().data(), header_.positions_bytes);
  append(bytes, dictionary_.bytes().data(), header_.dictionary_bytes);
  for (const uint64_t offset : dictionary_.group_offsets()) append(bytes, &offset, header_.group_offset_bytes);
  return std::move(bytes);
}

}  // namespace omendb::text
