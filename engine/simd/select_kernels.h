#pragma once

// The one source of all tests of columns: templates over a set of registers V, compiled once per instruction set by the select_<target>.cc files. Not for other
// rooms; they include select.h.
//
// V is declared in an anonymous namespace of its file, and nothing of the standard library is called, as in distance_kernels.h. V offers: kInts, how many values of
// eight bytes a step takes; Ints, Floats, all_ints(v), all_floats(v); and bits, one a value from the lowest on: between(const int64_t*, Ints, Ints),
// between(const double*, Floats, Floats), not_outside (the same, true of NaN), equal(const int64_t*, const int64_t* wanted, count); of 64 bytes not_zero(bytes) and
// odd(bytes); part_by_bits as SelectKernels has it, for which part_one_by_one is there.

#include "engine/simd/select.h"

#include <cstddef>
#include <cstdint>

namespace omendb::simd {
namespace kernels {

// With no more bits than these in a word, its rows are looked at one by one: fewer lines of memory are touched than by all 64.
inline constexpr int kFewRows = 4;

[[gnu::always_inline]] inline int count_word(uint64_t word) {
#if defined(__POPCNT__)
  return __builtin_popcountll(word);
#else
  word -= word >> 1 & 0x5555555555555555U;
  word = (word & 0x3333333333333333U) + (word >> 2 & 0x3333333333333333U);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fU;
  return static_cast<int>(word * 0x0101010101010101U >> 56);
#endif
}

// whole(w): bits of all 64 rows of word w; one(row): whether it passes.
template <class Whole, class One>
[[gnu::always_inline]] inline void select(const uint64_t* rows, size_t word_count, uint64_t* out, const Whole& whole,
                                          const One& one) {
  for (size_t w = 0; w < word_count; ++w) {
    const uint64_t asked = rows[w];
    uint64_t passing = 0;
    if (count_word(asked) > kFewRows) {
      passing = whole(w) & asked;
    } else {
      for (uint64_t rest = asked; rest != 0; rest &= rest - 1) {
        const auto bit = static_cast<size_t>(__builtin_ctzll(rest));
        passing |= static_cast<uint64_t>(one(w * 64 + bit)) << bit;
      }
    }
    out[w] = passing;
  }
}

// Bits of the 64 values from `values` on, by steps of V::kInts.
template <class V, class T, class Step>
[[gnu::always_inline]] inline uint64_t word_of(const T* values, const Step& step) {
  uint64_t word = 0;
#pragma GCC unroll 64
  for (size_t i = 0; i < 64; i += V::kInts) word |= static_cast<uint64_t>(step(values + i)) << i;
  return word;
}

template <class V>
void ints_between(const int64_t* values, const uint64_t* rows, size_t word_count, int64_t low, int64_t high,
                  uint64_t* out) {
  const auto lows = V::all_ints(low);
  const auto highs = V::all_ints(high);
  select(
      rows, word_count, out,
      [&](size_t w) __attribute__((always_inline)) {
        return word_of<V>(
            values + w * 64, [&](const int64_t* from)
                                 __attribute__((always_inline)) { return V::between(from, lows, highs); });
      },
      [&](size_t row) __attribute__((always_inline)) { return low <= values[row] && values[row] <= high; });
}

template <class V>
void floats_between(const double* values, const uint64_t* rows, size_t word_count, double low, double high, bool nan,
                    uint64_t* out) {
  const auto lows = V::all_floats(low);
  const auto highs = V::all_floats(high);
  const auto choose = [&](const auto& step, const auto& one) __attribute__((always_inline)) {
    select(
        rows, word_count,
        out, [&](size_t w) __attribute__((always_inline)) { return word_of<V>(values + w * 64, step); },
        [&](size_t row) __attribute__((always_inline)) { return one(values[row]); });
  };
  if (nan) {
    choose(
        [&](const double* from) __attribute__((always_inline)) { return V::not_outside(from, lows, highs); },
        [&](double value) __attribute__((always_inline)) { return !(value < low) && !(value > high); });
  } else {
    choose(
        [&](const double* from) __attribute__((always_inline)) { return V::between(from, lows, highs); },
        [&](double value) __attribute__((always_inline)) { return low <= value && value <= high; });
  }
}

template <class V>
void ints_among(const int64_t* values, const uint64_t* rows, size_t word_count, const int64_t* wanted,
                size_t wanted_count, uint64_t* out) {
  select(
      rows, word_count, out,
      [&](size_t w) __attribute__((always_inline)) {
        return word_of<V>(
            values + w * 64, [&](const int64_t* from)
                                 __attribute__((always_inline)) { return V::equal(from, wanted, wanted_count); });
      },
      [&](size_t row) __attribute__((always_inline)) {
        bool found = false;
        for (size_t i = 0; i < wanted_count; ++i) found |= values[row] == wanted[i];
        return found;
      });
}

template <class V>
void bytes_not_zero(const uint8_t* bytes, const uint64_t* rows, size_t word_count, uint64_t* out) {
  select(
      rows, word_count, out, [&](size_t w) __attribute__((always_inline)) { return V::not_zero(bytes + w * 64); },
      [&](size_t row) __attribute__((always_inline)) { return bytes[row] != 0; });
}

template <class V>
void bytes_odd(const uint8_t* bytes, const uint64_t* rows, size_t word_count, uint64_t* out) {
  select(
      rows, word_count, out, [&](size_t w) __attribute__((always_inline)) { return V::odd(bytes + w * 64); },
      [&](size_t row) __attribute__((always_inline)) { return (bytes[row] & 1) != 0; });
}

template <class V>
uint64_t count_bits(const uint64_t* words, size_t word_count) {
  uint64_t count = 0;
  for (size_t w = 0; w < word_count; ++w) count += static_cast<uint64_t>(count_word(words[w]));
  return count;
}

// Masks instead of branches, because which bits are set can not be predicted.
[[gnu::always_inline]] inline SelectKernels::Parted part_one_by_one(const uint32_t* numbers, size_t count,
                                                                    const uint64_t* const* blocks, uint32_t bit_count,
                                                                    uint32_t* set, uint32_t* unset) {
  if (bit_count == 0) return {};
  size_t known_count = 0;
  size_t set_count = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t number = numbers[i];
    const uint64_t known = number < bit_count ? 1 : 0;
    const uint32_t at = number & (0 - static_cast<uint32_t>(known));
    const uint64_t* const block = blocks[at / kBitsPerBlock];
    const uint64_t word = block == nullptr ? 0 : block[at % kBitsPerBlock / 64];
    set[set_count] = number;
    unset[known_count - set_count] = number;
    set_count += known & (word >> (at % 64));
    known_count += known;
  }
  return {set_count, known_count - set_count};
}

template <class V>
const SelectKernels& select_kernels_of() {
  static constexpr SelectKernels kKernels = {&ints_between<V>, &floats_between<V>, &ints_among<V>,  &bytes_not_zero<V>,
                                             &bytes_odd<V>,    &count_bits<V>,     &V::part_by_bits};
  return kKernels;
}

}  // namespace kernels

// Defined by the file of each target; where the compiler has no such target, they return null.
const SelectKernels* scalar_select_kernels();
const SelectKernels* avx2_select_kernels();
const SelectKernels* avx512_select_kernels();

}  // namespace omendb::simd
