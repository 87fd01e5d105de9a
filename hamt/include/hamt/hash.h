#pragma once

// hamt::hash<K>: the default hash of map and set, 64 bits, avalanching (every input bit reaches the top bits, which the trie uses first). Texts hash with
// a seed that is random in each process: who chooses the keys cannot make them collide, and their order differs from run to run.
// A user's hash without the marker `using is_avalanching = ...;` is mixed once more by the trie, so std::hash works too.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>

namespace hamt {
namespace detail {

__extension__ typedef unsigned __int128 uint128;

inline constexpr uint64_t kMultiplierA = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio
inline constexpr uint64_t kMultiplierB = 0xd1b54a32d192ed03u;  // odd, half of its bits set

// Both halves of the 128-bit product: one multiplication lets every input bit reach every output bit (the step of Wang Yi's wyhash).
inline uint64_t multiply_fold(uint64_t a, uint64_t b) {
  const uint128 product = static_cast<uint128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t mix(uint64_t value) { return multiply_fold(value ^ kMultiplierB, kMultiplierA); }

template <typename Word>
uint64_t load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// 16 bytes per multiplication; the tail is read as two overlapping words, so no loop runs over single bytes.
inline uint64_t hash_bytes(const char* data, size_t size_bytes, uint64_t seed) {
  uint64_t state = multiply_fold(seed ^ kMultiplierA, static_cast<uint64_t>(size_bytes) ^ kMultiplierB);
  const char* const end = data + size_bytes;
  for (; end - data > 16; data += 16)
    state = multiply_fold(load<uint64_t>(data) ^ kMultiplierA, load<uint64_t>(data + 8) ^ state);
  const size_t left_bytes = static_cast<size_t>(end - data);
  uint64_t low = 0;
  uint64_t high = 0;
  if (left_bytes >= 8) {
    low = load<uint64_t>(data);
    high = load<uint64_t>(end - 8);
  } else if (left_bytes >= 4) {
    low = load<uint32_t>(data);
    high = load<uint32_t>(end - 4);
  } else if (left_bytes > 0) {
    low = load<uint8_t>(data) | load<uint8_t>(data + left_bytes / 2) << 8;
    high = load<uint8_t>(end - 1);
  }
  return mix(multiply_fold(low ^ kMultiplierA, high ^ state));
}

// The same for the whole of a process. Threads: any.
inline uint64_t process_seed() noexcept {
  static const uint64_t seed = [] {
    const auto fallback = reinterpret_cast<uintptr_t>(&multiply_fold);  // the address space is laid out by chance, too
    try {
      std::random_device source;
      return mix(uint64_t{source()} << 32 ^ source() ^ fallback);
    } catch (...) {
      return mix(fallback);
    }
  }();
  return seed;
}

}  // namespace detail

// Any type std::hash knows. A seed makes the order and the collisions of one map its own: take it from a random source where numbers come from strangers.
template <typename K>
struct hash {
  using is_avalanching = void;
  hash() = default;
  explicit hash(uint64_t seed_value) : seed(seed_value) {}
  uint64_t operator()(const K& key) const { return detail::mix(static_cast<uint64_t>(std::hash<K>{}(key)) ^ seed); }
  uint64_t seed = 0;
};

// Strings hash by content, so that a std::string key is found by a std::string_view or a literal. For the same order in each run, or one of its own for each map, give a seed.
template <>
struct hash<std::string_view> {
  using is_avalanching = void;
  using is_transparent = void;
  hash() = default;
  explicit hash(uint64_t seed_value) : seed(seed_value) {}
  uint64_t operator()(std::string_view key) const { return detail::hash_bytes(key.data(), key.size(), seed); }
  uint64_t seed = detail::process_seed();
};

template <>
struct hash<std::string> : hash<std::string_view> {
  using hash<std::string_view>::hash;
};

}  // namespace hamt
