#pragma once

#include <cstdint>
#include <span>

namespace omendb::base {

// Some rows of a table: one bit a row; rows at or past `row_count` are not among them. blocks[r / kRowsPerBlock] points to kRowsPerBlock bits (64-bit words, least significant
// first); null block pointers mean "none of these rows". Borrowed for the call.
struct RowBits {
  static constexpr uint32_t kRowsPerBlock = 32768;
  std::span<const uint64_t* const> blocks;
  uint32_t row_count = 0;
  bool contains(uint32_t row) const {
    if (row >= row_count) return false;
    const uint64_t* block = blocks[row / kRowsPerBlock];
    return block != nullptr && ((block[(row % kRowsPerBlock) / 64] >> (row % 64)) & 1U) != 0;
  }
};

}  // namespace omendb::base
