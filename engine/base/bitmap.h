#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::base {

inline constexpr size_t kWordBits = 64;
constexpr size_t words_for(size_t bit_count) { return (bit_count + kWordBits - 1) / kWordBits; }

// Bit i is bit i % 64 of word i / 64. Borrows the words; bits at and past bit_count() are never looked at. Threads:
// any, while nobody writes.
class BitmapView {
 public:
  BitmapView() = default;
  // `words` holds at least words_for(bit_count) words.
  BitmapView(std::span<const uint64_t> words, size_t bit_count) : words_(words.data()), bit_count_(bit_count) {
    assert(words.size() >= words_for(bit_count));
  }

  size_t bit_count() const { return bit_count_; }

  bool test(size_t bit) const {
    assert(bit < bit_count_);
    return (words_[bit / kWordBits] >> (bit % kWordBits) & 1) != 0;
  }

  // How many bits are set. Cost: one population count per word.
  size_t count() const {
    size_t set_count = 0;
    for (size_t word = 0; word < words_for(bit_count_); ++word)
      set_count += static_cast<size_t>(std::popcount(masked_word(word)));
    return set_count;
  }

  // Calls visit(size_t bit) for every set bit, rising.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (size_t word = 0; word < words_for(bit_count_); ++word) {
      for (uint64_t rest = masked_word(word); rest != 0; rest &= rest - 1) {
        visit(word * kWordBits + static_cast<size_t>(std::countr_zero(rest)));
      }
    }
  }

 private:
  uint64_t masked_word(size_t word) const {
    const size_t bits_left = bit_count_ - word * kWordBits;
    return bits_left >= kWordBits ? words_[word] : words_[word] & ((uint64_t{1} << bits_left) - 1);
  }

  const uint64_t* words_ = nullptr;
  size_t bit_count_ = 0;
};

// Owns its words; grows with zeros. Threads: one writer.
class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(size_t bit_count) : words_(words_for(bit_count)), bit_count_(bit_count) {}

  size_t bit_count() const { return bit_count_; }
  // New bits are clear; bits cut off and grown again are clear too.
  void resize(size_t bit_count) {
    if (bit_count < bit_count_ && bit_count % kWordBits != 0) {
      words_[bit_count / kWordBits] &= (uint64_t{1} << (bit_count % kWordBits)) - 1;
    }
    words_.resize(words_for(bit_count));
    bit_count_ = bit_count;
  }
  void set(size_t bit) {
    assert(bit < bit_count_);
    words_[bit / kWordBits] |= uint64_t{1} << (bit % kWordBits);
  }
  void clear(size_t bit) {
    assert(bit < bit_count_);
    words_[bit / kWordBits] &= ~(uint64_t{1} << (bit % kWordBits));
  }
  bool test(size_t bit) const { return view().test(bit); }
  // Borrows; good until the next resize.
  BitmapView view() const { return {words_, bit_count_}; }
  std::span<const uint64_t> words() const { return words_; }

 private:
  std::vector<uint64_t> words_;
  size_t bit_count_ = 0;
};

}  // namespace omendb::base
