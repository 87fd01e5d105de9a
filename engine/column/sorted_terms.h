#pragma once

// The different texts of a block in order, each with its rows: strings of lists, members of JSON. Nothing is read from the column.

#include "engine/column/arrays.h"
#include "engine/column/block_bits.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::column {

// Immutable; any number of threads. Memory: the different texts once, two bytes a text and row, 4 KiB for a text that many rows have.
class SortedTerms {
 public:
  struct Entry {
    std::string_view text;
    uint16_t row = 0;  // of the block
  };
  // `known`: rows that have a list, or the member. Nothing where the texts take too much room. Throws std::bad_alloc. Cost: a sort.
  static std::optional<SortedTerms> make(std::vector<Entry> entries, const BlockBits& known);

  struct Span {  // of texts
    uint32_t first = 0;
    uint32_t end = 0;
  };
  Span equal(std::string_view text) const;
  Span prefixed(std::string_view prefix) const;
  // All below the text, or above it; and the text itself where that counts.
  Span beside(std::string_view text, bool below, bool or_equal) const;
  uint32_t count() const { return static_cast<uint32_t>(terms_.size()); }
  std::string_view text(uint32_t term) const;
  // Sets the bits of a text's rows.
  void set(uint32_t term, BlockBits& bits) const;
  const BlockBits& known() const { return known_; }
  size_t memory_bytes() const;

 private:
  struct Term {
    uint32_t chars_end = 0;
    uint32_t first = 0;  // of its rows; of many, the number of their bits
    uint32_t count = 0;
  };
  template <class Before>
  uint32_t first_not(uint32_t first, const Before& before) const;
  void add_term(std::string_view text, const Entry* first, size_t count);

  BlockBits known_{};
  std::string chars_;
  std::vector<Term> terms_;
  std::vector<uint16_t> rows_;
  std::vector<BlockBits> bits_;
};

}  // namespace omendb::column
