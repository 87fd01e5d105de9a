#pragma once

// The versions of one family and what each of them keeps alive. Not a door: include hamt/map.h or hamt/set.h.
//
// Versions form a tree: a version's parent is the one it was made from. Tables carry no reference counts. Each bears the *stamp* of the version it was
// born in, and a version lists what it *retired*: the blocks of its parent that it no longer reaches. Stamps grow from parent to child, hence:
//   - What a version reaches and its parent does not was born after the parent: a writer may change, and free, any table whose stamp is above that of
//     the parent of the version being written (its *floor*). All of that version's own tables are above it, so one comparison tells.
//   - When the last handle of a version goes and it has one child, the child takes its place: what the child retired and was born above the floor of
//     the dead version dies, the rest joins what the dead one retired, and the child's parent is now the dead one's.
//   - When it has no child, every block above its floor dies, found by a walk that stops at older tables; then its parent is looked at again.
//   - With several children it waits for them.
// So a dropped version costs what it alone held, however many others live, and copying a path touches no table but those on it.
//
// One operation at a time holds the *lease* on the tree and on the arena; nobody waits for it. Who finds it taken goes on with blocks that are
// allocations of their own, and leaves word of a version that was written or has died on a stack, which the holder works through before it gives the
// lease back.

#include <hamt/arena.h>
#include <hamt/table.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace hamt::detail {

// A process that never started a thread need not pay for locked instructions (as std::shared_ptr does it).
inline bool single_threaded() {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded != 0;
#else
  return false;
#endif
}

inline void increment(std::atomic<uint32_t>& count) noexcept {
  if (single_threaded()) {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    count.fetch_add(1, std::memory_order_relaxed);
  }
}
// True if nothing is left. The last one may look without a locked instruction: nobody else could add to it.
inline bool decrement(std::atomic<uint32_t>& count) noexcept {
  const uint32_t before = count.load(std::memory_order_acquire);
  if (before == 1 || single_threaded()) {
    count.store(before - 1, std::memory_order_relaxed);
    return before == 1;
  }
  return count.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

// Blocks waiting for the end of older versions, in chunks that are blocks themselves. A boxed entry is told by the lowest bit.
class RetiredList {
 public:
  bool empty() const { return first_ == nullptr; }
  bool has_room(size_t count) const { return last_ != nullptr && capacity(last_) - at(last_)->count >= count; }
  // Makes has_room(count) true for counts up to the capacity of the chunk.
  void add_chunk(Block* chunk) {
    new (payload(chunk)) Chunk{nullptr, 0};
    if (last_ == nullptr) {
      first_ = chunk;
    } else {
      at(last_)->next = chunk;
    }
    last_ = chunk;
  }
  static size_t chunk_words(size_t count) { return 2 + count; }

  void push(Block* block, bool is_box) noexcept {
    Chunk* const chunk = at(last_);
    const uintptr_t word = reinterpret_cast<uintptr_t>(block) | uintptr_t{is_box};
    std::memcpy(payload(last_) + sizeof(Chunk) + chunk->count++ * kWordBytes, &word, kWordBytes);
  }

  // Takes out what `dies(block, is_box)` says; empty chunks go to `free_chunk`.
  template <typename Dies, typename FreeChunk>
  void filter(Dies dies, FreeChunk free_chunk) noexcept {
    Block* chunk = std::exchange(first_, nullptr);
    last_ = nullptr;
    while (chunk != nullptr) {
      Block* const next = at(chunk)->next;
      size_t kept = 0;
      for (size_t index = 0, count = at(chunk)->count; index < count; ++index) {
        const uintptr_t word = word_at(chunk, index);
        if (dies(reinterpret_cast<Block*>(word & ~uintptr_t{1}), (word & 1) != 0)) continue;
        std::memcpy(payload(chunk) + sizeof(Chunk) + kept++ * kWordBytes, &word, kWordBytes);
      }
      at(chunk)->count = kept;
      append(chunk, free_chunk);
      chunk = next;
    }
  }
  // Everything of `other`, which is empty then.
  template <typename FreeChunk>
  void take_all(RetiredList& other, FreeChunk free_chunk) noexcept {
    if (first_ == nullptr) return std::swap(*this, other);
    Block* chunk = std::exchange(other.first_, nullptr);
    other.last_ = nullptr;
    while (chunk != nullptr) {
      Block* const next = at(chunk)->next;
      append(chunk, free_chunk);
      chunk = next;
    }
  }
  template <typename FreeChunk>
  void clear(FreeChunk free_chunk) noexcept {
    filter([](Block*, bool) { return true; }, free_chunk);
  }

 private:
  struct Chunk {
    Block* next;
    size_t count;
  };
  static_assert(sizeof(Chunk) == 2 * kWordBytes);

  static Chunk* at(Block* chunk) { return std::launder(reinterpret_cast<Chunk*>(payload(chunk))); }
  static size_t capacity(const Block* chunk) { return payload_words(chunk) - 2; }
  static uintptr_t word_at(const Block* chunk, size_t index) {
    uintptr_t word;
    std::memcpy(&word, payload(chunk) + sizeof(Chunk) + index * kWordBytes, kWordBytes);
    return word;
  }
  // The words of a chunk move into the last one where they fit, so that chunks stay about as full as they were made.
  template <typename FreeChunk>
  void append(Block* chunk, FreeChunk& free_chunk) noexcept {
    const size_t count = at(chunk)->count;
    if (count != 0 && !has_room(count)) return add_kept(chunk, count);
    if (count != 0) {
      std::memcpy(payload(last_) + sizeof(Chunk) + at(last_)->count * kWordBytes, payload(chunk) + sizeof(Chunk),
                  count * kWordBytes);
      at(last_)->count += count;
    }
    free_chunk(chunk);
  }
  void add_kept(Block* chunk, size_t count) {
    add_chunk(chunk);
    at(chunk)->count = count;
  }

  Block* first_ = nullptr;
  Block* last_ = nullptr;
};

// What a version retired: a few blocks in place, which is all that most versions have, and more in chunks.
class Retired {
 public:
  bool empty() const { return few_count_ == 0 && more_.empty(); }
  bool has_room(size_t count) const { return few_count_ + count <= kFew || more_.has_room(count); }
  void add_chunk(Block* chunk) { more_.add_chunk(chunk); }
  void push(Block* block, bool is_box) noexcept {
    if (few_count_ == kFew) return more_.push(block, is_box);
    few_[few_count_++] = reinterpret_cast<uintptr_t>(block) | uintptr_t{is_box};
  }
  // Takes out those in place.
  template <typename Function>
  void take_few(Function function) noexcept {
    for (uint32_t index = 0; index < few_count_; ++index)
      function(reinterpret_cast<Block*>(few_[index] & ~uintptr_t{1}), (few_[index] & 1) != 0);
    few_count_ = 0;
  }
  // Takes out what `dies(block, is_box)` says; empty chunks go to `free_chunk`.
  template <typename Dies, typename FreeChunk>
  void filter(Dies dies, FreeChunk free_chunk) noexcept {
    uint32_t kept = 0;
    for (uint32_t index = 0; index < few_count_; ++index) {
      const uintptr_t word = few_[index];
      if (!dies(reinterpret_cast<Block*>(word & ~uintptr_t{1}), (word & 1) != 0)) few_[kept++] = word;
    }
    few_count_ = kept;
    if (!more_.empty()) more_.filter(dies, free_chunk);
  }
  // Everything of `other`, which is empty then; for its few has_room() must hold.
  template <typename FreeChunk>
  void take_all(Retired& other, FreeChunk free_chunk) noexcept {
    other.take_few([this](Block* block, bool is_box) { push(block, is_box); });
    take_all(other.more_, free_chunk);
  }
  template <typename FreeChunk>
  void take_all(RetiredList& other, FreeChunk free_chunk) noexcept {
    if (!other.empty()) more_.take_all(other, free_chunk);
  }
  template <typename FreeChunk>
  void clear(FreeChunk free_chunk) noexcept {
    few_count_ = 0;
    if (!more_.empty()) more_.clear(free_chunk);
  }
  uint32_t few_count() const { return few_count_; }

 private:
  static constexpr uint32_t kFew = 7;
  uint32_t few_count_ = 0;
  std::array<uintptr_t, kFew> few_;
  RetiredList more_;
};

// A node of the tree. `handles` counts maps and transients on any thread; a version that is being written has one, and may hold one of its parent until
// it is registered. `root` and `staged` belong to the writer while there is one, and so does everything before the version is registered; all else to the
// lease holder.
struct Version {
  explicit Version(uint64_t stamp, Version* made_from)
      : birth(birth_of(stamp)), floor_(made_from == nullptr ? 0 : made_from->stamp()), parent(made_from) {}
  std::atomic<uint32_t> handles{1};
  uint32_t child_count = 0;
  bool registered = false;
  bool dead = false;
  bool holds_parent = false;  // until it is registered
  const uint64_t birth;       // what stands in the heads of its blocks
  // The stamp of the parent. Read by a writer without the lease, too: it only sinks, and an old one is too careful, not wrong.
  std::atomic<uint64_t> floor_;
  Version* parent;
  uintptr_t children_xor = 0;  // of the children's addresses: of a single child its address
  Node root{};                 // as it was when the last writer was done
  Retired retired;
  RetiredList staged;          // what a writer without the lease retired, until it is done
  uint64_t staged_top = 0;     // the highest stamp in there
  uintptr_t next_written = 0;  // in the stack of Family::state_
  uintptr_t next_dead = 0;

  uint64_t stamp() const { return birth >> kStampShift; }
  uint64_t floor() const { return floor_.load(std::memory_order_relaxed); }
  void set_parent(Version* version) {
    parent = version;
    floor_.store(version == nullptr ? 0 : version->stamp(), std::memory_order_relaxed);
  }
  void add_child(Version* child) {
    ++child_count;
    children_xor ^= reinterpret_cast<uintptr_t>(child);
  }
  void remove_child(Version* child) {
    --child_count;
    children_xor ^= reinterpret_cast<uintptr_t>(child);
  }
  Version* only_child() const { return reinterpret_cast<Version*>(children_xor); }
};

template <typename Slots>
class Family {
 public:
  using ArenaT =
      Arena<std::max<uint32_t>(Layout<Slots>::kTableWordsMax, (sizeof(Version) + kWordBytes - 1) / kWordBytes)>;

  // With its first, empty version, the caller's. Throws what the source throws.
  static std::pair<Family*, Version*> create(const memory_options& options) {
    void* const memory = options.source->allocate(sizeof(Family), alignof(Family));
    Family* const family = new (memory) Family(options);
    try {
      Version* const version = family->make_version(nullptr, true);
      family->settle(version);
      return {family, version};
    } catch (...) {
      family->destroy();
      throw;
    }
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  ArenaT& arena() { return arena_; }
  size_t reserved_bytes() const { return sizeof(Family) + arena_.reserved_bytes(); }

  // --- the lease ---

  // Never waits. Nothing is on the stack while nobody has the lease.
  bool try_lease() noexcept {
    uintptr_t idle = 0;
    return state_.load(std::memory_order_relaxed) == idle && exchange_state(idle, kLeased);
  }
  // By who has a handle.
  void give_lease() noexcept {
    uintptr_t leased = kLeased;
    if (!exchange_state(leased, 0)) end_lease_slowly();
  }
  // The family may be gone afterwards.
  void end_lease() noexcept {
    uintptr_t leased = kLeased;
    if (version_count_ == 0 || !exchange_state(leased, 0)) end_lease_slowly();
  }

  // --- versions ---

  // A child of `parent`, with one handle, the caller's. Throws what the source throws.
  Version* make_version(Version* parent, bool leased) {
    constexpr size_t kWords = (sizeof(Version) + kWordBytes - 1) / kWordBytes;
    Block* const block = arena_.allocate(kWords, birth_of(1), leased);
    return new (payload(block)) Version(next_stamp(), parent);
  }
  // A writer is done with the version: it enters the tree, now or when the holder of the lease comes round to it.
  void announce(Version* version, bool leased) noexcept {
    if (leased) return settle(version);
    announce_without_lease(version);
  }
  // Gives up a handle.
  void leave(Version* version) noexcept {
    if (!decrement(version->handles)) return;
    if (!try_lease() && !lease_or_push(version, kDead)) return;
    bury(version);
    end_lease();
  }

  // --- blocks ---

  // Of a version above whose floor the block was born, or that nobody sees yet.
  void free_box(Block* box) noexcept {
    if constexpr (Slots::kBoxed) {
      Slots::entry_in(box).~Entry();
      arena_.free(box, Slots::kAlignment);
    }
  }

 private:
  using Entry = typename Slots::EntryType;
  using Tables = Layout<Slots>;
  static constexpr bool kTrivialDrop = !Slots::kBoxed || std::is_trivially_destructible_v<Entry>;

  // The state: 0 when idle; kLeased, and above it the top of the stack: the address of a version with kWritten or kDead.
  static constexpr uintptr_t kLeased = 1;
  static constexpr uintptr_t kWritten = 2;
  static constexpr uintptr_t kDead = 4;
  static constexpr uintptr_t kTags = kLeased | kWritten | kDead;

  explicit Family(const memory_options& options) : arena_(options) {}
  ~Family() = default;
  void destroy() noexcept {
    std::pmr::memory_resource* const source = arena_.source();
    this->~Family();
    source->deallocate(this, sizeof(Family), alignof(Family));
  }

  uint64_t next_stamp() noexcept {
    if (!single_threaded()) return stamps_.fetch_add(1, std::memory_order_relaxed) + 1;
    const uint64_t stamp = stamps_.load(std::memory_order_relaxed) + 1;
    stamps_.store(stamp, std::memory_order_relaxed);
    return stamp;
  }

  bool exchange_state(uintptr_t& expected, uintptr_t wanted) noexcept {
    if (!single_threaded())
      return state_.compare_exchange_strong(expected, wanted, std::memory_order_acq_rel, std::memory_order_relaxed);
    const uintptr_t now = state_.load(std::memory_order_relaxed);
    if (now != expected) {
      expected = now;
      return false;
    }
    state_.store(wanted, std::memory_order_relaxed);
    return true;
  }
  // True: the caller has the lease now. False: the holder will see the word and do it; the family may be gone already.
  [[gnu::noinline]] bool lease_or_push(Version* version, uintptr_t kind) noexcept {
    uintptr_t state = state_.load(std::memory_order_relaxed);
    for (;;) {
      if (state == 0) {
        if (exchange_state(state, kLeased)) return true;
        continue;
      }
      (kind == kWritten ? version->next_written : version->next_dead) = state & ~kLeased;
      if (exchange_state(state, reinterpret_cast<uintptr_t>(version) | kind | kLeased)) return false;
    }
  }
  static Version* version_of(uintptr_t word) { return reinterpret_cast<Version*>(word & ~kTags); }
  static uintptr_t& next_of_word(uintptr_t word) {
    return (word & kWritten) != 0 ? version_of(word)->next_written : version_of(word)->next_dead;
  }
  [[gnu::noinline]] void end_lease_slowly() noexcept {
    for (;;) {
      if (version_count_ == 0) return destroy();
      uintptr_t leased = kLeased;
      if (exchange_state(leased, 0)) return;
      drain();
    }
  }
  // First the written ones in the order in which they came, a parent before its children; then the dead, which were written before.
  void drain() noexcept {
    uintptr_t word = state_.exchange(kLeased, std::memory_order_acq_rel) & ~kLeased;
    uintptr_t written = 0;
    uintptr_t dead = 0;
    while (word != 0) {
      const uintptr_t next = next_of_word(word);
      uintptr_t& list = (word & kWritten) != 0 ? written : dead;
      next_of_word(word) = list;
      list = word;
      word = next;
    }
    while (written != 0) settle(version_of(std::exchange(written, next_of_word(written))));
    while (dead != 0) bury(version_of(std::exchange(dead, next_of_word(dead))));
  }

  [[gnu::noinline]] void announce_without_lease(Version* version) noexcept {
    if (!lease_or_push(version, kWritten)) return;
    settle(version);
    end_lease();
  }

  // Into the tree with it, if it is new (the handle of the parent is given up), and what its writer retired to the rest.
  void settle(Version* version) noexcept {
    if (!version->registered) enter(version);
    if (!version->staged.empty()) join_staged(version);
  }
  [[gnu::noinline]] void join_staged(Version* version) noexcept {
    if (version->staged_top > version->floor()) free_above(version->staged, version->floor());
    version->staged_top = 0;
    version->retired.take_all(version->staged, [this](Block* chunk) { arena_.free(chunk); });
  }
  void enter(Version* version) noexcept {
    version->registered = true;
    ++version_count_;
    if (version->parent == nullptr) return;
    version->parent->add_child(version);
    if (std::exchange(version->holds_parent, false) && decrement(version->parent->handles)) bury(version->parent);
  }

  // The last handle is gone.
  void bury(Version* version) noexcept {
    version->dead = true;
    if (version->child_count == 1) return replace_by_child(version);
    while (version != nullptr && version->dead && version->child_count == 0) version = remove_leaf(version);
    if (version != nullptr && version->dead && version->child_count == 1) replace_by_child(version);
  }
  // Without the memory to join their lists the dead version stays until its child goes.
  void replace_by_child(Version* version) noexcept {
    Version* const child = version->only_child();
    Version* const parent = version->parent;
    if (parent == nullptr) {
      free_all(child->retired);
      free_all(version->retired);  // no blocks, but perhaps a chunk that was to have some
    } else {
      if (!inherit(version->retired, child->retired, version->floor())) return;
      parent->remove_child(version);
      parent->add_child(child);
    }
    child->set_parent(parent);
    free_version(version);
  }
  // What the child of a dead version retired dies if it is younger than all that live; the rest joins what the dead one kept, and the child gets the
  // whole. That may be long, what the child adds is short.
  bool inherit(Retired& dead, Retired& child, uint64_t floor) noexcept {
    if (!dead.has_room(child.few_count()) && !add_chunk(dead)) return false;
    child.take_few([&](Block* block, bool is_box) {
      if (stamp_of(block) <= floor) return dead.push(block, is_box);
      free_block(block, is_box);
    });
    if (!child.empty()) inherit_more(dead, child, floor);
    child = dead;
    return true;
  }
  [[gnu::noinline]] void inherit_more(Retired& dead, Retired& child, uint64_t floor) noexcept {
    free_above(child, floor);
    dead.take_all(child, [this](Block* chunk) { arena_.free(chunk); });
  }
  [[gnu::noinline]] bool add_chunk(Retired& list) noexcept {
    constexpr size_t kBlocks = 48;
    try {
      list.add_chunk(arena_.allocate(RetiredList::chunk_words(kBlocks), birth_of(1), true));
      return true;
    } catch (...) {
      return false;
    }
  }
  [[gnu::noinline]] Version* remove_leaf(Version* version) noexcept {
    // The last version of a family whose blocks hold nothing to destroy: the chunks go as a whole, unvisited.
    const bool skip_walk = kTrivialDrop && version_count_ == 1 && !arena_.has_direct_blocks();
    if (!skip_walk) free_below(version->root, version->floor());
    version->retired.clear([this](Block* chunk) { arena_.free(chunk); });
    Version* const parent = version->parent;
    if (parent != nullptr) parent->remove_child(version);
    free_version(version);
    return parent;
  }
  // Every block below `node` that was born above the floor.
  void free_below(const Node& node, uint64_t floor) noexcept {
    if (node.table == nullptr || stamp_of(node.table) <= floor) return;
    visit_items<Tables>(
        node,
        [&]([[maybe_unused]] const auto& slot) {
          if constexpr (Slots::kBoxed) {
            if (stamp_of(slot.box) > floor) free_box(slot.box);
          }
        },
        [&](const Node& child) { free_below(child, floor); });
    arena_.free(node.table);
  }
  void free_block(Block* block, bool is_box) noexcept {
    if (Slots::kBoxed && is_box) return free_box(block);
    arena_.free(block);
  }
  // What the first of all versions left behind is of no use to any other.
  void free_all(Retired& list) noexcept {
    list.take_few([this](Block* block, bool is_box) { free_block(block, is_box); });
    if (!list.empty()) free_above(list, 0);
  }
  template <typename List>
  [[gnu::noinline]] void free_above(List& list, uint64_t floor) noexcept {
    list.filter(
        [&](Block* block, bool is_box) {
          const bool dies = stamp_of(block) > floor;
          if (dies) free_block(block, is_box);
          return dies;
        },
        [this](Block* chunk) { arena_.free(chunk); });
  }
  void free_version(Version* version) noexcept {
    --version_count_;
    version->~Version();
    arena_.free(reinterpret_cast<Block*>(version) - 1);
  }

  ArenaT arena_;
  size_t version_count_ = 0;  // in the tree; the lease holder's
  std::atomic<uint64_t> stamps_{0};
  alignas(64) std::atomic<uintptr_t> state_{0};
};

}  // namespace hamt::detail
