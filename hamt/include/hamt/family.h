#pragma once

// The versions of one family and what each of them keeps alive. Not a door: include hamt/map.h or hamt/set.h.
//
// Versions form a tree: a version's parent is the one it was made from. Tables carry no reference counts. Each bears the *stamp* of the version it was
// born in, and a version lists what it *retired*: the blocks of its parent that it no longer reaches. Stamps grow from parent to child, hence:
//   - What a version reaches and its parent does not was born after the parent: a writer may change, and free, any table whose stamp is above that of
//     the parent of the version being written. All of that version's own tables are above it, so one comparison tells (Version::own_since).
//   - When the last handle of a version goes and it has one child, the child takes its place: what the child retired and was the dead
//     version's own dies, the rest joins what the dead one retired, and the child's parent is now the dead one's.
//   - When it has no child, every block of its own dies, found by a walk that stops at older tables; then its parent is looked at again.
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
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace hamt {

// What becomes of the tables that a version leaves behind: the last parameter of map and set.
//
// They are freed as soon as no version reaches them. Versions may be used, made and dropped on any thread.
struct reclaim {
  static constexpr bool kReclaims = true;
};
// They stay until the last version of the family goes, then all memory goes at once, unvisited. For batch jobs that keep most of their versions anyway, or
// are short: nothing is noted down when a version is made, nor looked for when it is dropped. What one version makes and drops again in place (a
// transient, an rvalue) is still used again. Entries must be trivially destructible, and only one thread at a time may make versions of a family (readers
// may be many, and any thread may drop one): a second one at the same time gets a std::logic_error as soon as it needs memory.
struct never_reclaim {
  static constexpr bool kReclaims = false;
};

namespace detail {

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

// A block that waits for the end of older versions; of a boxed entry the lowest bit is set.
inline uintptr_t retired_word(Block* block, bool is_box) {
  return reinterpret_cast<uintptr_t>(block) | uintptr_t{is_box};
}
inline Block* retired_block(uintptr_t word) { return reinterpret_cast<Block*>(word & ~uintptr_t{1}); }
inline bool is_retired_box(uintptr_t word) { return (word & 1) != 0; }

// Room for retired blocks. What is written behind `end` counts once `count` is raised.
struct RetiredRoom {
  uintptr_t* end;
  size_t* count;
};

// Retired blocks in chunks that are blocks themselves.
class RetiredList {
 public:
  bool empty() const { return first_ == nullptr; }
  bool has_room(size_t count) const { return last_ != nullptr && capacity(last_) - at(last_)->count >= count; }
  RetiredRoom room() {
    Chunk* const chunk = at(last_);
    return {reinterpret_cast<uintptr_t*>(chunk + 1) + chunk->count, &chunk->count};
  }
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

  void push(uintptr_t word) noexcept {
    Chunk* const chunk = at(last_);
    std::memcpy(payload(last_) + sizeof(Chunk) + chunk->count++ * kWordBytes, &word, kWordBytes);
  }

  // Takes out what `dies(word)` says; empty chunks go to `free_chunk`.
  template <typename Dies, typename FreeChunk>
  void filter(Dies dies, FreeChunk free_chunk) noexcept {
    Block* chunk = std::exchange(first_, nullptr);
    last_ = nullptr;
    while (chunk != nullptr) {
      Block* const next = at(chunk)->next;
      size_t kept = 0;
      for (size_t index = 0, count = at(chunk)->count; index < count; ++index) {
        const uintptr_t word = word_at(chunk, index);
        if (dies(word)) continue;
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
    filter([](uintptr_t) { return true; }, free_chunk);
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
  bool few_have_room(size_t count) const { return few_count_ + count <= kFew; }
  RetiredRoom few_room() { return {few_.data() + few_count_, &few_count_}; }
  // Takes out those in place.
  template <typename Function>
  void take_few(Function function) noexcept {
    for (size_t index = 0, count = few_count_; index < count; ++index) function(few_[index]);
    few_count_ = 0;
  }
  size_t few_count() const { return few_count_; }
  RetiredList& more() { return more_; }
  template <typename FreeChunk>
  void clear(FreeChunk free_chunk) noexcept {
    few_count_ = 0;
    if (!more_.empty()) more_.clear(free_chunk);
  }

 private:
  static constexpr size_t kFew = 7;
  size_t few_count_ = 0;
  std::array<uintptr_t, kFew> few_;
  RetiredList more_;
};

// A node of the tree. `handles` counts maps and transients on any thread; a version that is being written has one, and until it is registered it holds
// one of its parent. `root` and `staged` belong to the writer while there is one, and so does everything before the version is registered; all else to the
// lease holder.
struct Version {
  explicit Version(uint64_t stamp, Version* made_from)
      : birth(birth_of(stamp)), own_since_value(own_since_of(made_from)), parent(made_from) {}
  std::atomic<uint32_t> handles{1};
  uint32_t child_count = 0;
  bool registered = false;
  bool dead = false;
  const uint64_t birth;  // what stands in the heads of its blocks
  // See own_since(). Read by a writer without the lease, too: it only sinks, and an old one is too careful, not wrong. Who reads a new one writes where
  // readers of the dead parent read before: hence release and acquire.
  std::atomic<uint64_t> own_since_value;
  Version* parent;
  uintptr_t children_xor = 0;  // of the children's addresses: of a single child its address
  StoredNode root;             // as it was when the last writer was done
  Retired retired;
  RetiredList staged;       // what a writer without the lease retired, until it is done
  uint64_t staged_top = 0;  // the highest head in there
  uintptr_t next_written;   // in the stack of Family::state_
  uintptr_t next_dead;

  // Blocks born since are the version's own: their stamps are above that of the parent.
  uint64_t own_since() const { return own_since_value.load(std::memory_order_acquire); }
  static uint64_t own_since_of(const Version* parent) { return parent == nullptr ? 0 : parent->birth + birth_of(1); }
  void set_parent(Version* version) {
    parent = version;
    own_since_value.store(own_since_of(version), std::memory_order_release);
  }
  void add_child(Version* child) {
    ++child_count;
    children_xor ^= reinterpret_cast<uintptr_t>(child);
  }
  void replace_child(Version* child, Version* by) {
    children_xor ^= reinterpret_cast<uintptr_t>(child) ^ reinterpret_cast<uintptr_t>(by);
  }
  void remove_child(Version* child) {
    --child_count;
    children_xor ^= reinterpret_cast<uintptr_t>(child);
  }
  Version* only_child() const { return reinterpret_cast<Version*>(children_xor); }
};

template <typename Slots>
constexpr bool has_odd_boxes() {
  if constexpr (Slots::kBoxed) return Slots::kWords % 2 != 0;
  return false;
}

template <typename Slots, typename Policy>
class Family {
  static constexpr uint32_t kVersionWords = static_cast<uint32_t>((sizeof(Version) + kWordBytes - 1) / kWordBytes);

 public:
  static constexpr bool kReclaims = Policy::kReclaims;
  static constexpr uint32_t kClassWords = Layout<Slots>::kCompact || has_odd_boxes<Slots>() ? 1 : 2;
  static_assert(Layout<Slots>::kBlockWordsMax % kClassWords == 0 && Layout<Slots>::kBlockWordsMax > kVersionWords);
  using ArenaT = Arena<Layout<Slots>::kBlockWordsMax, kClassWords, !kReclaims>;

  // With its first, empty version, the caller's. Throws what the source throws.
  static std::pair<Family*, Version*> create(const memory_options& options) {
    void* const memory = options.source->allocate(sizeof(Family), alignof(Family));
    Family* const family = new (memory) Family(options);
    try {
      return {family, family->make_version(nullptr, true)};
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
  HAMT_INLINE bool try_lease() noexcept {
    uintptr_t idle = 0;
    if (state_.load(std::memory_order_relaxed) != idle) return false;
    if (!single_threaded()) return exchange_state(idle, kLeased);
    state_.store(kLeased, std::memory_order_relaxed);
    return true;
  }
  // By who has a handle.
  HAMT_INLINE void give_lease() noexcept {
    uintptr_t leased = kLeased;
    if (!exchange_state(leased, 0)) end_lease_slowly();
  }
  // The family may be gone afterwards.
  HAMT_INLINE void end_lease() noexcept {
    uintptr_t leased = kLeased;
    if (version_count_ == 0 || !exchange_state(leased, 0)) end_lease_slowly();
  }

  // --- versions ---

  // A child of `parent`, with one handle, the caller's. With the lease it is in the tree at once. Throws what the source throws.
  HAMT_INLINE Version* make_version(Version* parent, bool leased) {
    void* const memory = leased && spare_ != nullptr ? std::exchange(spare_, nullptr) : version_memory(leased);
    Version* const version = new (memory) Version(next_stamp(), parent);
    if (leased) enter(version);
    return version;
  }
  // A writer is done with the version: it enters the tree, now or when the holder of the lease comes round to it.
  HAMT_INLINE void announce(Version* version, bool leased) noexcept {
    if constexpr (!kReclaims) return;  // nothing is left to do
    if (leased) return settle(version);
    announce_without_lease(version);
  }
  // Gives up a handle, with the lease.
  HAMT_INLINE void drop_handle(Version* version) noexcept {
    if (!decrement(version->handles)) return;
    if constexpr (kReclaims) {
      bury(version);
    } else {
      forget(version);
    }
  }
  // Gives up a handle.
  HAMT_INLINE void leave(Version* version) noexcept {
    if (!decrement(version->handles)) return;
    if constexpr (!kReclaims) return leave_for_good();
    if (!try_lease()) return leave_without_lease(version);
    if (!can_join_child(*version)) return bury_and_end_lease(version);
    join_child(version);
    end_lease();
  }

  // --- blocks ---

  // Of the version's own, or one that nobody sees yet.
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
  static_assert(kReclaims || kTrivialDrop, "never_reclaim does not destroy entries one by one");
  static_assert(kReclaims || Slots::kAlignment <= alignof(std::max_align_t), "never_reclaim has no larger alignment");

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

  HAMT_INLINE uint64_t next_stamp() noexcept {
    if (!single_threaded()) return stamps_.fetch_add(1, std::memory_order_relaxed) + 1;
    const uint64_t stamp = stamps_.load(std::memory_order_relaxed) + 1;
    stamps_.store(stamp, std::memory_order_relaxed);
    return stamp;
  }

  HAMT_INLINE bool exchange_state(uintptr_t& expected, uintptr_t wanted) noexcept {
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

  [[gnu::noinline]] void* version_memory(bool leased) {
    return payload(arena_.allocate(kVersionWords, birth_of(1), leased));
  }

  // Without the lease: who makes a version at this moment shall not take this one for another writer.
  void leave_for_good() noexcept {
    if (living_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }
  // Not the last one.
  void forget(Version* version) noexcept {
    free_version(version);
    living_.fetch_sub(1, std::memory_order_acq_rel);
  }
  [[gnu::noinline]] void leave_without_lease(Version* version) noexcept {
    if (lease_or_push(version, kDead)) bury_and_end_lease(version);
  }
  [[gnu::noinline]] void bury_and_end_lease(Version* version) noexcept {
    bury(version);
    end_lease();
  }

  // Into the tree with it, if it is new (a handle of the parent is given up), and what its writer retired to the rest.
  HAMT_INLINE void settle(Version* version) noexcept {
    if (!version->registered) enter_late(version);
    if (!version->staged.empty()) join_staged(version);
  }
  [[gnu::noinline]] void join_staged(Version* version) noexcept {
    if (version->staged_top >= version->own_since()) free_since(version->staged, version->own_since());
    version->staged_top = 0;
    version->retired.more().take_all(version->staged, [this](Block* chunk) { arena_.free(chunk); });
  }
  HAMT_INLINE void enter(Version* version) noexcept {
    version->registered = true;
    ++version_count_;
    if constexpr (!kReclaims) living_.fetch_add(1, std::memory_order_relaxed);
    if (version->parent != nullptr) version->parent->add_child(version);
  }
  [[gnu::noinline]] void enter_late(Version* version) noexcept {
    enter(version);
    drop_handle(version->parent);
  }

  // The last handle is gone.
  void bury(Version* version) noexcept {
    version->dead = true;
    if (version->child_count == 1) return replace_by_child(version);
    while (version != nullptr && version->dead && version->child_count == 0) version = remove_leaf(version);
    if (version != nullptr && version->dead && version->child_count == 1) replace_by_child(version);
  }
  // How `m = m.set(key, value)` leaves the version before: with a single child that retired no more than a path.
  HAMT_INLINE static bool can_join_child(Version& version) {
    return version.child_count == 1 && version.only_child()->retired.more().empty() && has_room_for_child(version);
  }
  HAMT_INLINE static bool has_room_for_child(Version& version) {
    if (version.parent == nullptr) return true;  // everything dies
    return version.retired.more().has_room(version.retired.few_count() + version.only_child()->retired.few_count());
  }
  // The only child takes the place of a dead version: what it retired dies if it is younger than all that live; the rest joins what the dead one kept,
  // and the child gets the whole. That may be long, what the child adds is short.
  HAMT_INLINE void join_child(Version* version) noexcept {
    Version* const child = version->only_child();
    Version* const parent = version->parent;
    const uint64_t since = version->own_since();
    RetiredList& kept = version->retired.more();
    version->retired.take_few([&](uintptr_t word) { kept.push(word); });
    child->retired.take_few(
        [&](uintptr_t word) { born_since(retired_block(word), since) ? free_retired(word) : kept.push(word); });
    child->retired.more() = kept;
    if (parent != nullptr) parent->replace_child(version, child);
    child->set_parent(parent);
    free_version(version);
  }
  // Without the memory to join their lists the dead version stays until its child goes.
  void replace_by_child(Version* version) noexcept {
    if (!has_room_for_child(*version) && !add_chunk(version->retired.more())) return;
    Version* const child = version->only_child();
    const uint64_t since = version->own_since();
    RetiredList overflow = std::exchange(child->retired.more(), RetiredList());
    join_child(version);
    if (!overflow.empty()) inherit_more(child->retired.more(), overflow, since);
  }
  [[gnu::noinline]] void inherit_more(RetiredList& kept, RetiredList& child, uint64_t since) noexcept {
    free_since(child, since);
    kept.take_all(child, [this](Block* chunk) { arena_.free(chunk); });
  }
  [[gnu::noinline]] bool add_chunk(RetiredList& list) noexcept {
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
    if (!skip_walk) free_below(version->root, version->own_since());
    version->retired.clear([this](Block* chunk) { arena_.free(chunk); });
    Version* const parent = version->parent;
    if (parent != nullptr) parent->remove_child(version);
    free_version(version);
    return parent;
  }
  // Every block below `node` that was born since.
  void free_below(const Node& node, uint64_t since) noexcept {
    if (node.ref == 0 || !born_since(node.block(), since)) return;
    if (Slots::kBoxed || child_bits(node) != 0) {
      visit_items<Tables>(
          node,
          [&]([[maybe_unused]] const auto& slot) {
            if constexpr (Slots::kBoxed) {
              if (born_since(slot.box, since)) free_box(slot.box);
            }
          },
          [&](const Node& child) { free_below(child, since); });
    }
    arena_.free(node.block());
  }
  HAMT_INLINE void free_retired(uintptr_t word) noexcept {
    if (Slots::kBoxed && is_retired_box(word)) return free_box(retired_block(word));
    arena_.free(retired_block(word));
  }
  [[gnu::noinline]] void free_since(RetiredList& list, uint64_t since) noexcept {
    list.filter(
        [&](uintptr_t word) {
          const bool dies = born_since(retired_block(word), since);
          if (dies) free_retired(word);
          return dies;
        },
        [this](Block* chunk) { arena_.free(chunk); });
  }
  HAMT_INLINE void free_version(Version* version) noexcept {
    --version_count_;
    Block* const block = reinterpret_cast<Block*>(version) - 1;
    if (spare_ == nullptr && !is_direct(block)) {
      spare_ = version;
    } else {
      arena_.free(block);
    }
  }

  ArenaT arena_;
  size_t version_count_ = 0;       // in the tree; the lease holder's
  void* spare_ = nullptr;          // memory of a version that died: who makes one version after the other needs no more
  std::atomic<size_t> living_{0};  // versions with a handle, where nothing is reclaimed
  std::atomic<uint64_t> stamps_{0};
  alignas(64) std::atomic<uintptr_t> state_{0};
};

}  // namespace detail
}  // namespace hamt
