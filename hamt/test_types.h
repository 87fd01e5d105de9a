#pragma once

// What the tests of this room share: hashes that collide on purpose, memory that counts and fails, a value that counts and throws,
// a count of what two versions differ in.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <new>
#include <random>
#include <stdexcept>
#include <string>

namespace hamt::testing {

// How long randomised tests loop: shorter under a sanitizer; OMENDB_TEST_SCALE in the environment multiplies it.
inline size_t scaled(size_t count) {
#ifdef OMENDB_SANITIZED
  constexpr double kBuildScale = 0.1;
#else
  constexpr double kBuildScale = 1.0;
#endif
  const char* const scale = std::getenv("OMENDB_TEST_SCALE");
  const double factor = scale == nullptr ? kBuildScale : kBuildScale * std::max(0.0, std::atof(scale));
  return std::max<size_t>(1, static_cast<size_t>(static_cast<double>(count) * factor));
}

using Random = std::mt19937_64;
inline uint64_t below(Random& random, uint64_t limit) { return random() % limit; }

inline uint64_t key_number(uint64_t key) { return key; }
inline uint64_t key_number(const std::string& key) { return std::stoull(key.substr(key.find_last_of('-') + 1)); }

// Keeps some bits of a good hash; the trie mixes them again, so keys collide whole or part early. Maps of one type may keep different numbers of bits:
// each type of map more is compiled once more.
struct CutHash {
  unsigned bits = 0;  // 0: one hash for all keys
  template <typename K>
  uint64_t operator()(const K& key) const {
    const uint64_t scattered = (key_number(key) + 1) * 0x9e3779b97f4a7c15u;
    return bits == 0 ? 7 : scattered >> (64 - bits);
  }
};

// The same bits, unmixed, at the low end of the hash: keys part only in the deepest tables or not at all.
struct DeepCutHash : CutHash {
  using is_avalanching = void;
};

// The same with the number of bits in the type, for lists of types and where a map makes its own hash.
template <unsigned kBits>
struct FewBitsHash : CutHash {
  FewBitsHash() : CutHash{kBits} {}
};
template <unsigned kBits>
struct DeepHash : DeepCutHash {
  DeepHash() : DeepCutHash{{kBits}} {}
};

struct IdentityHash {
  using is_avalanching = void;
  uint64_t operator()(uint64_t key) const { return key; }
};

// Counts what is out, and can refuse the nth allocation from now.
class CountingMemory : public std::pmr::memory_resource {
 public:
  size_t bytes_out() const { return bytes_out_.load(); }
  void fail_at(size_t nth) { countdown_ = nth; }
  void never_fail() { countdown_ = 0; }
  void pause() { paused_ = true; }
  void resume() { paused_ = false; }

 private:
  void* do_allocate(size_t size_bytes, size_t alignment) override {
    if (!paused_ && countdown_ > 0 && --countdown_ == 0) throw std::bad_alloc();
    void* const memory = std::pmr::new_delete_resource()->allocate(size_bytes, alignment);
    bytes_out_ += size_bytes;
    return memory;
  }
  void do_deallocate(void* memory, size_t size_bytes, size_t alignment) override {
    bytes_out_ -= size_bytes;
    std::pmr::new_delete_resource()->deallocate(memory, size_bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::atomic<size_t> bytes_out_{0};
  size_t countdown_ = 0;  // 0: off
  bool paused_ = false;
};

// A number whose every construction from another one (there are no moves) may throw; counts its living instances.
class Fragile {
 public:
  struct Broken : std::runtime_error {
    Broken() : std::runtime_error("Fragile broke") {}
  };
  static inline size_t living = 0;
  static inline size_t countdown = 0;  // the nth copy from now throws; 0: none

  explicit Fragile(uint64_t number = 0) : number_(number) { ++living; }
  Fragile(const Fragile& other) : number_(other.number_) {
    if (countdown > 0 && --countdown == 0) throw Broken();
    ++living;
  }
  Fragile& operator=(const Fragile&) = delete;
  ~Fragile() { --living; }

  uint64_t number() const { return number_; }
  friend bool operator==(const Fragile& a, const Fragile& b) { return a.number_ == b.number_; }

 private:
  uint64_t number_;
};
inline uint64_t key_number(const Fragile& key) { return key.number(); }

// How many entries diff() reports.
struct EntryCount {
  size_t added_count = 0, removed_count = 0, changed_count = 0;
  template <typename Entry>
  void added(const Entry&) {
    ++added_count;
  }
  template <typename Entry>
  void removed(const Entry&) {
    ++removed_count;
  }
  template <typename Entry>
  void changed(const Entry&, const Entry&) {
    ++changed_count;
  }
  bool operator==(const EntryCount&) const = default;
};
template <typename Map>
EntryCount differences(const Map& before, const Map& after) {
  EntryCount count;
  diff(before, after, count);
  return count;
}

}  // namespace hamt::testing
