#pragma once

// Which values of a column pass a test with constants: a bit a row, 64 rows a word; and which rows of a list have their bit. From one readable source compiled once per
// instruction set, chosen at run time.
//
// `rows`: the rows that are asked for. out[w] has bits of rows[w] only; `out` may be `rows`. Values of words without a bit are not read, those of other words all
// are: 64 of each, any alignment of a value's size. The same bits on every target. Threads: any. Nothing here allocates, throws or fails. Cost: about the memory's
// bandwidth; where a word has a few bits, only their values are read.

#include "engine/simd/distance.h"

#include <cstddef>
#include <cstdint>

namespace omendb::simd {

inline constexpr uint32_t kBitsPerBlock = 32768;
inline constexpr size_t kPartedAtOnce = 16;  // so much more room than numbers do the outputs of part_by_bits have

struct SelectKernels {
  // low <= value <= high.
  void (*ints_between)(const int64_t* values, const uint64_t* rows, size_t word_count, int64_t low, int64_t high,
                       uint64_t* out);
  // The same; `low` and `high` are no NaN. A NaN passes where `nan` is true.
  void (*floats_between)(const double* values, const uint64_t* rows, size_t word_count, double low, double high,
                         bool nan, uint64_t* out);
  // The value is one of `wanted`. Cost: a comparison each, so for few.
  void (*ints_among)(const int64_t* values, const uint64_t* rows, size_t word_count, const int64_t* wanted,
                     size_t wanted_count, uint64_t* out);
  // The byte is not 0, or its lowest bit is set.
  void (*bytes_not_zero)(const uint8_t* bytes, const uint64_t* rows, size_t word_count, uint64_t* out);
  void (*bytes_odd)(const uint8_t* bytes, const uint64_t* rows, size_t word_count, uint64_t* out);
  uint64_t (*count_bits)(const uint64_t* words, size_t word_count);
  // Of `numbers` those below `bit_count`: to `set` where their bit is set, to `unset` where it is not; in order. Bits lie in blocks of kBitsPerBlock; of a null block none is
  // set. What lies in the outputs behind those numbers is anything.
  struct Parted {
    size_t set = 0;
    size_t unset = 0;
  };
  Parted (*part_by_bits)(const uint32_t* numbers, size_t count, const uint64_t* const* blocks, uint32_t bit_count,
                         uint32_t* set, uint32_t* unset);
};

// `target` must be available on this CPU.
const SelectKernels& select_kernels(Target target);
inline const SelectKernels& select_kernels() { return select_kernels(best_target()); }

}  // namespace omendb::simd
