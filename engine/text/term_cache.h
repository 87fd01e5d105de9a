#pragma once

// The terms of words met before: a hash map that is emptied when it is full, so that its memory is bounded. Emptying all
// at once costs nothing per word, and what is frequent is back after a page of text.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

// One thread. Memory: 12 KB empty; full 1.5 MB beside the bytes of words and terms (at most 8 MB, of prose about 1 MB).
class TermCache {
 public:
  static constexpr size_t kWordBytesMax = 64;  // longer words are rare and not kept
  static constexpr size_t kWordsMax = 65536;

  TermCache() : slots_(kSlotsMin) {}

  // The word's term ("" where it has none), good until the next insert; nullopt if it was not met. `word` is not empty.
  // `hash` is always made by the same function. Cost: 5 to 10 ns.
  std::optional<std::string_view> find(std::string_view word, uint64_t hash) const {
    for (size_t index = hash & mask();; index = (index + 1) & mask()) {
      const Slot& slot = slots_[index];
      if (slot.word_bytes == 0) return std::nullopt;
      if (slot.tag != tag_of(hash) || slot.word_bytes != word.size()) continue;
      const char* bytes = bytes_.data() + slot.begin;
      if (std::memcmp(bytes, word.data(), word.size()) == 0)
        return std::string_view(bytes + word.size(), slot.term_bytes);
    }
  }

  // A word of at most kWordBytesMax bytes that find does not know.
  void insert(std::string_view word, uint64_t hash, std::string_view term) {
    assert(!word.empty() && word.size() <= kWordBytesMax && term.size() <= UINT16_MAX);
    if (word_count_ == kWordsMax) clear();
    if ((word_count_ + 1) * 2 > slots_.size()) grow();
    place({static_cast<uint32_t>(bytes_.size()), tag_of(hash), static_cast<uint16_t>(word.size()),
           static_cast<uint16_t>(term.size())},
          hash);
    bytes_.append(word);
    bytes_.append(term);
    ++word_count_;
  }

  size_t word_count() const { return word_count_; }

 private:
  struct Slot {
    uint32_t begin = 0;  // in bytes_: the word, then its term
    uint32_t tag = 0;    // bits of the hash, and all that growing needs of it
    uint16_t word_bytes = 0;
    uint16_t term_bytes = 0;
  };
  static constexpr size_t kSlotsMin = 1024;
  static_assert(kWordsMax * 2 <= uint64_t{1} << 32, "a tag has all bits that choose a slot");

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash); }
  size_t mask() const { return slots_.size() - 1; }

  void place(const Slot& slot, uint64_t hash) {
    size_t index = hash & mask();
    while (slots_[index].word_bytes != 0) index = (index + 1) & mask();
    slots_[index] = slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.word_bytes != 0) place(slot, slot.tag);
    }
  }

  void clear() {
    slots_.assign(slots_.size(), Slot());
    bytes_.clear();
    word_count_ = 0;
  }

  std::vector<Slot> slots_;
  std::string bytes_;
  size_t word_count_ = 0;
};

}  // namespace omendb::text
