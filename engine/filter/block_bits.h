#pragma once

// A bit a row of a block.

#include "engine/filter/filter.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace omendb::filter {

inline constexpr size_t kWordsPerBlock = kRowsPerBlock / 64;
using Bits = std::array<uint64_t, kWordsPerBlock>;

template <class Visit>
void for_each_row(const Bits& rows, const Visit& visit) {
  for (size_t w = 0; w < kWordsPerBlock; ++w) {
    for (uint64_t word = rows[w]; word != 0; word &= word - 1)
      visit(w * 64 + static_cast<size_t>(std::countr_zero(word)));
  }
}

// The rows for which passes(row) is true; only `rows` are asked for.
template <class Passes>
Bits select_rows(const Bits& rows, const Passes& passes) {
  Bits out{};
  for (size_t w = 0; w < kWordsPerBlock; ++w) {
    for (uint64_t word = rows[w]; word != 0; word &= word - 1) {
      const auto bit = static_cast<size_t>(std::countr_zero(word));
      out[w] |= uint64_t{passes(w * 64 + bit)} << bit;
    }
  }
  return out;
}

inline void clear(Bits& bits, size_t row) { bits[row / 64] &= ~(uint64_t{1} << row % 64); }
inline void set(Bits& bits, size_t row) { bits[row / 64] |= uint64_t{1} << row % 64; }
inline bool test(const Bits& bits, size_t row) { return (bits[row / 64] >> row % 64 & 1) != 0; }
inline unsigned count_of(const Bits& bits) {
  unsigned count = 0;
  for (const uint64_t word : bits) count += static_cast<unsigned>(std::popcount(word));
  return count;
}
inline bool any(const Bits& bits) {
  uint64_t all = 0;
  for (const uint64_t word : bits) all |= word;
  return all != 0;
}

template <class Combine>
Bits zip(const Bits& left, const Bits& right, const Combine& combine) {
  Bits out;
  for (size_t w = 0; w < kWordsPerBlock; ++w) out[w] = combine(left[w], right[w]);
  return out;
}
inline Bits both(const Bits& left, const Bits& right) {
  return zip(left, right, [](uint64_t a, uint64_t b) { return a & b; });
}
inline Bits either(const Bits& left, const Bits& right) {
  return zip(left, right, [](uint64_t a, uint64_t b) { return a | b; });
}
inline Bits without(const Bits& left, const Bits& right) {
  return zip(left, right, [](uint64_t a, uint64_t b) { return a & ~b; });
}

// Bytes that are 0 or 1 as bits: a multiplication gathers eight.
inline Bits packed(const std::array<uint8_t, kRowsPerBlock>& bytes) {
  Bits out{};
  for (size_t i = 0; i < kRowsPerBlock; i += 8) {
    const auto eight = std::bit_cast<uint64_t>(std::array<uint8_t, 8>{
        bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3], bytes[i + 4], bytes[i + 5], bytes[i + 6], bytes[i + 7]});
    out[i / 64] |= (eight * 0x0102040810204080U >> 56) << i % 64;
  }
  return out;
}

// Rows up to the last one that is asked for: arrays may end there.
inline size_t rows_to_read(const Bits& rows) {
  for (size_t w = kWordsPerBlock; w > 0; --w) {
    if (rows[w - 1] != 0) return w * 64 - static_cast<size_t>(std::countl_zero(rows[w - 1]));
  }
  return 0;
}

}  // namespace omendb::filter
