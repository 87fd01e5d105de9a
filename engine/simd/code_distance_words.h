#pragma once

// Bits counted a word of 64 at a time, for targets whose vectors can not count them: `count_ones` is the target's own way. Included inside the reach of an anonymous
// namespace like every V.

#include <cstddef>
#include <cstdint>

namespace omendb::simd {
namespace {

template <class Counter>
struct BitWords {
  using Reg = uint64_t;
  using Count = uint64_t;
  static constexpr size_t kBytes = sizeof(Reg);

  static Reg load(const std::byte* from) {
    Reg word;
    __builtin_memcpy(&word, from, sizeof(word));
    return word;
  }
  static Reg load_first(const std::byte* from, size_t count) {
    Reg word = 0;
    for (size_t i = 0; i < count; ++i) word |= static_cast<Reg>(from[i]) << (8 * i);
    return word;
  }
  static Count zero() { return 0; }
  static Reg exclusive_or(Reg left, Reg right) { return left ^ right; }
  static Reg both(Reg left, Reg right) { return left & right; }
  static Reg either(Reg left, Reg right) { return left | right; }
  static Count add_ones(Count count, Reg word) { return count + Counter::count_ones(word); }
  static uint64_t sum(Count count) { return count; }
};

}  // namespace
}  // namespace omendb::simd
