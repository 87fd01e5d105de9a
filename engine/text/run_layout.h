#pragma once

// The bytes of a run as numbers: header, sections, entries of blocks, varints. docs/format/text_run.md has the tables.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace omendb::text {

inline constexpr uint32_t kNoRow = UINT32_MAX;
inline constexpr uint32_t kPostingsPerBlock = 128;
inline constexpr uint32_t kPositionsPerBlock = 128;
inline constexpr uint32_t kTermsPerGroup = 16;
inline constexpr uint32_t kRunRowsMax = uint32_t{1} << 31;
inline constexpr uint64_t kTermTokensMax = UINT32_MAX;  // of one term in one run

inline constexpr std::array<char, 8> kRunMagic = {'o', 'm', 'e', 'n', 't', 'e', 'x', 't'};
inline constexpr uint8_t kRunVersion = 1;

struct RunHeader {
  std::array<char, 8> magic = kRunMagic;
  uint8_t version = kRunVersion;
  uint8_t length_bytes = 1;        // of a row's length: 1, 2 or 4
  uint8_t group_offset_bytes = 4;  // of a group's offset: 4 or 8
  uint8_t zero = 0;
  uint32_t row_count = 0;
  uint32_t document_count = 0;
  uint32_t term_count = 0;
  uint64_t token_count = 0;
  uint64_t postings_bytes = 0;
  uint64_t positions_bytes = 0;
  uint64_t dictionary_bytes = 0;
};
static_assert(sizeof(RunHeader) == 56, "the header of docs/format/text_run.md");

// Of each block of a list that has 128 postings or more.
struct BlockEntry {
  uint32_t last_row;
  uint32_t offset_units;   // where it begins in the list, in units of 16 bytes
  uint32_t token_ordinal;  // how many tokens the list has before it
  uint32_t shape;          // widths and bound
};
static_assert(sizeof(BlockEntry) == 16, "the entry of docs/format/text_run.md");

inline constexpr size_t kBlockUnitBytes = 16;
inline constexpr size_t kListBoundBytes = 4;  // behind the entries: the bound of the whole list, as a shape

// Shape: bits 0 to 5 width of rows, 6 to 11 width of frequencies, 12 to 21 frequency_max, 22 to 31 length_ratio_min.
constexpr uint32_t row_width(uint32_t shape) { return shape & 63U; }
constexpr uint32_t frequency_width(uint32_t shape) { return (shape >> 6) & 63U; }
constexpr uint32_t make_shape(uint32_t row_width, uint32_t frequency_width, uint32_t frequency_code,
                              uint32_t ratio_code) {
  return row_width | frequency_width << 6 | frequency_code << 12 | ratio_code << 22;
}

// Frequencies as 5 bits of exponent and 5 of fraction, rounded up: exact up to 64.
inline uint32_t frequency_code(uint32_t frequency) {
  const uint64_t bits = std::bit_cast<uint64_t>(static_cast<double>(frequency));
  const uint64_t code = ((bits + ((uint64_t{1} << 47) - 1)) >> 47) - (uint64_t{1023} << 5);
  return code > 1023 ? 1023 : static_cast<uint32_t>(code);
}
constexpr uint32_t shape_frequency_max(uint32_t shape) {
  const uint32_t code = (shape >> 12) & 1023U;
  if (code == 1023) return UINT32_MAX;  // whatever is too large for the code
  return static_cast<uint32_t>((uint64_t{32 + (code & 31U)} << (code >> 5)) >> 5);
}

// length / frequency as 4 bits of exponent and 6 of fraction, rounded down: at most 65,024. Quotients of two numbers of 32 bits are either equal to a code's or further from it
// than a double's rounding.
inline uint32_t ratio_code(uint32_t length, uint32_t frequency) {
  if (length <= frequency) return 0;
  const double ratio = static_cast<double>(length) / static_cast<double>(frequency);
  const uint64_t code = (std::bit_cast<uint64_t>(ratio) >> 46) - (uint64_t{1023} << 6);
  return code > 1023 ? 1023 : static_cast<uint32_t>(code);
}
inline float shape_length_ratio_min(uint32_t shape) {
  return std::bit_cast<float>(((shape >> 22) << 17) + (uint32_t{127} << 23));
}

// Where the parts of a run lie, checked against its length.
struct RunSections {
  RunHeader header;
  const std::byte* lengths = nullptr;
  const std::byte* dictionary = nullptr;
  const std::byte* group_offsets = nullptr;
  uint64_t postings_begin = 0;  // bytes of the run
  uint64_t postings_end = 0;
  uint64_t positions_begin = 0;
  uint64_t positions_end = 0;
  uint64_t dictionary_begin = 0;
  uint32_t group_count = 0;
};

// The next LEB128 number between `at` and `end`; null if there is none of 64 bits.
inline const std::byte* read_varint(const std::byte* at, const std::byte* end, uint64_t& value) {
  if (at != end && static_cast<uint32_t>(*at) < 128) [[likely]] {
    value = static_cast<uint64_t>(*at);
    return at + 1;
  }
  uint64_t read = 0;
  for (uint32_t shift = 0; shift < 64 && at != end; shift += 7) {
    const auto byte = static_cast<uint64_t>(*at++);
    read |= (byte & 127U) << shift;
    if (byte < 128) {
      value = read;
      return at;
    }
  }
  return nullptr;
}

inline std::byte* write_varint(std::byte* at, uint64_t value) {
  for (; value >= 128; value >>= 7) *at++ = static_cast<std::byte>(value | 128U);
  *at++ = static_cast<std::byte>(value);
  return at;
}

}  // namespace omendb::text
