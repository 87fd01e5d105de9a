#pragma once

// A string beside constant ones: equal, among several, like a pattern. What can be known before rows are read is found out once.

#include "engine/filter/block_bits.h"
#include "engine/filter/column_block.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::filter {

// Immutable; any number of threads.
class TextMatch {
 public:
  static TextMatch equal_to(std::string text);
  static TextMatch among(std::vector<std::string> texts);
  // As SQL's LIKE; ILIKE where `fold_case`.
  static TextMatch like(std::string pattern, bool fold_case);

  bool passes(std::string_view text) const;
  // Those of `rows` that pass; `row_count`: rows of the block that the arrays have.
  Bits passing(const TextBlock& texts, const Bits& rows, size_t row_count) const;

  enum class How : uint8_t { kEqual, kPrefix, kSuffix, kContains, kAmong, kLike };
  How how() const { return how_; }
  const std::string& text() const { return text_; }                 // the literal one, or the pattern
  const std::vector<std::string>& texts() const { return texts_; }  // of kAmong, rising, each once
  // What every text that passes begins with, as far as the pattern says; of kPrefix and kLike.
  std::string_view prefix() const;
  // Nanoseconds a row, about; for the order of conditions.
  unsigned cost() const;

 private:
  struct Slot {
    uint64_t head = 0;
    uint32_t size = 0;
    uint32_t number = 0;  // of the text, from 1; 0 = free
  };

  void place_slots();
  bool place_apart(uint64_t odd);
  bool has(std::string_view text, uint64_t head) const;
  template <class Passes>
  static uint64_t candidates(const TextBlock& texts, size_t first, uint64_t limit, const Passes& passes);
  uint64_t candidates(const TextBlock& texts, size_t first, uint64_t limit) const;

  How how_ = How::kEqual;
  bool fold_case_ = false;
  std::string text_;  // or the pattern
  uint64_t head_ = 0;
  uint64_t head_mask_ = 0;
  std::vector<std::string> texts_;  // of kAmong
  size_t size_max_ = 0;             // of text_, of texts_
  std::vector<Slot> slots_;         // a hash table of them, open, half full at most
  uint64_t apart_odd_ =
      0;  // with this factor each has a slot of its own by its size and first bytes; 0 = none was found
};

}  // namespace omendb::filter
