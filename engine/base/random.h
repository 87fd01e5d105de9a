#pragma once

#include <cstdint>

namespace omendb::base {

// One step of splitmix64 (Steele, Lea, Flood 2014): spreads `state` over all bits and moves it on.
inline uint64_t splitmix64(uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

// A small seeded generator: xoshiro256++ 1.0 (Blackman and Vigna 2019), its state filled by splitmix64. The same seed
// gives the same sequence on every machine. Cost: about 1 ns a number. Not for secrets. Threads: one; 40 bytes, copy it
// freely. Usable with the standard library's distributions.
class Random {
 public:
  using result_type = uint64_t;

  explicit Random(uint64_t seed);

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()() { return next(); }

  uint64_t next() {
    const uint64_t result = rotate(words_[0] + words_[3], 23) + words_[0];
    const uint64_t shifted = words_[1] << 17;
    words_[2] ^= words_[0];
    words_[3] ^= words_[1];
    words_[1] ^= words_[2];
    words_[0] ^= words_[3];
    words_[2] ^= shifted;
    words_[3] = rotate(words_[3], 45);
    return result;
  }

  // Uniform in [0, bound), without bias (Lemire 2019). `bound` at least 1.
  uint64_t below(uint64_t bound);
  // Uniform in [low, high].
  uint64_t between(uint64_t low, uint64_t high);
  // Uniform in [0, 1) with 53 random bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  float uniform_f32() { return static_cast<float>(next() >> 40) * 0x1.0p-24f; }
  // Normal with mean 0 and deviation 1 (polar method, Marsaglia and Bray 1964).
  float normal();
  // True once in `one_in` calls on average.
  bool one_in(uint64_t one_in) { return below(one_in) == 0; }

 private:
  static uint64_t rotate(uint64_t value, int bits) { return (value << bits) | (value >> (64 - bits)); }

  uint64_t words_[4];
  float spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

}  // namespace omendb::base
