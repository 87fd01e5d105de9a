#pragma once

// Memory of one family of versions: the blocks that hold tables and boxed entries. Not a door: include hamt/map.h or hamt/set.h.
//
// A family is a map and every version made from it. Its arena cuts chunks into blocks and keeps one last-in-first-out list of free blocks per
// size, so that a dropped version feeds the next one with warm memory. At most one writer at a time holds the *lease* on those lists; a second
// writer of the same family (a branch on another thread) is not made to wait: its blocks are *direct*, one allocation each. Versions die on any
// thread without a lock: their blocks are pushed as one chain onto returned_, which the lease holder takes over whole.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>

namespace hamt {

// Where a family gets its memory. The resource must outlive every version and, where more than one thread drops or writes versions, must be
// thread safe.
struct memory_options {
  std::pmr::memory_resource* source = std::pmr::new_delete_resource();
  // Upper bound of one chunk. Larger: fewer, better placed allocations; smaller: less unused tail. 0 turns pooling off: every table is an
  // allocation of its own, given back at once (slower; memory checkers then see each table).
  size_t chunk_bytes_max = size_t{2} << 20;
};

namespace detail {

// Head of every block. `refs` counts the tables (or handles) that point here.
struct alignas(8) Block {
  std::atomic<uint32_t> refs;
  uint32_t size;  // payload in words of 8 bytes; kDirectBlock set when the block is an allocation of its own
};
static_assert(sizeof(Block) == 8);

inline constexpr uint32_t kDirectBlock = uint32_t{1} << 31;
inline constexpr size_t kWordBytes = 8;
inline constexpr uint32_t kPooledWordsMax = 128;  // 32 slots of 32 bytes
inline constexpr size_t kChunkBytesMin = 2048;

inline uint32_t payload_words(const Block* block) { return block->size & ~kDirectBlock; }
inline size_t payload_bytes(const Block* block) { return payload_words(block) * kWordBytes; }
inline bool is_direct(const Block* block) { return (block->size & kDirectBlock) != 0; }
inline size_t block_bytes(uint32_t words) { return sizeof(Block) + words * kWordBytes; }
inline char* payload(Block* block) { return reinterpret_cast<char*>(block + 1); }
inline const char* payload(const Block* block) { return reinterpret_cast<const char*>(block + 1); }

// A dead block keeps the next one of its list in its first payload word.
inline Block* next_of(const Block* block) {
  Block* next;
  std::memcpy(&next, payload(block), sizeof(next));
  return next;
}
inline void set_next(Block* block, Block* next) { std::memcpy(payload(block), &next, sizeof(next)); }

// Dead pooled blocks on their way back, linked.
struct Chain {
  Block* first = nullptr;
  Block* last = nullptr;
  void add(Block* block) {
    set_next(block, first);
    if (first == nullptr) last = block;
    first = block;
  }
};

class Arena {
 public:
  static Arena* create(const memory_options& options) {
    void* memory = options.source->allocate(sizeof(Arena), alignof(Arena));
    return new (memory) Arena(options);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void retain() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(this);
  }
  // No other handle exists, and none can appear but from the caller's.
  bool sole_owner() const { return refs_.load(std::memory_order_acquire) == 1; }

  // Exclusive use of the free lists; false when another writer has it or pooling is off. Never waits.
  bool try_lease() {
    if (options_.chunk_bytes_max == 0 || leased_.load(std::memory_order_relaxed)) return false;
    if (leased_.exchange(true, std::memory_order_acquire)) return false;
    if (returned_.load(std::memory_order_relaxed) != nullptr) absorb();
    return true;
  }
  void end_lease() noexcept { leased_.store(false, std::memory_order_release); }

  // A block of at least `words` payload words with one reference. Throws what the source throws.
  Block* allocate(uint32_t words, bool leased) {
    if (!leased || words > kPooledWordsMax) return allocate_direct(words, alignof(Block));
    if (free_[words] == nullptr && returned_.load(std::memory_order_relaxed) != nullptr) absorb();
    return free_[words] != nullptr ? pop(words) : carve(words);
  }

  Block* allocate_direct(uint32_t words, size_t alignment) {
    const size_t size_bytes = block_bytes(words);
    void* const memory = options_.source->allocate(size_bytes, alignment);
    direct_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
    return new (memory) Block{1, words | kDirectBlock};
  }
  void free_direct(Block* block, size_t alignment) noexcept {
    const size_t size_bytes = block_bytes(payload_words(block));
    direct_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
    options_.source->deallocate(block, size_bytes, alignment);
  }

  void give_back(Chain chain, bool leased) noexcept {
    if (chain.first == nullptr) return;
    if (leased) return absorb(chain.first);
    Block* top = returned_.load(std::memory_order_relaxed);
    do set_next(chain.last, top);
    while (!returned_.compare_exchange_weak(top, chain.first, std::memory_order_release, std::memory_order_relaxed));
  }

  bool has_direct_blocks() const { return direct_bytes_.load(std::memory_order_relaxed) != 0; }
  size_t reserved_bytes() const {
    return sizeof(Arena) + chunk_bytes_.load(std::memory_order_relaxed) + direct_bytes_.load(std::memory_order_relaxed);
  }

 private:
  struct Chunk {
    Chunk* next;
    size_t size_bytes;
  };

  explicit Arena(const memory_options& options) : options_(options) {}
  ~Arena() = default;

  static void destroy(Arena* arena) noexcept {
    std::pmr::memory_resource* const source = arena->options_.source;
    for (Chunk* chunk = arena->chunks_; chunk != nullptr;) {
      Chunk* const next = chunk->next;
      source->deallocate(chunk, chunk->size_bytes, alignof(std::max_align_t));
      chunk = next;
    }
    arena->~Arena();
    source->deallocate(arena, sizeof(Arena), alignof(Arena));
  }

  // Free lists. A free block has no references: the sweep knows it by that.
  void push(Block* block) noexcept {
    const uint32_t words = block->size;
    block->refs.store(0, std::memory_order_relaxed);
    set_next(block, free_[words]);
    free_[words] = block;
    nonempty_[words / 64] |= uint64_t{1} << (words % 64);
    free_bytes_ += block_bytes(words);
  }
  Block* pop(uint32_t words) noexcept {
    Block* const block = free_[words];
    free_[words] = next_of(block);
    free_bytes_ -= block_bytes(words);
    block->refs.store(1, std::memory_order_relaxed);
    return block;
  }
  void absorb() noexcept { absorb(returned_.exchange(nullptr, std::memory_order_acquire)); }
  void absorb(Block* block) noexcept {
    while (block != nullptr) {
      Block* const next = next_of(block);
      push(block);
      block = next;
    }
  }

  // No free block of this size: cut one from the bump region, from a larger free block, or from fresh memory.
  Block* carve(uint32_t words) {
    const size_t size_bytes = block_bytes(words);
    if (static_cast<size_t>(bump_end_ - bump_) < size_bytes) {
      if (Block* const block = split_larger(words)) return block;
      refill();
    }
    Block* const block = new (bump_) Block{1, words};
    bump_ += size_bytes;
    return block;
  }

  Block* split_larger(uint32_t words) noexcept {
    for (uint32_t larger = next_nonempty(words + 1); larger <= kPooledWordsMax; larger = next_nonempty(larger + 1)) {
      if (free_[larger] == nullptr) {
        nonempty_[larger / 64] &= ~(uint64_t{1} << (larger % 64));
        continue;
      }
      Block* const block = pop(larger);
      if (larger < words + 2) return block;  // no room for the head and one word of another
      block->size = words;
      push(new (payload(block) + words * kWordBytes) Block{0, larger - words - 1});
      return block;
    }
    return nullptr;
  }
  // The first size from `words` up that may have a free block; more than kPooledWordsMax when none has.
  uint32_t next_nonempty(uint32_t words) const {
    while (words <= kPooledWordsMax) {
      const uint64_t bits = nonempty_[words / 64] >> (words % 64);
      if (bits != 0) return words + static_cast<uint32_t>(std::countr_zero(bits));
      words = (words / 64 + 1) * 64;
    }
    return words;
  }

  void refill() {
    const size_t reserved_bytes_now = chunk_bytes_.load(std::memory_order_relaxed);
    // While a trie grows its tables do, and leave blocks of sizes that nobody asks for again. A sweep looks at everything, so it must be earned:
    // an eighth of the memory free, and as much handed out since the last one.
    const bool sweep_earned = std::min(free_bytes_, refilled_bytes_) > reserved_bytes_now / 8;
    if (regions_ == nullptr && sweep_earned) {
      close_bump();
      sweep();
    }
    if (regions_ == nullptr) return add_chunk();
    close_bump();
    Block* const region = regions_;
    regions_ = next_of(region);
    const size_t size_bytes = block_bytes(region->size);
    free_bytes_ -= size_bytes;
    set_bump(reinterpret_cast<char*>(region), size_bytes);
  }

  // Chunks grow with the family (an eighth of it), so that a small map stays small and a large one is cut from few pieces.
  void add_chunk() {
    const size_t eighth_bytes = chunk_bytes_.load(std::memory_order_relaxed) / 8;
    const size_t size_bytes = std::max(kChunkBytesMin, std::min(eighth_bytes, options_.chunk_bytes_max) / 64 * 64);
    void* const memory = options_.source->allocate(size_bytes, alignof(std::max_align_t));
    close_bump();
    chunks_ = new (memory) Chunk{chunks_, size_bytes};
    chunk_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
    set_bump(static_cast<char*>(memory) + sizeof(Chunk), size_bytes - sizeof(Chunk));
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

  // `words` counts the head.
  void add_free(char* at, size_t words) noexcept {
    Block* const block = new (at) Block{0, static_cast<uint32_t>(words - 1)};
    if (words == 1) return;  // a bare head: only the next sweep can use it
    if (block->size <= kPooledWordsMax) return push(block);
    set_next(block, regions_);
    regions_ = block;
    free_bytes_ += block_bytes(block->size);
  }

  // Melts neighbouring free blocks into one, everywhere.
  void sweep() noexcept {
    absorb();
    free_.fill(nullptr);
    nonempty_.fill(0);
    regions_ = nullptr;
    free_bytes_ = 0;
    refilled_bytes_ = 0;
    for (Chunk* chunk = chunks_; chunk != nullptr; chunk = chunk->next) {
      char* const end = reinterpret_cast<char*>(chunk) + chunk->size_bytes;
      char* run = nullptr;  // where the current run of free blocks starts
      for (char* at = reinterpret_cast<char*>(chunk) + sizeof(Chunk); at != end;) {
        const Block* const block = reinterpret_cast<const Block*>(at);
        const bool is_free = block->refs.load(std::memory_order_relaxed) == 0;
        if (is_free && run == nullptr) run = at;
        char* const next = at + block_bytes(block->size);
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
  std::atomic<size_t> refs_{1};
  std::atomic<bool> leased_{false};
  std::atomic<size_t> chunk_bytes_{0};
  std::atomic<size_t> direct_bytes_{0};
  // Below: the lease holder's.
  char* bump_ = nullptr;
  char* bump_end_ = nullptr;
  Chunk* chunks_ = nullptr;
  Block* regions_ = nullptr;                                   // free runs too long for a list
  size_t free_bytes_ = 0;                                      // in lists and regions
  size_t refilled_bytes_ = 0;                                  // handed to the bump pointer since the last sweep
  std::array<Block*, kPooledWordsMax + 1> free_{};             // by payload words
  std::array<uint64_t, kPooledWordsMax / 64 + 1> nonempty_{};  // a bit per list; may be set for an empty one
  alignas(64) std::atomic<Block*> returned_{nullptr};          // written by every thread that drops a version
};

// The blocks one operation will need, fetched before it changes anything: after that it cannot fail.
class BlockBatch {
 public:
  BlockBatch(Arena& arena, bool leased) : arena_(arena), leased_(leased) {}
  BlockBatch(const BlockBatch&) = delete;
  BlockBatch& operator=(const BlockBatch&) = delete;
  ~BlockBatch() {
    Chain chain;
    while (Block* block = take()) {
      if (is_direct(block)) {
        arena_.free_direct(block, alignof(Block));
      } else {
        chain.add(block);
      }
    }
    arena_.give_back(chain, leased_);
  }

  void add(uint32_t words) { adopt(arena_.allocate(words, leased_)); }
  void adopt(Block* block) { blocks_[count_++] = block; }
  // In the order they were added; nullptr when none is left.
  Block* take() { return taken_ < count_ ? blocks_[taken_++] : nullptr; }

 private:
  static constexpr size_t kBlocksMax = 32;  // a new chain of 14 tables below a copied path of 14
  Arena& arena_;
  const bool leased_;
  size_t count_ = 0;
  size_t taken_ = 0;
  std::array<Block*, kBlocksMax> blocks_;
};

}  // namespace detail
}  // namespace hamt
