#pragma once

// Writes a run from its tokens in the order in which they lie in it: by term, row, position. The same tokens and lengths give the same bytes, whoever collected them.

#include "engine/text/dictionary.h"
#include "engine/text/run_layout.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::text {

// The positions of one list after the other. Memory: what it wrote.
class PositionEncoder {
 public:
  void add(uint32_t gap) {
    gaps_[count_++] = gap;
    if (count_ == kPositionsPerBlock) write_block();
  }
  void add(const uint32_t* gaps, size_t gap_count);
  void reserve(size_t size_bytes) { bytes_.reserve(size_bytes); }
  uint32_t first_gap() const { return gaps_[0]; }  // of a list of less than a block
  // How many bytes the list has become.
  uint64_t end_list();
  const std::vector<std::byte>& bytes() const { return bytes_; }
  void drop_list() { count_ = 0; }  // of less than a block

 private:
  void write_block();

  std::vector<std::byte> bytes_;
  std::vector<std::byte> widths_;  // of the list's blocks
  size_t list_begin_ = 0;
  uint32_t count_ = 0;  // of the block
  std::array<uint32_t, kPositionsPerBlock> gaps_;
};

// Rows with frequencies of one list after the other, behind what `bytes` has already.
class PostingEncoder {
 public:
  // `lengths` of all rows are borrowed.
  PostingEncoder(std::vector<std::byte> bytes, const std::vector<uint32_t>& lengths)
      : bytes_(std::move(bytes)), list_begin_(bytes_.size()), lengths_(lengths.data()) {}
  void add(uint32_t row, uint32_t frequency) {
    rows_[count_] = row;
    frequencies_[count_++] = frequency;
    if (count_ == kPostingsPerBlock) write_block();
  }
  uint64_t end_list();
  void drop_list() { reset(); }                    // of less than a block
  uint32_t first_row() const { return rows_[0]; }  // of a list of less than a block
  uint32_t document_count() const { return document_count_ + count_; }
  uint64_t token_count() const;  // of the list
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  void write_block();
  void write_tail(bool flagged);
  uint32_t block_bound();
  void reset();

  std::vector<std::byte> bytes_;
  std::vector<BlockEntry> entries_;
  size_t list_begin_;
  const uint32_t* lengths_;      // of rows
  uint32_t document_count_ = 0;  // of the list's blocks so far
  uint64_t token_count_ = 0;
  uint32_t last_row_ = kNoRow;
  uint32_t count_ = 0;  // of the block
  std::array<uint32_t, kPostingsPerBlock> rows_;
  std::array<uint32_t, kPostingsPerBlock> frequencies_;
};

class RunEncoder {
 public:
  // The tokens of each row.
  explicit RunEncoder(std::vector<uint32_t> lengths);
  RunEncoder(const RunEncoder&) = delete;
  RunEncoder& operator=(const RunEncoder&) = delete;
  // What postings and positions are expected to take, so that they need not move while they grow.
  void reserve(size_t postings_bytes, size_t positions_bytes) {
    postings_.bytes().reserve(postings_.bytes().size() + postings_bytes);
    positions_.reserve(positions_bytes);
  }
  // Of the term that the next end_term names: rows, rising, and for each row as many gaps as its frequency, a row's first position and the distances of its others.
  void add_posting(uint32_t row, uint32_t frequency) { postings_.add(row, frequency); }
  void add_gap(uint32_t gap) { positions_.add(gap); }
  void add_gaps(const uint32_t* gaps, size_t gap_count) { positions_.add(gaps, gap_count); }
  // Terms rise. One without tokens is left out.
  void end_term(std::string_view term);
  std::vector<std::byte> finish();

 private:
  std::vector<uint32_t> lengths_;
  RunHeader header_;
  PostingEncoder postings_;
  PositionEncoder positions_;
  DictionaryEncoder dictionary_;
};

}  // namespace omendb::text
