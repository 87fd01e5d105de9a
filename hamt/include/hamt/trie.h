#pragma once

// The one trie below map and set: entries found by KeyOf{}(entry). Not a door: include hamt/map.h or hamt/set.h.
//
// A Trie is a handle of a version of a family (family.h). Copies share it. The mutators change the tables that this version alone can reach in place and
// copy the others, so they serve persistent operations (copy the trie, then mutate the copy) and transients alike; the stamps of the tables stand in for
// the owner token of Clojure's transients.
// Every mutator fetches all memory and runs all foreign code (hash, equality, copies) before it changes anything: it succeeds or leaves no trace.

#include <hamt/arena.h>
#include <hamt/family.h>
#include <hamt/hash.h>
#include <hamt/table.h>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace hamt {

// What a map or set looks like inside; see structure().
struct structure_info {
  size_t tables = 0;              // without buckets
  size_t buckets = 0;             // places where whole hashes are equal
  size_t bucket_entries = 0;      // entries there: over size(), the rate of collisions
  size_t depth_max = 0;           // tables from the root to the deepest entry
  double depth_average = 0;       // over entries
  double bitmap_utilisation = 0;  // occupied positions of tables, over all 32 of each
  double bytes_per_entry = 0;     // memory_usage() over size()
};

}  // namespace hamt

namespace hamt::detail {

template <typename Function>
concept Transparent = requires {
  typename Function::is_transparent;
};

template <typename Hash>
concept Avalanching = requires {
  typename Hash::is_avalanching;
};

// Optional: `hash.prefix(key)` gives the upper 32 bits of hash(key) without computing it, where the entry carries them. Only with is_avalanching.
template <typename Hash, typename Key>
concept HasPrefix = Avalanching<Hash> && requires(const Hash& hash, const Key& key) {
  { hash.prefix(key) } -> std::same_as<uint32_t>;
};

enum class Existing : uint8_t { kKeep, kReplace };

template <typename Entry, typename KeyOf, typename Hash, typename Eq>
class Trie {
 public:
  using Slots = SlotsOf<Entry>;
  using Slot = typename Slots::Slot;
  using Tables = Layout<Slot>;
  using Key = std::remove_cvref_t<decltype(KeyOf{}(std::declval<const Entry&>()))>;
  class iterator;

  Trie() = default;
  Trie(Hash hash, Eq eq) : hash_(std::move(hash)), eq_(std::move(eq)) {}
  Trie(Hash hash, Eq eq, const memory_options& memory) : hash_(std::move(hash)), eq_(std::move(eq)) {
    std::tie(family_, version_) = FamilyT::create(memory);
  }

  // Of a trie that is not being edited.
  Trie(const Trie& other)
      : hash_(other.hash_),
        eq_(other.eq_),
        family_(other.family_),
        version_(other.version_),
        root_(other.root_),
        size_(other.size_) {
    if (version_ != nullptr) increment(version_->handles);
  }
  Trie(Trie&& other) noexcept(std::is_nothrow_copy_constructible_v<Hash>&& std::is_nothrow_copy_constructible_v<Eq>)
      : hash_(other.hash_),  // NOLINT(performance-move-constructor-init): the emptied one must stay usable
        eq_(other.eq_),
        family_(std::exchange(other.family_, nullptr)),
        version_(std::exchange(other.version_, nullptr)),
        root_(std::exchange(other.root_, Child{})),
        size_(std::exchange(other.size_, 0)),
        floor_(other.floor_),
        editing_(std::exchange(other.editing_, false)),
        leased_(std::exchange(other.leased_, false)) {}
  Trie& operator=(Trie other) noexcept(std::is_nothrow_swappable_v<Hash>&& std::is_nothrow_swappable_v<Eq>) {
    swap(other);
    return *this;
  }
  ~Trie() {
    if (family_ == nullptr) return;
    if (editing_) publish();
    family_->leave(version_, leased_);
  }
  void swap(Trie& other) noexcept(std::is_nothrow_swappable_v<Hash>&& std::is_nothrow_swappable_v<Eq>) {
    using std::swap;
    swap(hash_, other.hash_);
    swap(eq_, other.eq_);
    swap(family_, other.family_);
    swap(version_, other.version_);
    swap(root_, other.root_);
    swap(size_, other.size_);
    swap(floor_, other.floor_);
    swap(editing_, other.editing_);
    swap(leased_, other.leased_);
  }

  size_t size() const { return size_; }
  const Hash& hash_function() const { return hash_; }
  const Eq& key_eq() const { return eq_; }
  bool shares_root_with(const Trie& other) const { return root_.table == other.root_.table; }

  template <typename Q>
  const Entry* find(const Q& key) const {
    const uint64_t hash = hash_of(key);
    return find_below(root_, key, hash, hash);
  }

  // Calls found(index, entry or nullptr) for every key. Many lookups at once: while the cache line that one waits for is on its way, others go on.
  // Below kBatchSizeMin entries the trie lies in the caches, and one after the other is faster.
  template <typename Q, typename Found>
  void find_batch(std::span<const Q> keys, Found found) const {
    constexpr size_t kLanes = 16;
    constexpr size_t kBatchSizeMin = size_t{1} << 16;
    if (size_ < kBatchSizeMin) {
      for (size_t index = 0; index < keys.size(); ++index) found(index, find(keys[index]));
      return;
    }
    for (size_t first = 0; first < keys.size(); first += kLanes)
      find_lanes<kLanes>(keys.subspan(first, std::min(kLanes, keys.size() - first)), first, found);
  }

  // Adds make(nullptr), or, where the key is there, replaces its entry by make(&entry) or keeps it. True if the size grew.
  // `make` returns an Entry whose key equals `key`.
  template <typename Q, typename Make>
  bool put(const Q& key, Existing existing, Make&& make) {
    const uint64_t hash = hash_of(key);
    if (root_.table == nullptr) return put_first(hash, make);
    Path path = locate(key, hash);
    if (path.match != nullptr) {
      if (existing == Existing::kReplace) replace(path, hash, make);
      return false;
    }
    begin_edit();
    find_exclusive(path);
    NewSlot fresh(*this, hash, make, nullptr);
    switch (path.site) {
      case Site::kVacant: add_entry(path, fresh.slot); break;
      case Site::kForeignEntry: split_entry(path, hash, fresh.slot); break;
      case Site::kForeignBucket: split_bucket(path, hash, fresh.slot); break;
    }
    fresh.armed = false;
    ++size_;
    return true;
  }

  // True if the key was there.
  template <typename Q>
  bool erase(const Q& key) {
    if (root_.table == nullptr) return false;
    Path path = locate(key, hash_of(key));
    if (path.match == nullptr) return false;
    begin_edit();
    find_exclusive(path);
    const Slot removed = *path.match;
    reserve_retired(path);
    const Child& at = *path.last().ref;
    if (size_ == 1) {
      dispose(std::exchange(root_, Child{}).table);
    } else if (const Slot* slot = sole_entry_without(at, path)) {
      collapse(path, ChangeT{.before = Item::kChild, .after = Item::kEntry, .slot = slot});
    } else if (const Child* bucket = sole_bucket_without(at, path)) {
      collapse(path, ChangeT{.before = Item::kChild, .after = Item::kChild, .child = bucket});
    } else {
      apply(path, path.depth,
            ChangeT{.before = Item::kEntry,
                    .after = Item::kNothing,
                    .bit = path.last().bit,
                    .bucket_index = path.bucket_index});
    }
    dispose_slot(removed);
    --size_;
    return true;
  }

  // After each change: others may have the lease.
  void end_operation() noexcept {
    if (std::exchange(leased_, false)) family_->end_lease();
  }
  // After the last change, too: the version can be copied now.
  void end_edit() noexcept {
    if (editing_) publish();
    end_operation();
  }

  template <typename Function>
  void for_each(Function&& function) const {
    for_each_below(root_, function);
  }
  iterator begin() const { return iterator(root_); }
  iterator end() const { return iterator(); }

  template <typename Same>
  bool equals(const Trie& other, const Same& same) const;
  template <typename Same, typename Visitor>
  void diff(const Trie& after, const Same& same, Visitor& visitor) const;

  std::string validate() const;
  size_t memory_usage() const { return root_.table == nullptr ? 0 : memory_below(root_); }
  structure_info structure() const;
  size_t memory_reserved() const { return family_ == nullptr ? 0 : family_->reserved_bytes(); }

 private:
  using ChangeT = Change<Slot>;
  using FamilyT = Family<Slots>;

  enum class Site : uint8_t { kVacant, kForeignEntry, kForeignBucket };
  struct Step {
    Child* ref;    // in the parent table or root_; written only where the parent is exclusive
    uint32_t bit;  // position in the table of `ref`
  };
  // The way to where a key is or would be.
  struct Path {
    std::array<Step, kTableLevels + 1> steps;
    unsigned depth = 0;      // of the last step
    unsigned exclusive = 0;  // see find_exclusive
    Site site = Site::kVacant;
    uint32_t bucket_index = 0;
    uint64_t resident_hash = 0;   // of the foreign entry or bucket
    const Slot* match = nullptr;  // the entry with this key
    const Slot* foreign = nullptr;
    Step& last() { return steps[depth]; }
  };

  // A slot that dies with its scope unless a table took it over.
  struct NewSlot {
    template <typename Make>
    NewSlot(Trie& owner, uint64_t hash, Make&& make, const Entry* existing)
        : trie(owner), slot(owner.make_slot(hash, make, existing)) {}
    NewSlot(const NewSlot&) = delete;
    NewSlot& operator=(const NewSlot&) = delete;
    ~NewSlot() {
      if (armed) trie.dispose_slot(slot);
    }
    Trie& trie;
    Slot slot;
    bool armed = true;
  };

  // Hashing and comparing.
  template <typename Q>
  uint64_t hash_of(const Q& key) const {
    const uint64_t hash = static_cast<uint64_t>(hash_(key));
    if constexpr (Avalanching<Hash>) {
      return hash;
    } else {
      return mix(hash);
    }
  }
  static const Entry& entry_of(const Slot& slot) { return Slots::entry_of(slot); }
  static decltype(auto) key_of(const Slot& slot) { return KeyOf{}(Slots::entry_of(slot)); }

  // The hash of a resident entry, exact at least up to the first bit in which it differs from `other`.
  uint64_t resident_hash(const Slot& slot, uint64_t other) const {
    if constexpr (Slots::kBoxed) {
      return slot.hash;
    } else if constexpr (HasPrefix<Hash, Key>) {
      const uint64_t prefix = static_cast<uint64_t>(hash_.prefix(key_of(slot))) << 32;
      // Six whole chunks lie in the prefix; a fork below them needs the rest.
      return ((prefix ^ other) >> (64 - 6 * kChunkBits)) != 0 ? prefix : hash_of(key_of(slot));
    } else {
      return hash_of(key_of(slot));
    }
  }

  template <typename Q>
  bool matches(const Slot& slot, const Q& key, uint64_t hash) const {
    if constexpr (Slots::kBoxed) {
      return slot.hash == hash && eq_(key_of(slot), key);
    } else {
      return eq_(key_of(slot), key);
    }
  }

  // `rest` is the hash shifted past the levels above `from`.
  template <typename Q>
  const Entry* find_below(const Child& from, const Q& key, uint64_t hash, uint64_t rest) const {
    const Child* ref = &from;
    for (;; rest <<= kChunkBits) {
      if (ref->all == 0) return find_in_bucket(*ref, key, hash);
      const uint32_t bit = top_bit(rest);
      if ((ref->all & bit) == 0) return nullptr;
      if ((ref->nodes & bit) == 0) {
        const Slot& slot = *Tables::entry_at(*ref, bit);
        return matches(slot, key, hash) ? &entry_of(slot) : nullptr;
      }
      ref = Tables::children(*ref) + rank(ref->nodes, bit);
    }
  }
  template <typename Q>
  const Entry* find_in_bucket(const Child& bucket, const Q& key, uint64_t hash) const {
    if (bucket.table == nullptr) return nullptr;
    const Slot* const slots = Tables::entries(bucket);
    for (uint32_t index = 0; index < bucket.nodes; ++index) {
      if (matches(slots[index], key, hash)) return &entry_of(slots[index]);
    }
    return nullptr;
  }

  // One lookup of a batch, on its way down. `slot` is where it ended; nullptr where that is no entry.
  struct Lane {
    const Child* ref;
    uint64_t hash;
    uint64_t rest;
    const Slot* slot;
  };
  // One level of one lane, and the call for the cache line that the next step needs. False when there is nothing below.
  static bool descend(Lane& lane) {
    const Child& at = *lane.ref;
    const uint32_t bit = top_bit(lane.rest);
    if (is_bucket(at) || (at.all & bit) == 0) return false;
    if ((at.nodes & bit) == 0) {
      lane.slot = Tables::entry_at(at, bit);
      __builtin_prefetch(lane.slot);
      return false;
    }
    lane.ref = Tables::children(at) + rank(at.nodes, bit);
    __builtin_prefetch(lane.ref);
    lane.rest <<= kChunkBits;
    return true;
  }
  template <size_t kLanes, typename Q, typename Found>
  void find_lanes(std::span<const Q> keys, size_t first, Found& found) const {
    std::array<Lane, kLanes> lanes;
    std::array<uint8_t, kLanes> active;
    for (size_t lane = 0; lane < keys.size(); ++lane) {
      const uint64_t hash = hash_of(keys[lane]);
      lanes[lane] = {&root_, hash, hash, nullptr};
      active[lane] = static_cast<uint8_t>(lane);
    }
    for (size_t active_count = keys.size(); active_count > 0;) {
      size_t left = 0;
      for (size_t place = 0; place < active_count; ++place) {
        active[left] = active[place];
        if (descend(lanes[active[place]])) ++left;
      }
      active_count = left;
    }
    if constexpr (Slots::kBoxed) {
      for (size_t lane = 0; lane < keys.size(); ++lane) {
        if (lanes[lane].slot != nullptr) __builtin_prefetch(&entry_of(*lanes[lane].slot));
      }
    }
    for (size_t lane = 0; lane < keys.size(); ++lane) found(first + lane, result_of(lanes[lane], keys[lane]));
  }
  template <typename Q>
  const Entry* result_of(const Lane& lane, const Q& key) const {
    if (lane.slot != nullptr) return matches(*lane.slot, key, lane.hash) ? &entry_of(*lane.slot) : nullptr;
    return is_bucket(*lane.ref) ? find_in_bucket(*lane.ref, key, lane.hash) : nullptr;
  }

  template <typename Q>
  Path locate(const Q& key, uint64_t hash) {
    Path path;
    Child* ref = &root_;
    for (uint64_t rest = hash;; rest <<= kChunkBits) {
      Step& step = path.last();
      step = {ref, 0};
      if (is_bucket(*ref)) {
        locate_in_bucket(path, key, hash);
        return path;
      }
      const uint32_t bit = top_bit(rest);
      step.bit = bit;
      if ((ref->all & bit) == 0) return path;
      if ((ref->nodes & bit) == 0) {
        locate_at_entry(path, *Tables::entry_at(*ref, bit), key, hash);
        return path;
      }
      ref = Tables::children(*ref) + rank(ref->nodes, bit);
      ++path.depth;
    }
  }
  template <typename Q>
  void locate_at_entry(Path& path, const Slot& slot, const Q& key, uint64_t hash) const {
    if (matches(slot, key, hash)) {
      path.match = &slot;
      return;
    }
    path.site = Site::kForeignEntry;
    path.foreign = &slot;
  }
  template <typename Q>
  void locate_in_bucket(Path& path, const Q& key, uint64_t hash) const {
    const Child& bucket = *path.last().ref;
    const Slot* const slots = Tables::entries(bucket);
    path.resident_hash = resident_hash(slots[0], hash);
    if (path.resident_hash != hash) {
      path.site = Site::kForeignBucket;
      return;
    }
    path.bucket_index = bucket.nodes;  // where one more would go
    for (uint32_t index = 0; index < bucket.nodes; ++index) {
      if (!matches(slots[index], key, hash)) continue;
      path.bucket_index = index;
      path.match = &slots[index];
      return;
    }
  }

  // Editing. Before each change: takes the family's lease if it is free, and makes this trie the writer of a version of its own.
  void begin_edit() {
    if (family_ == nullptr) std::tie(family_, version_) = FamilyT::create(memory_options{});
    if (!leased_) leased_ = family_->try_lease();
    if (!editing_) open_version();
    // A registered version may be given another parent meanwhile, by who has the lease. Its floor only sinks: an old one is too careful, not wrong.
    if (leased_ || !version_->registered) floor_ = version_->floor();
  }
  void open_version() {
    // A version that nobody else has a handle of, nor made another from, is written on.
    const bool writes_on =
        leased_ && version_->handles.load(std::memory_order_acquire) == 1 && version_->child_count == 0;
    if (!writes_on) version_ = family_->make_version(version_, leased_);
    editing_ = true;
  }
  void publish() noexcept {
    editing_ = false;
    version_->root = root_;
    family_->announce(version_, leased_);
  }
  // Tables [0, exclusive) of the path can be reached by this version alone. What lies above such a table does so too.
  void find_exclusive(Path& path) const {
    unsigned exclusive = path.depth + 1;
    while (exclusive > 0 && stamp_of(path.steps[exclusive - 1].ref->table) <= floor_) --exclusive;
    path.exclusive = exclusive;
  }
  BlockBatch batch() { return BlockBatch(family_->arena(), version_->stamp, leased_); }
  Block* allocate(size_t words) const { return family_->arena().allocate(words, version_->stamp, leased_); }

  // Room to retire everything that one change of this path can take away.
  void reserve_retired(const Path& path) {
    const bool all_exclusive = path.exclusive == path.depth + 1;
    if (leased_ && all_exclusive && (!Slots::kBoxed || floor_ == 0)) return;
    const size_t count = path.depth + 2;  // the tables and a box
    if (version_->staged.has_room(count)) return;
    version_->staged.add_chunk(allocate(RetiredList::chunk_words(2 * count)));
  }
  // What only this version could reach is free at once, unless it goes back to lists that are somebody else's just now.
  bool frees_at_once(const Block* block) const { return stamp_of(block) > floor_ && (leased_ || is_direct(block)); }
  // A table that this version reaches no more.
  void dispose(Block* table) noexcept {
    if (frees_at_once(table)) return family_->arena().free(table);
    retire(table, false);
  }
  void dispose_slot(const Slot& slot) noexcept {
    if constexpr (Slots::kBoxed) {
      if (frees_at_once(slot.box)) return family_->free_box(slot.box);
      retire(slot.box, true);
    }
  }
  void retire(Block* block, bool is_box) noexcept {
    version_->staged.push(block, is_box);
    version_->staged_top = std::max(version_->staged_top, stamp_of(block));
  }

  // Inserting.
  template <typename Make>
  bool put_first(uint64_t hash, Make& make) {
    begin_edit();
    NewSlot fresh(*this, hash, make, nullptr);
    Block* const table = allocate(Tables::words_for(sizeof(Slot)));
    std::memcpy(payload(table), static_cast<const void*>(&fresh.slot), sizeof(Slot));
    fresh.armed = false;
    root_ = Child{table, bit_at(hash, 0), 0};
    size_ = 1;
    return true;
  }

  template <typename Make>
  void replace(Path& path, uint64_t hash, Make& make) {
    begin_edit();
    find_exclusive(path);
    NewSlot fresh(*this, hash, make, &entry_of(*path.match));
    const Slot replaced = *path.match;
    reserve_retired(path);
    apply(path, path.depth,
          ChangeT{.before = Item::kEntry,
                  .after = Item::kEntry,
                  .bit = path.last().bit,
                  .bucket_index = path.bucket_index,
                  .slot = &fresh.slot});
    fresh.armed = false;
    dispose_slot(replaced);
  }

  void add_entry(Path& path, const Slot& fresh) {
    reserve_retired(path);
    apply(path, path.depth,
          ChangeT{.before = Item::kNothing,
                  .after = Item::kEntry,
                  .bit = path.last().bit,
                  .bucket_index = path.bucket_index,
                  .slot = &fresh});
  }

  // The entry in the way and the new one move into a table (or a bucket) of their own.
  void split_entry(Path& path, uint64_t hash, const Slot& fresh) {
    const Slot resident = *path.foreign;
    const uint64_t other = resident_hash(resident, hash);
    BlockBatch batch = this->batch();
    const unsigned level = path.depth + 1;
    const size_t slots_bytes = 2 * sizeof(Slot);
    if (other == hash) {
      batch.add(Tables::words_for(slots_bytes));
    } else {
      prepare_fork(batch, level, other ^ hash, slots_bytes);
    }
    const ChangeT shape{.before = Item::kEntry, .after = Item::kChild, .bit = path.last().bit};
    prepare(path, path.depth, shape, batch);
    reserve_retired(path);

    Child below;
    if (other == hash) {
      below = Child{batch.take(), 0, 2};
      write_slots(payload(below.table), resident, fresh);
    } else {
      const unsigned fork = fork_level(other ^ hash);
      const uint32_t resident_bit = bit_at(other, fork);
      const uint32_t fresh_bit = bit_at(hash, fork);
      below = Child{batch.take(), resident_bit | fresh_bit, 0};
      const bool resident_first = resident_bit < fresh_bit;
      write_slots(payload(below.table), resident_first ? resident : fresh, resident_first ? fresh : resident);
      below = chain_up(below, level, fork, hash, batch);
    }
    ChangeT change = shape;
    change.child = &below;
    commit(path, path.depth, change, batch);
  }

  // A bucket met a different hash: it moves down to where the two part.
  void split_bucket(Path& path, uint64_t hash, const Slot& fresh) {
    const unsigned level = path.depth;  // the new table takes the bucket's place
    const Child bucket = *path.last().ref;
    const unsigned parent = path.depth - 1;
    BlockBatch batch = this->batch();
    prepare_fork(batch, level, path.resident_hash ^ hash, sizeof(Child) + sizeof(Slot));
    const ChangeT shape{.before = Item::kChild, .after = Item::kChild, .bit = path.steps[parent].bit};
    prepare(path, parent, shape, batch);
    reserve_retired(path);

    const unsigned fork = fork_level(path.resident_hash ^ hash);
    const uint32_t bucket_bit = bit_at(path.resident_hash, fork);
    Child below{batch.take(), bucket_bit | bit_at(hash, fork), bucket_bit};
    std::memcpy(payload(below.table), &bucket, sizeof(Child));
    std::memcpy(payload(below.table) + sizeof(Child), static_cast<const void*>(&fresh), sizeof(Slot));
    below = chain_up(below, level, fork, hash, batch);
    ChangeT change = shape;
    change.child = &below;
    commit(path, parent, change, batch);
  }

  static unsigned fork_level(uint64_t difference) {
    return static_cast<unsigned>(std::countl_zero(difference)) / kChunkBits;
  }
  static void write_slots(char* to, const Slot& first, const Slot& second) {
    std::memcpy(to, static_cast<const void*>(&first), sizeof(Slot));
    std::memcpy(to + sizeof(Slot), static_cast<const void*>(&second), sizeof(Slot));
  }
  // Blocks of the table where two hashes part and of the single-child tables above it, up to `level`.
  void prepare_fork(BlockBatch& batch, unsigned level, uint64_t difference, size_t fork_bytes) const {
    batch.add(Tables::words_for(fork_bytes));
    for (unsigned above = fork_level(difference); above > level; --above) batch.add(Tables::words_for(sizeof(Child)));
  }
  static Child chain_up(Child below, unsigned level, unsigned fork, uint64_t hash, BlockBatch& batch) {
    while (fork-- > level) {
      const uint32_t bit = bit_at(hash, fork);
      const Child above{batch.take(), bit, bit};
      std::memcpy(payload(above.table), &below, sizeof(Child));
      below = above;
    }
    return below;
  }

  // Erasing. What would be left alone in the table of `at`: a table of one entry, or of one bucket, must not exist below the root.
  const Slot* sole_entry_without(const Child& at, Path& path) const {
    if (path.depth == 0) return nullptr;
    if (is_bucket(at)) return at.nodes == 2 ? Tables::entries(at) + (1 - path.bucket_index) : nullptr;
    const uint32_t left = at.all & ~path.last().bit;
    if (!std::has_single_bit(left) || (at.nodes & left) != 0) return nullptr;
    return Tables::entry_at(at, left);
  }
  const Child* sole_bucket_without(const Child& at, Path& path) const {
    if (path.depth == 0 || is_bucket(at)) return nullptr;
    const uint32_t left = at.all & ~path.last().bit;
    if (!std::has_single_bit(left) || (at.nodes & left) == 0) return nullptr;
    const Child* const child = Tables::children(at);
    return is_bucket(*child) ? child : nullptr;
  }

  // The survivor climbs over the single-child tables above it and takes the place of the topmost one that falls away.
  void collapse(Path& path, ChangeT change) {
    unsigned level = path.depth - 1;
    while (level > 0 && is_single_child_table(*path.steps[level].ref)) --level;
    change.bit = path.steps[level].bit;
    BlockBatch batch = this->batch();
    prepare(path, level, change, batch);
    // Copies: the originals go with the tables that fall away.
    Slot slot{};
    Child child;
    if (change.after == Item::kEntry) {
      slot = *change.slot;
      change.slot = &slot;
    } else {
      child = *change.child;
      change.child = &child;
    }
    std::array<Block*, kTableLevels + 1> fallen;
    for (unsigned below = level + 1; below <= path.depth; ++below) fallen[below] = path.steps[below].ref->table;
    commit(path, level, change, batch);
    for (unsigned below = level + 1; below <= path.depth; ++below) dispose(fallen[below]);
  }

  // Changing one item of the table at `level` of the path.
  void apply(Path& path, unsigned level, const ChangeT& change) {
    Child& ref = *path.steps[level].ref;
    if (level < path.exclusive) {
      Block* const block = larger_or_smaller_block(ref, Tables::size_after(ref, change));
      return commit_in_place(ref, change, Tables::plan(ref, change), block);
    }
    BlockBatch batch = this->batch();
    prepare(path, level, change, batch);
    commit(path, level, change, batch);
  }

  // The same in two halves, for changes that need other blocks besides: prepare may throw, commit may not.
  void prepare(Path& path, unsigned level, const ChangeT& change, BlockBatch& batch) const {
    const Child& old = *path.steps[level].ref;
    const size_t bytes_after = Tables::size_after(old, change);
    if (level < path.exclusive) {
      if (Block* const block = larger_or_smaller_block(old, bytes_after)) batch.adopt(block);
      return;
    }
    batch.add(Tables::words_for(bytes_after));
    for (unsigned above = level; above-- > path.exclusive;)
      batch.add(Tables::words_for(Tables::used_bytes(*path.steps[above].ref)));
  }
  // nullptr: the table may stay in its block.
  Block* larger_or_smaller_block(const Child& old, size_t bytes_after) const {
    if (bytes_after > payload_bytes(old.table)) return allocate(Tables::words_for(bytes_after));
    if (bytes_after * 2 > payload_bytes(old.table)) return nullptr;
    const size_t words = Tables::words_for(bytes_after);
    return words * 2 <= payload_words(old.table) ? try_allocate(words) : nullptr;
  }
  // Shrinking is a courtesy: without memory for it the table stays large.
  Block* try_allocate(size_t words) const noexcept {
    try {
      return allocate(words);
    } catch (...) {
      return nullptr;
    }
  }

  void commit(Path& path, unsigned level, const ChangeT& change, BlockBatch& batch) noexcept {
    Child& ref = *path.steps[level].ref;
    if (level < path.exclusive) return commit_in_place(ref, change, Tables::plan(ref, change), batch.take());
    Child fresh = copy_table(ref, change, batch.take());
    while (level > path.exclusive) {
      --level;
      const Child below = fresh;
      const ChangeT link{.before = Item::kChild, .after = Item::kChild, .bit = path.steps[level].bit, .child = &below};
      fresh = copy_table(*path.steps[level].ref, link, batch.take());
    }
    *path.steps[level].ref = fresh;
  }

  // `table`: where the table moves to; nullptr when it stays.
  void commit_in_place(Child& ref, const ChangeT& change, const typename Tables::Plan& plan, Block* table) noexcept {
    Block* const old = ref.table;
    ref = Tables::shape_after(ref, change);
    ref.table = table != nullptr ? table : old;
    if (table == nullptr) return Tables::change_in_place(payload(old), plan, change);
    Tables::copy_changed(payload(table), payload(old), plan, change);
    dispose(old);
  }

  // A changed copy of a table that older versions keep.
  Child copy_table(const Child& old, const ChangeT& change, Block* table) noexcept {
    Child fresh = old;
    if (change.before == change.after) {
      Tables::copy_replaced(payload(table), old, change);
    } else {
      fresh = Tables::shape_after(old, change);
      Tables::copy_changed(payload(table), payload(old.table), Tables::plan(old, change), change);
    }
    fresh.table = table;
    dispose(old.table);
    return fresh;
  }

  template <typename Make>
  Slot make_slot(uint64_t hash, Make& make, const Entry* existing) {
    if constexpr (Slots::kBoxed) {
      Arena& arena = family_->arena();
      Block* const box = Slots::kPooled ? allocate(Slots::kWords)
                                        : arena.allocate_direct(Slots::kWords, version_->stamp, Slots::kAlignment);
      try {
        new (Slots::entry_memory(box)) Entry(make(existing));
      } catch (...) {
        arena.free(box, Slots::kAlignment);
        throw;
      }
      return Slot{box, hash};
    } else {
      return make(existing);
    }
  }

  template <typename Function>
  static void for_each_below(const Child& child, Function& function) {
    if (child.table == nullptr) return;
    const Slot* const slots = Tables::entries(child);
    const uint32_t slots_total = entry_count(child);
    for (uint32_t index = 0; index < slots_total; ++index) function(entry_of(slots[index]));
    const Child* const children = Tables::children(child);
    const uint32_t children_total = child_count(child);
    for (uint32_t index = 0; index < children_total; ++index) for_each_below(children[index], function);
  }

  static size_t memory_below(const Child& child) {
    size_t bytes = sizeof(Block) + payload_bytes(child.table);
    const Child* const children = Tables::children(child);
    for (uint32_t index = 0, total = child_count(child); index < total; ++index) bytes += memory_below(children[index]);
    if constexpr (Slots::kBoxed) {
      const Slot* const slots = Tables::entries(child);
      for (uint32_t index = 0, total = entry_count(child); index < total; ++index)
        bytes += sizeof(Block) + payload_bytes(slots[index].box);
    }
    return bytes;
  }

  struct ShapeSums {
    size_t depths = 0;     // over entries
    size_t positions = 0;  // occupied, over tables
  };
  static void look_below(const Child& child, size_t depth, structure_info& info, ShapeSums& sums) {
    const size_t entries = entry_count(child);
    if (entries > 0) info.depth_max = std::max(info.depth_max, depth);
    sums.depths += entries * depth;
    if (is_bucket(child)) {
      ++info.buckets;
      info.bucket_entries += entries;
      return;
    }
    ++info.tables;
    sums.positions += popcount(child.all);
    const Child* const children = Tables::children(child);
    for (uint32_t index = 0, total = child_count(child); index < total; ++index)
      look_below(children[index], depth + 1, info, sums);
  }

  template <typename Same>
  bool same_below(const Child& a, const Child& b, const Same& same) const;
  template <typename Same, typename Visitor>
  class Differ;
  class Checker;

  [[no_unique_address]] Hash hash_{};
  [[no_unique_address]] Eq eq_{};
  FamilyT* family_ = nullptr;
  Version* version_ = nullptr;  // null only where family_ is
  Child root_;
  size_t size_ = 0;
  uint64_t floor_ = 0;    // of version_, while it is being edited: see family.h
  bool editing_ = false;  // version_ is this trie's alone, and root_ ahead of what it says
  bool leased_ = false;   // this trie holds the family's lease: only during an operation
};

// Visits every entry once: a table's own entries, then its children. Borrows the version: valid while any handle of it lives and is not assigned to.
template <typename Entry, typename KeyOf, typename Hash, typename Eq>
class Trie<Entry, KeyOf, Hash, Eq>::iterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = Entry;
  using difference_type = ptrdiff_t;
  using pointer = const Entry*;
  using reference = const Entry&;

  iterator() = default;
  reference operator*() const { return Slots::entry_of(*slot_); }
  pointer operator->() const { return &Slots::entry_of(*slot_); }
  iterator& operator++() {
    ++slot_;
    settle();
    return *this;
  }
  iterator operator++(int) {
    iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const iterator& a, const iterator& b) { return a.slot_ == b.slot_; }

 private:
  friend class Trie;
  struct Range {
    const Child* next;
    const Child* end;
  };

  explicit iterator(const Child& root) {
    if (root.table == nullptr) return;
    enter(root);
    settle();
  }
  void enter(const Child& child) {
    slot_ = Tables::entries(child);
    slot_end_ = slot_ + entry_count(child);
    const uint32_t children_total = child_count(child);
    if (children_total == 0) return;
    const Child* const children = Tables::children(child);
    ranges_[depth_++] = {children, children + children_total};
  }
  // To the next entry, if the current table has no more.
  void settle() {
    while (slot_ == slot_end_) {
      while (depth_ > 0 && ranges_[depth_ - 1].next == ranges_[depth_ - 1].end) --depth_;
      if (depth_ == 0) {
        slot_ = nullptr;
        return;
      }
      enter(*ranges_[depth_ - 1].next++);
    }
  }

  const Slot* slot_ = nullptr;
  const Slot* slot_end_ = nullptr;
  unsigned depth_ = 0;
  std::array<Range, kTableLevels> ranges_{};
};

// Walks two versions side by side and skips what they share.
template <typename Entry, typename KeyOf, typename Hash, typename Eq>
template <typename Same, typename Visitor>
class Trie<Entry, KeyOf, Hash, Eq>::Differ {
 public:
  Differ(const Trie& trie, const Same& same, Visitor& visitor) : trie_(trie), same_(same), visitor_(visitor) {}

  void tables(const Child& before, const Child& after, unsigned level) {
    if (before.table == after.table) return;
    if (is_bucket(before) || is_bucket(after)) return by_lookup(before, after, level);
    for (uint32_t left = before.all | after.all; left != 0; left &= left - 1)
      position(before, after, left & (~left + 1), level);
  }

  // For tries of different families, whose hashes need not agree.
  void by_lookup(const Trie& before, const Trie& after) {
    before.for_each([&](const Entry& entry) { compare(entry, after.find(KeyOf{}(entry))); });
    after.for_each([&](const Entry& entry) {
      if (before.find(KeyOf{}(entry)) == nullptr) visitor_.added(entry);
    });
  }

 private:
  void position(const Child& before, const Child& after, uint32_t bit, unsigned level) {
    const Item was = item_at(before, bit);
    const Item is = item_at(after, bit);
    if (was == Item::kChild && is == Item::kChild)
      return tables(child_at(before, bit), child_at(after, bit), level + 1);
    if (was == Item::kChild)
      return entry_after(child_at(before, bit), is == Item::kEntry ? &entry_at(after, bit) : nullptr, level + 1);
    if (is == Item::kChild)
      return entry_before(was == Item::kEntry ? &entry_at(before, bit) : nullptr, child_at(after, bit), level + 1);
    if (was == Item::kEntry && is == Item::kEntry) {
      const Entry& old_entry = entry_at(before, bit);
      const Entry& new_entry = entry_at(after, bit);
      if (trie_.eq_(KeyOf{}(old_entry), KeyOf{}(new_entry))) return compare(old_entry, &new_entry);
      visitor_.removed(old_entry);
      return visitor_.added(new_entry);
    }
    if (was == Item::kEntry) return visitor_.removed(entry_at(before, bit));
    visitor_.added(entry_at(after, bit));
  }
  // A subtree became one entry, or nothing.
  void entry_after(const Child& before, const Entry* after, unsigned level) {
    const Entry* const kept = after == nullptr ? nullptr : find(before, *after, level);
    for_each_entry(before, [&](const Entry& entry) { compare(entry, &entry == kept ? after : nullptr); });
    if (after != nullptr && kept == nullptr) visitor_.added(*after);
  }
  void entry_before(const Entry* before, const Child& after, unsigned level) {
    const Entry* const kept = before == nullptr ? nullptr : find(after, *before, level);
    if (before != nullptr) compare(*before, kept);
    for_each_entry(after, [&](const Entry& entry) {
      if (&entry != kept) visitor_.added(entry);
    });
  }
  void by_lookup(const Child& before, const Child& after, unsigned level) {
    for_each_entry(before, [&](const Entry& entry) { compare(entry, find(after, entry, level)); });
    for_each_entry(after, [&](const Entry& entry) {
      if (find(before, entry, level) == nullptr) visitor_.added(entry);
    });
  }
  void compare(const Entry& before, const Entry* after) {
    if (after == nullptr) {
      visitor_.removed(before);
    } else if (&before != after && !same_(before, *after)) {
      visitor_.changed(before, *after);
    }
  }

  const Entry* find(const Child& child, const Entry& entry, unsigned level) const {
    const uint64_t hash = trie_.hash_of(KeyOf{}(entry));
    return trie_.find_below(child, KeyOf{}(entry), hash, level < kTableLevels ? hash << (kChunkBits * level) : 0);
  }
  template <typename Function>
  static void for_each_entry(const Child& child, Function function) {
    for_each_below(child, function);
  }
  static Item item_at(const Child& table, uint32_t bit) {
    if ((table.all & bit) == 0) return Item::kNothing;
    return (table.nodes & bit) != 0 ? Item::kChild : Item::kEntry;
  }
  static const Child& child_at(const Child& table, uint32_t bit) {
    return Tables::children(table)[rank(table.nodes, bit)];
  }
  static const Entry& entry_at(const Child& table, uint32_t bit) { return entry_of(*Tables::entry_at(table, bit)); }

  const Trie& trie_;
  const Same& same_;
  Visitor& visitor_;
};

template <typename Entry, typename KeyOf, typename Hash, typename Eq>
template <typename Same, typename Visitor>
void Trie<Entry, KeyOf, Hash, Eq>::diff(const Trie& after, const Same& same, Visitor& visitor) const {
  Differ<Same, Visitor> differ(*this, same, visitor);
  const bool one_family = family_ == after.family_ && root_.table != nullptr && after.root_.table != nullptr;
  if (one_family) return differ.tables(root_, after.root_, 0);
  differ.by_lookup(*this, after);
}

// Equal when every entry of one is in the other: the sizes agree, so one direction is enough; shared tables are skipped.
template <typename Entry, typename KeyOf, typename Hash, typename Eq>
template <typename Same>
bool Trie<Entry, KeyOf, Hash, Eq>::equals(const Trie& other, const Same& same) const {
  if (size_ != other.size_) return false;
  if (root_.table == other.root_.table) return true;
  if (family_ != other.family_) {
    for (const Entry& entry : *this) {
      const Entry* const found = other.find(KeyOf{}(entry));
      if (found == nullptr || !same(entry, *found)) return false;
    }
    return true;
  }
  return same_below(root_, other.root_, same);
}

// Versions of one family have one hash, hence one shape for equal contents.
template <typename Entry, typename KeyOf, typename Hash, typename Eq>
template <typename Same>
bool Trie<Entry, KeyOf, Hash, Eq>::same_below(const Child& a, const Child& b, const Same& same) const {
  if (a.table == b.table) return true;
  if (a.all != b.all || a.nodes != b.nodes) return false;
  const Slot* const slots = Tables::entries(a);
  const Slot* const others = Tables::entries(b);
  for (uint32_t index = 0, total = entry_count(a); index < total; ++index) {
    const Entry& entry = entry_of(slots[index]);
    const Entry* other = &entry_of(others[index]);
    if (is_bucket(a)) other = find_in_bucket(b, KeyOf{}(entry), hash_of(KeyOf{}(entry)));
    if (other == &entry) continue;
    if (other == nullptr || !eq_(KeyOf{}(entry), KeyOf{}(*other)) || !same(entry, *other)) return false;
  }
  for (uint32_t index = 0, total = child_count(a); index < total; ++index) {
    if (!same_below(Tables::children(a)[index], Tables::children(b)[index], same)) return false;
  }
  return true;
}

template <typename Entry, typename KeyOf, typename Hash, typename Eq>
structure_info Trie<Entry, KeyOf, Hash, Eq>::structure() const {
  structure_info info;
  if (size_ == 0) return info;
  ShapeSums sums;
  look_below(root_, 1, info, sums);
  const auto entries = static_cast<double>(size_);
  info.depth_average = static_cast<double>(sums.depths) / entries;
  info.bitmap_utilisation = static_cast<double>(sums.positions) / (32 * static_cast<double>(info.tables));
  info.bytes_per_entry = static_cast<double>(memory_usage()) / entries;
  return info;
}

// Checks what every operation must preserve; the first violation in words, or nothing.
template <typename Entry, typename KeyOf, typename Hash, typename Eq>
class Trie<Entry, KeyOf, Hash, Eq>::Checker {
 public:
  explicit Checker(const Trie& trie) : trie_(trie) {}

  std::string run() {
    if (trie_.root_.table == nullptr) {
      check(trie_.size_ == 0 && trie_.root_.all == 0 && trie_.root_.nodes == 0, "an empty root with entries");
      return violation_;
    }
    check(!is_bucket(trie_.root_), "the root is a bucket");
    table(trie_.root_, 0, 0);
    check(entries_ == trie_.size_, "size() differs from the number of entries");
    return violation_;
  }

 private:
  void check(bool holds, const char* violation) {
    if (!holds && violation_.empty()) violation_ = violation;
  }
  // `prefix`: the hash bits that lead here, left-aligned.
  void table(const Child& at, unsigned level, uint64_t prefix) {
    check(stamp_of(at.table) > 0, "a free table is reachable");
    check(Tables::used_bytes(at) <= payload_bytes(at.table), "a table is larger than its block");
    if (is_bucket(at)) return bucket(at, level, prefix);
    check(level < kTableLevels, "a table lies too deep");
    check((at.nodes & ~at.all) == 0, "a child position is not occupied");
    if (!violation_.empty()) return;
    if (level > 0 && std::has_single_bit(at.all)) {
      check(at.nodes == at.all, "a table of a single entry below the root");
      if (at.nodes == at.all) check(!is_bucket(*Tables::children(at)), "a table of a single bucket below the root");
    }
    for (uint32_t left = at.all; left != 0; left &= left - 1) {
      const uint32_t bit = left & (~left + 1);
      const uint64_t chunk = static_cast<uint64_t>(std::countr_zero(bit));
      const uint64_t here = prefix | (chunk << (64 - kChunkBits)) >> (kChunkBits * level);
      if ((at.nodes & bit) != 0) {
        table(Tables::children(at)[rank(at.nodes, bit)], level + 1, here);
      } else {
        entry(*Tables::entry_at(at, bit), level + 1, here);
      }
    }
  }
  void bucket(const Child& at, unsigned level, uint64_t prefix) {
    check(at.nodes >= 2, "a bucket of fewer than two entries");
    const Slot* const slots = Tables::entries(at);
    const uint64_t hash = trie_.hash_of(key_of(slots[0]));
    for (uint32_t index = 0; index < at.nodes; ++index) {
      entry(slots[index], level, prefix);
      check(trie_.hash_of(key_of(slots[index])) == hash, "a bucket of different hashes");
      for (uint32_t other = 0; other < index; ++other)
        check(!trie_.eq_(key_of(slots[other]), key_of(slots[index])), "a key twice in a bucket");
    }
  }
  void entry(const Slot& slot, unsigned levels, uint64_t prefix) {
    ++entries_;
    const uint64_t hash = trie_.hash_of(key_of(slot));
    const unsigned bits = std::min(64u, kChunkBits * levels);
    check(((hash ^ prefix) >> (64 - bits)) == 0, "an entry lies off the path of its hash");
    if constexpr (Slots::kBoxed) {
      check(stamp_of(slot.box) > 0, "a free entry is reachable");
      check(slot.hash == hash, "an entry keeps a hash that is not its own");
    }
    if constexpr (HasPrefix<Hash, Key>)
      check(trie_.hash_.prefix(key_of(slot)) == hash >> 32, "prefix() is not the upper half of the hash");
  }

  const Trie& trie_;
  size_t entries_ = 0;
  std::string violation_;
};

template <typename Entry, typename KeyOf, typename Hash, typename Eq>
std::string Trie<Entry, KeyOf, Hash, Eq>::validate() const {
  return Checker(*this).run();
}

// Stands around changes, and is over before the handle is handed on: an Operation around each change of a transient, an Edit around the last one of a version.
template <typename Trie, auto kEnd>
struct Changing {
  explicit Changing(Trie& edited) : trie(edited) {}
  Changing(const Changing&) = delete;
  Changing& operator=(const Changing&) = delete;
  ~Changing() { (trie.*kEnd)(); }
  Trie& trie;
};
template <typename Trie>
using Operation = Changing<Trie, &Trie::end_operation>;
template <typename Trie>
using Edit = Changing<Trie, &Trie::end_edit>;

}  // namespace hamt::detail
