// Portable tests of columns: no branches a row, for every CPU.

#include "engine/simd/select_kernels.h"

namespace omendb::simd {
namespace {

struct ScalarColumns {
  static constexpr size_t kInts = 1;
  using Ints = int64_t;
  using Floats = double;

  static Ints all_ints(int64_t value) { return value; }
  static Floats all_floats(double value) { return value; }
  static bool between(const int64_t* from, Ints low, Ints high) {
    return (static_cast<unsigned>(low <= *from) & static_cast<unsigned>(*from <= high)) != 0;
  }
  static bool between(const double* from, Floats low, Floats high) {
    return (static_cast<unsigned>(low <= *from) & static_cast<unsigned>(*from <= high)) != 0;
  }
  static bool not_outside(const double* from, Floats low, Floats high) {
    return (static_cast<unsigned>(*from < low) | static_cast<unsigned>(*from > high)) == 0;
  }
  static bool equal(const int64_t* from, const int64_t* wanted, size_t count) {
    unsigned found = 0;
    for (size_t i = 0; i < count; ++i) found |= static_cast<unsigned>(*from == wanted[i]);
    return found != 0;
  }

  // A multiplication gathers the lowest bits of eight bytes.
  static uint64_t gather(const uint8_t* bytes, bool odd) {
    uint64_t word = 0;
    for (size_t i = 0; i < 64; i += 8) {
      uint64_t eight = 0;
      __builtin_memcpy(&eight, bytes + i, sizeof eight);
      if (!odd) {  // the highest bit of a byte is set where it is not 0
        constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7fU;
        eight = (((eight & kLow) + kLow) | eight) >> 7;
      }
      eight &= 0x0101010101010101U;
      word |= (eight * 0x0102040810204080U >> 56) << i;
    }
    return word;
  }
  static uint64_t not_zero(const uint8_t* bytes) { return gather(bytes, false); }
  static uint64_t odd(const uint8_t* bytes) { return gather(bytes, true); }

  static SelectKernels::Parted part_by_bits(const uint32_t* numbers, size_t count, const uint64_t* const* blocks,
                                            uint32_t bit_count, uint32_t* set, uint32_t* unset) {
    return kernels::part_one_by_one(numbers, count, blocks, bit_count, set, unset);
  }
};

}  // namespace

const SelectKernels* scalar_select_kernels() { return &kernels::select_kernels_of<ScalarColumns>(); }

}  // namespace omendb::simd
