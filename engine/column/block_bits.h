#pragma once

// A bit a row of a block.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace omendb::column {

inline constexpr uint32_t kRowsPerBlock = 32768;
inline constexpr size_t kWordsPerBlock = kRowsPerBlock / 64;
using BlockBits = std::array<uint64_t, kWordsPerBlock>;

inline void set_bit(BlockBits& bits, uint32_t row) { bits[row / 64] |= uint64_t{1} << row % 64; }

inline bool any_bit(std::span<const uint64_t> bits) {
  return std::ranges::any_of(bits, [](uint64_t word) { return word != 0; });
}

// Calls visit(bit) for every bit that is set, in order.
template <class Visit>
void for_each_bit(std::span<const uint64_t> bits, const Visit& visit) {
  for (uint32_t w = 0; w < bits.size(); ++w) {
    for (uint64_t word = bits[w]; word != 0; word &= word - 1)
      visit(w * 64 + static_cast<uint32_t>(std::countr_zero(word)));
  }
}

}  // namespace omendb::column
