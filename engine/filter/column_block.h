#pragma once

// The arrays of one column, looked at from the first row of a block.

#include "engine/filter/block_bits.h"
#include "engine/filter/filter.h"
#include "engine/simd/select.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace omendb::filter {

// Visits values of whole words, as kernels read them: in place, and the last words from a copy where the arrays end inside of one.
// kernel(values, first_word, word_count)
template <class T, class Kernel>
void for_whole_words(const std::byte* values, uint32_t first_row, size_t row_count, const Kernel& kernel) {
  const std::byte* first = values + size_t{first_row} * sizeof(T);
  const size_t whole = row_count / 64;
  if (whole != 0) kernel(reinterpret_cast<const T*>(first), 0, whole);
  if (row_count % 64 == 0) return;
  std::array<T, 64> last{};
  std::memcpy(last.data(), first + whole * 64 * sizeof(T), row_count % 64 * sizeof(T));
  kernel(last.data(), whole, 1);
}

// Those of `rows` that are not null. `row_count`: rows of the block that arrays have.
inline Bits known_rows(const ColumnSpan& column, uint32_t first_row, size_t row_count, const Bits& rows) {
  if (column.validity == nullptr) return rows;
  Bits known{};
  const simd::SelectKernels& kernels = simd::select_kernels();
  for_whole_words<uint8_t>(column.validity, first_row, row_count, [&](const uint8_t* bytes, size_t word, size_t count) {
    kernels.bytes_not_zero(bytes, rows.data() + word, count, known.data() + word);
  });
  return known;
}

// Strings, lists and JSON values of a block.
class TextBlock {
 public:
  TextBlock(const ColumnSpan& column, uint32_t first_row)
      : ends_(column.ends), chars_(reinterpret_cast<const char*>(column.chars)), first_row_(first_row) {}

  std::string_view at(size_t row) const {
    const uint64_t begin = begin_of(row);
    return {chars_ + begin, static_cast<size_t>(end_of(row) - begin)};
  }
  uint64_t begin_of(size_t row) const {
    const uint64_t at = uint64_t{first_row_} + row;
    return at == 0 ? 0 : read(at - 1);
  }
  uint64_t end_of(size_t row) const { return read(uint64_t{first_row_} + row); }
  const char* chars() const { return chars_; }

 private:
  uint64_t read(uint64_t at) const {
    uint64_t end = 0;
    std::memcpy(&end, ends_ + at * sizeof end, sizeof end);
    return end;
  }

  const std::byte* ends_;
  const char* chars_;
  uint32_t first_row_;
};

}  // namespace omendb::filter
