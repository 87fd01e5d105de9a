#pragma once

// Blocks of memory for one family of versions. Not a door: include hamt/map.h or hamt/set.h.
//
// The arena cuts chunks into blocks and keeps last-in-first-out lists of free blocks by size, so that a dropped version feeds the next one with
// warm memory. Only the holder of the family's lease (family.h) may use it. A second writer of the same family (a branch on another thread) is not
// made to wait: its blocks are *direct*, one allocation each.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>
#include <stdexcept>

// For the steps of every lookup and change. In a large translation unit compilers stop making functions part of their callers; then a change, which is a
// hundred instructions, would be a dozen calls.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAMT_INLINE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAMT_INLINE
#endif
#endif
#ifndef HAMT_INLINE
#define HAMT_INLINE [[gnu::always_inline]]
#endif

namespace hamt {

// Where a family gets its memory. The resource must outlive every version and, where more than one thread drops or writes versions, must be
// thread safe.
struct memory_options {
  std::pmr::memory_resource* source = std::pmr::new_delete_resource();
  // Upper bound of one chunk, where it is more than 2 KiB. Larger: fewer, better placed allocations; smaller: less unused tail. 0 turns pooling off:
  // every table is an allocation of its own, given back at once, under never_reclaim with the family (slower; memory checkers then see each table).
  size_t chunk_bytes_max = size_t{2} << 20;
};

namespace detail {

inline constexpr size_t kWordBytes = 8;
// Of an address: all that user space has unless it asks for more. Nodes and items keep other things above.
inline constexpr unsigned kAddressWidth = 48;

// The payload of a block in words of 8 bytes, as 15 bits: exact up to kScaled, then in steps of 1,024 words.
inline constexpr uint32_t kScaled = 1u << 14;
inline constexpr unsigned kScaleBits = 10;
inline constexpr uint32_t words_of_code(uint32_t code) {
  return (code & kScaled) == 0 ? code : (code & (kScaled - 1)) << kScaleBits;
}
// Throws std::length_error for more than any table needs: a list of eight million keys with one hash.
inline uint32_t code_of_words(size_t words) {
  if (words < kScaled) return static_cast<uint32_t>(words);
  const size_t steps = (words + (size_t{1} << kScaleBits) - 1) >> kScaleBits;
  if (steps >= kScaled) throw std::length_error("hamt: too many keys with one hash");
  return kScaled | static_cast<uint32_t>(steps);
}

// Head of every block: the stamp of the version it was born in (0: free), whether it is an allocation of its own, and its size. `birth` is a stamp in
// its place in the head.
inline constexpr unsigned kStampShift = 16;
inline constexpr uint64_t kDirect = uint64_t{1} << 15;
struct alignas(8) Block {
  Block(uint64_t birth, uint64_t code) : word(birth | code) {}
  uint64_t word;
};
static_assert(sizeof(Block) == 8);

inline constexpr uint64_t birth_of(uint64_t stamp) { return stamp << kStampShift; }
inline uint64_t stamp_of(const Block* block) { return block->word >> kStampShift; }
// Whether the block was born in this version or later: the rest of its head is below the unit of stamps, so the heads compare as they are.
inline bool born_since(const Block* block, uint64_t birth) { return block->word >= birth; }
inline bool is_direct(const Block* block) { return (block->word & kDirect) != 0; }
inline uint32_t payload_words(const Block* block) { return words_of_code(block->word & (kDirect - 1)); }
inline size_t payload_bytes(const Block* block) { return size_t{payload_words(block)} * kWordBytes; }
inline constexpr size_t block_bytes(uint32_t words) { return sizeof(Block) + size_t{words} * kWordBytes; }
inline char* payload(Block* block) { return reinterpret_cast<char*>(block + 1); }
inline const char* payload(const Block* block) { return reinterpret_cast<const char*>(block + 1); }

// A dead block keeps the next one of its list in its first payload word.
inline Block* next_of(const Block* block) {
  Block* next;
  std::memcpy(&next, payload(block), sizeof(next));
  return next;
}
inline void set_next(Block* block, Block* next) { std::memcpy(payload(block), &next, sizeof(next)); }

// kPooledWordsMax: larger blocks are direct. kClassWords: one or two sizes share a list of free blocks; of two the smaller one is even, and asked for.
// kKeepsDirect: direct blocks, too, go with the arena, and not before.
template <uint32_t kPooledWordsMax, uint32_t kClassWords, bool kKeepsDirect>
class Arena {
 public:
  explicit Arena(const memory_options& options) : options_(options) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    give_back(chunks_);
    give_back(kept_);
  }

  std::pmr::memory_resource* source() const { return options_.source; }
  bool pools() const { return options_.chunk_bytes_max != 0; }

  // A block of at least `words` payload words. `leased`: the caller holds the family's lease. Throws what the source throws.
  HAMT_INLINE Block* allocate(size_t words, uint64_t birth, bool leased) {
    if (words > kPooledWordsMax) return allocate_slowly(words, birth, leased);
    return allocate_pooled(words, birth, leased);
  }
  // Of at most kPooledWordsMax.
  HAMT_INLINE Block* allocate_pooled(size_t words, uint64_t birth, bool leased) {
    if (!leased || free_[class_of(words)] == nullptr) return allocate_slowly(words, birth, leased);
    Block* const block = pop(class_of(words));
    block->word |= birth;
    return block;
  }
  [[gnu::noinline]] Block* allocate_direct(size_t words, uint64_t birth, size_t alignment) {
    const uint32_t code = code_of_words(words);
    const size_t size_bytes = block_bytes(words_of_code(code));
    if constexpr (kKeepsDirect) return new (new_chunk(kept_, size_bytes)) Block(birth, kDirect | code);
    void* const memory = source_memory(size_bytes, alignment);
    direct_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
    return new (memory) Block(birth, kDirect | code);
  }
  // Pooled blocks only by the lease holder.
  HAMT_INLINE void free(Block* block, size_t alignment = alignof(Block)) noexcept {
    if (!is_direct(block)) return free_pooled(block);
    free_direct(block, alignment);
  }
  // Of one that is not direct.
  HAMT_INLINE void free_pooled(Block* block) noexcept {
    const uint32_t words = static_cast<uint16_t>(block->word);  // the bit of direct blocks is not set
    *block = Block(0, words);
    const size_t its_class = words / kClassWords;
    nonempty_[its_class / kBits] |= class_bit(its_class);
    set_next(block, free_[its_class]);
    free_[its_class] = block;
  }
  [[gnu::noinline]] void free_direct(Block* block, size_t alignment) noexcept {
    if constexpr (kKeepsDirect) return;
    const size_t size_bytes = block_bytes(payload_words(block));
    direct_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
    options_.source->deallocate(block, size_bytes, alignment);
  }

  bool has_direct_blocks() const { return direct_bytes_.load(std::memory_order_relaxed) != 0; }
  size_t reserved_bytes() const {
    return chunk_bytes_.load(std::memory_order_relaxed) + direct_bytes_.load(std::memory_order_relaxed);
  }

 private:
  struct Chunk {
    Chunk* next;
    size_t size_bytes;
  };
  static constexpr size_t kClassCount = kPooledWordsMax / kClassWords + 1;
  static constexpr size_t kBits = 64;
  static constexpr size_t kSmallBytes = 64 << 10;
  static constexpr size_t kFirstChunkBytes = std::max<size_t>(1024, sizeof(Chunk) + block_bytes(kPooledWordsMax));

  // Where no free block has just this size. Kept out of line: the way above is short enough to be part of its callers.
  [[gnu::noinline]] Block* allocate_slowly(size_t words, uint64_t birth, bool leased) {
    if (!leased || !pools() || words > kPooledWordsMax) return allocate_direct(words, birth, alignof(Block));
    if (Block* const block = split_larger(words, birth)) return block;
    return cut(class_of(words) * kClassWords, birth);
  }
  // Where to look for a block of so many words.
  static size_t class_of(size_t words) { return (words + kClassWords - 1) / kClassWords; }
  HAMT_INLINE Block* pop(size_t its_class) noexcept {
    Block* const block = free_[its_class];
    Block* const next = next_of(block);
    free_[its_class] = next;
    __builtin_prefetch(next);  // else who takes many old blocks waits for each
    return block;
  }

  Block* split_larger(size_t words, uint64_t birth) noexcept {
    words = class_of(words) * kClassWords;
    for (size_t larger = next_nonempty(class_of(words) + 1); larger < kClassCount; larger = next_nonempty(larger + 1)) {
      if (free_[larger] == nullptr) {
        nonempty_[larger / kBits] &= ~class_bit(larger);
        continue;
      }
      Block* const block = pop(larger);
      const size_t block_words = payload_words(block);
      const bool splits = block_words >= words + 2;  // room for the head and one word of another
      *block = Block(birth, splits ? words : block_words);
      if (splits) free_pooled(new (payload(block) + words * kWordBytes) Block(0, block_words - words - 1));
      return block;
    }
    return nullptr;
  }
  // From the bump region, or from fresh memory.
  [[gnu::noinline]] Block* cut(size_t words, uint64_t birth) {
    const size_t size_bytes = block_bytes(static_cast<uint32_t>(words));
    if (static_cast<size_t>(bump_end_ - bump_) < size_bytes) refill();
    Block* const block = new (bump_) Block(birth, words);
    bump_ += size_bytes;
    return block;
  }
  // The first class from this one up that may have a free block; kClassCount when none has.
  size_t next_nonempty(size_t from) const {
    for (size_t at = from / kBits; at < nonempty_.size(); ++at) {
      const uint64_t classes = nonempty_[at] & (at == from / kBits ? ~uint64_t{0} << from % kBits : ~uint64_t{0});
      if (classes != 0) return at * kBits + static_cast<size_t>(std::countr_zero(classes));
    }
    return kClassCount;
  }
  static uint64_t class_bit(size_t its_class) { return uint64_t{1} << its_class % kBits; }

  void refill() {
    if (regions_ == nullptr && sweep_is_earned()) {
      close_bump();
      sweep();
    }
    if (regions_ == nullptr) return add_chunk();
    close_bump();
    Block* const region = regions_;
    regions_ = next_of(region);
    set_bump(reinterpret_cast<char*>(region), region_bytes(region));
  }

  // While a trie grows its tables do, and leave blocks of sizes that nobody asks for again. A sweep looks at everything, so it must be earned: a quarter
  // of the memory free, and as much handed out since the last look, or half of that where everything is little. Blocks are counted only here, to be taken
  // and freed in fewer steps.
  bool sweep_is_earned() noexcept {
    const size_t chunk_bytes = chunk_bytes_.load(std::memory_order_relaxed);
    const size_t enough_bytes = chunk_bytes / 4;
    if (refilled_bytes_ <= (chunk_bytes < kSmallBytes ? enough_bytes / 2 : enough_bytes)) return false;
    refilled_bytes_ = 0;
    size_t free_bytes = 0;
    for (size_t its_class = 0; its_class < kClassCount; ++its_class) {
      for (const Block* block = free_[its_class]; block != nullptr; block = next_of(block))
        free_bytes += block_bytes(payload_words(block));
    }
    return free_bytes > enough_bytes;
  }

  // Chunks grow with the family, so that a small map stays small and a large one is cut from few pieces.
  void add_chunk() {
    const size_t reserved_bytes_now = chunk_bytes_.load(std::memory_order_relaxed);
    const size_t share_bytes = std::min(reserved_bytes_now / 32, options_.chunk_bytes_max) / 64 * 64;
    const size_t size_bytes = std::max(reserved_bytes_now == 0 ? kFirstChunkBytes : 2 * kFirstChunkBytes, share_bytes);
    char* const memory = new_chunk(chunks_, size_bytes - sizeof(Chunk));
    close_bump();
    set_bump(memory, size_bytes - sizeof(Chunk));
  }
  void* source_memory(size_t size_bytes, size_t alignment) {
    void* const memory = options_.source->allocate(size_bytes, alignment);
    if (reinterpret_cast<uintptr_t>(memory) >> kAddressWidth == 0) return memory;
    options_.source->deallocate(memory, size_bytes, alignment);
    throw std::length_error("hamt: memory at an address of more than 48 bits");
  }
  // Of so many bytes behind its head, which come back.
  char* new_chunk(Chunk*& list, size_t content_bytes) {
    const size_t size_bytes = sizeof(Chunk) + content_bytes;
    void* const memory = source_memory(size_bytes, alignof(std::max_align_t));
    list = new (memory) Chunk{list, size_bytes};
    chunk_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
    return static_cast<char*>(memory) + sizeof(Chunk);
  }
  void give_back(Chunk* chunk) noexcept {
    while (chunk != nullptr) {
      Chunk* const next = chunk->next;
      options_.source->deallocate(chunk, chunk->size_bytes, alignof(std::max_align_t));
      chunk = next;
    }
  }
  void set_bump(char* start, size_t size_bytes) {
    bump_ = start;
    bump_end_ = start + size_bytes;
    refilled_bytes_ += size_bytes;
  }

  // The rest of the bump region becomes a free block, so that chunks are blocks from end to end.
  void close_bump() noexcept {
    const size_t rest_words = static_cast<size_t>(bump_end_ - bump_) / kWordBytes;
    if (rest_words > 0) add_free(bump_, rest_words);
    bump_ = bump_end_ = nullptr;
  }

  // `words` counts the head. A run too long for a list keeps its length in its second payload word.
  void add_free(char* at, size_t words) noexcept {
    Block* const block = new (at) Block(0, std::min<size_t>(words - 1, kPooledWordsMax + 1));
    if (words == 1) return;  // a bare head: only the next sweep can use it
    if (words - 1 <= kPooledWordsMax) return free_pooled(block);
    set_next(block, regions_);
    std::memcpy(payload(block) + kWordBytes, &words, sizeof(words));
    regions_ = block;
  }
  static size_t region_bytes(const Block* region) {
    size_t words;
    std::memcpy(&words, payload(region) + kWordBytes, sizeof(words));
    return words * kWordBytes;
  }
  // Of a pooled block, or of a free run.
  static size_t bytes_at(const Block* block) {
    return payload_words(block) <= kPooledWordsMax ? block_bytes(payload_words(block)) : region_bytes(block);
  }

  // Melts neighbouring free blocks into one, everywhere.
  void sweep() noexcept {
    free_.fill(nullptr);
    regions_ = nullptr;
    nonempty_.fill(0);
    for (Chunk* chunk = chunks_; chunk != nullptr; chunk = chunk->next) {
      char* const end = reinterpret_cast<char*>(chunk) + chunk->size_bytes;
      char* run = nullptr;  // where the current run of free blocks starts
      for (char* at = reinterpret_cast<char*>(chunk) + sizeof(Chunk); at != end;) {
        const Block* const block = reinterpret_cast<const Block*>(at);
        const bool is_free = stamp_of(block) == 0;
        if (is_free && run == nullptr) run = at;
        char* const next = at + bytes_at(block);
        if (!is_free && run != nullptr) {
          add_free(run, static_cast<size_t>(at - run) / kWordBytes);
          run = nullptr;
        }
        at = next;
      }
      if (run != nullptr) add_free(run, static_cast<size_t>(end - run) / kWordBytes);
    }
  }

  const memory_options options_;
  std::atomic<size_t> chunk_bytes_{0};
  std::atomic<size_t> direct_bytes_{0};
  char* bump_ = nullptr;
  char* bump_end_ = nullptr;
  Chunk* chunks_ = nullptr;
  Chunk* kept_ = nullptr;      // direct blocks, where they are kept
  Block* regions_ = nullptr;   // free runs too long for a list
  size_t refilled_bytes_ = 0;  // handed to the bump pointer since the last look for a sweep
  std::array<Block*, kClassCount> free_{};
  std::array<uint64_t, (kClassCount + kBits - 1) / kBits> nonempty_{};  // a bit for each; may be set for an empty one
};

}  // namespace detail
}  // namespace hamt
