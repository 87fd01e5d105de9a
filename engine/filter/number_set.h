#pragma once

// Is a number one of many? Few are compared, dense ones are a bit each, others a hash table.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace omendb::filter {

// Immutable; any number of threads.
class NumberSet {
 public:
  static constexpr size_t kFew = 16;

  // `values`: sorted, each once.
  explicit NumberSet(std::vector<int64_t> values) : values_(std::move(values)) {
    if (values_.size() <= kFew) return;
    first_ = static_cast<uint64_t>(values_.front());
    const uint64_t span = static_cast<uint64_t>(values_.back()) - first_;
    if (span < kBitsMax) {
      table_.resize(span / 64 + 1);
      for (const int64_t value : values_) {
        const uint64_t at = static_cast<uint64_t>(value) - first_;
        table_[at / 64] |= uint64_t{1} << at % 64;
      }
      bit_count_ = span + 1;
      return;
    }
    table_.assign(std::bit_ceil(values_.size() * 2), first_);  // the first value stands where there is none
    for (const int64_t value : values_) {
      if (static_cast<uint64_t>(value) != first_) *slot_of(static_cast<uint64_t>(value)) = static_cast<uint64_t>(value);
    }
  }

  // All of them, where they are so few that each is compared.
  bool few() const { return values_.size() <= kFew; }
  std::span<const int64_t> values() const { return values_; }

  // Only where they are not few.
  bool has(int64_t number) const {
    const auto value = static_cast<uint64_t>(number);
    if (bit_count_ != 0) {
      const uint64_t at = value - first_;
      const bool inside = at < bit_count_;
      const uint64_t read = inside ? at : 0;  // no branch a row
      return inside & static_cast<bool>(table_[read / 64] >> read % 64 & 1);
    }
    return value == first_ || *slot_of(value) == value;
  }

 private:
  static constexpr uint64_t kBitsMax = uint64_t{1} << 20;

  // Where the value is, or would be.
  template <class Table>
  static auto* slot_in(Table& table, uint64_t value, uint64_t none) {
    const uint64_t mixed = value * 0x9e3779b97f4a7c15U;
    size_t at = (mixed ^ mixed >> 32) & (table.size() - 1);
    while (table[at] != value && table[at] != none) at = (at + 1) & (table.size() - 1);
    return &table[at];
  }
  uint64_t* slot_of(uint64_t value) { return slot_in(table_, value, first_); }
  const uint64_t* slot_of(uint64_t value) const { return slot_in(table_, value, first_); }

  std::vector<int64_t> values_;
  std::vector<uint64_t> table_;
  uint64_t first_ = 0;
  uint64_t bit_count_ = 0;  // 0: a hash table
};

}  // namespace omendb::filter
