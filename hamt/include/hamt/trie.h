#pragma once

// The one trie below map and set: entries found by KeyOf{}(entry). Not a door: include hamt/map.h or hamt/set.h.
//
// A Trie is a handle of a version of a family (family.h). Copies share it. How it changes: edit.h; how two are compared: compare.h; what it looks like:
// check.h.

#include <hamt/arena.h>
#include <hamt/edit.h>
#include <hamt/family.h>
#include <hamt/hash.h>
#include <hamt/table.h>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace hamt {

// What a map or set looks like inside; see structure().
struct structure_info {
  size_t tables = 0;              // without buckets and lists
  size_t buckets = 0;             // a few entries side by side, see hamt/table.h
  size_t lists = 0;               // the same of equal hashes, or of small entries
  size_t collisions = 0;          // entries whose whole hash another entry has; over size(): the collision rate
  size_t depth_max = 0;           // tables, buckets and lists from the root to the deepest entry
  double depth_average = 0;       // over entries
  double bitmap_utilisation = 0;  // occupied positions of tables, over all 32 of each
  double bytes_per_entry = 0;     // memory_usage() over size()
};

namespace detail {

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

template <typename EntryT, typename KeyOf, typename Hash, typename Eq, typename Policy>
class Trie {
 public:
  using Entry = EntryT;
  using Slots = SlotsOf<Entry>;
  using Slot = typename Slots::Slot;
  using Tables = Layout<Slots>;
  using Key = std::remove_cvref_t<decltype(KeyOf{}(std::declval<const Entry&>()))>;
  class iterator;

  Trie() = default;
  Trie(Hash hash, Eq eq) : hash_(std::move(hash)), eq_(std::move(eq)) {}
  Trie(Hash hash, Eq eq, const memory_options& memory) : hash_(std::move(hash)), eq_(std::move(eq)) {
    std::tie(family_, version_) = FamilyT::create(memory);
  }
  // A new version: `change(editor)` of a copy of `from`. Shares everything with it where nothing changes.
  template <typename Change>
  Trie(const Trie& from, Change&& change) : Trie(from, Borrowing{}) {
    VersionEditor<Trie> editor(*this, true);
    change(editor);
  }

  // `change(editor)` of this trie itself: in place where nobody else sees it.
  template <typename Change>
  void edit(Change&& change) {
    VersionEditor<Trie> editor(*this);
    change(editor);
  }

  // Of a trie that is not being written.
  Trie(const Trie& other) : Trie(other, Borrowing{}) {
    if (version_ != nullptr) increment(version_->handles);
  }
  Trie(Trie&& other) noexcept(std::is_nothrow_copy_constructible_v<Hash>&& std::is_nothrow_copy_constructible_v<Eq>)
      : hash_(other.hash_),  // NOLINT(performance-move-constructor-init): the emptied one must stay usable
        eq_(other.eq_),
        family_(std::exchange(other.family_, nullptr)),
        root_(std::exchange(other.root_, StoredNode())),
        version_(std::exchange(other.version_, nullptr)),
        writing_(std::exchange(other.writing_, false)),
        size_(std::exchange(other.size_, 0)) {}
  Trie& operator=(const Trie& other) {
    if (this != &other) *this = Trie(other);
    return *this;
  }
  Trie& operator=(Trie&& other) noexcept(
      std::is_nothrow_copy_assignable_v<Hash>&& std::is_nothrow_copy_assignable_v<Eq>) {
    if (this == &other) return *this;
    leave();
    hash_ = other.hash_;
    eq_ = other.eq_;
    family_ = std::exchange(other.family_, nullptr);
    version_ = std::exchange(other.version_, nullptr);
    root_ = std::exchange(other.root_, StoredNode());
    size_ = std::exchange(other.size_, 0);
    writing_ = std::exchange(other.writing_, false);
    return *this;
  }
  ~Trie() { leave(); }
  void swap(Trie& other) noexcept(std::is_nothrow_swappable_v<Hash>&& std::is_nothrow_swappable_v<Eq>) {
    using std::swap;
    swap(hash_, other.hash_);
    swap(eq_, other.eq_);
    swap(family_, other.family_);
    swap(version_, other.version_);
    swap(root_, other.root_);
    swap(size_, other.size_);
    swap(writing_, other.writing_);
  }

  size_t size() const { return size_; }
  const Hash& hash_function() const { return hash_; }
  const Eq& key_eq() const { return eq_; }
  bool shares_root_with(const Trie& other) const { return root_.ref == other.root_.ref; }

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

  // After the last change of a transient: the trie can be copied now.
  void publish(bool leased = false) noexcept {
    if (!std::exchange(writing_, false)) return;
    version_->root = root_;
    family_->announce(version_, leased);
  }

  template <typename Function>
  void for_each(Function&& function) const {
    if (root_.ref != 0) walk(root_, function);
  }
  iterator begin() const { return iterator(root_); }
  iterator end() const { return iterator(); }

  template <typename Same>
  bool equals(const Trie& other, const Same& same) const;
  template <typename Same, typename Visitor>
  void diff(const Trie& after, const Same& same, Visitor&& visitor) const;

  std::string validate() const;
  structure_info structure() const;
  size_t memory_usage() const { return root_.ref == 0 ? 0 : memory_below(root_); }
  size_t memory_reserved() const { return family_ == nullptr ? 0 : family_->reserved_bytes(); }

 private:
  friend class Editor<Trie>;
  using FamilyT = Family<Slots, Policy>;
  struct Borrowing {};
  template <typename Same, typename Visitor>
  class Differ;
  class Checker;
  class Surveyor;

  // Shows what `other` shows, without a handle of its version.
  Trie(const Trie& other, Borrowing)
      : hash_(other.hash_),
        eq_(other.eq_),
        family_(other.family_),
        root_(other.root_),
        version_(other.version_),
        size_(other.size_) {}
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in a std::optional: GCC 12 does not see that there is a trie
#endif
  void leave() noexcept {
    if (family_ != nullptr) leave_family();
  }
#ifndef __clang__
#pragma GCC diagnostic pop
#endif
  [[gnu::noinline]] void leave_family() noexcept {
    publish();
    family_->leave(version_);
  }

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

  uint64_t slot_hash(const Slot& slot) const {
    if constexpr (Slots::kBoxed) {
      return slot.hash;
    } else {
      return hash_of(key_of(slot));
    }
  }
  // The hash of a resident entry, exact at least up to the first bit in which it differs from `other`.
  uint64_t resident_hash(const Slot& slot, uint64_t other) const {
    if constexpr (!Slots::kBoxed && HasPrefix<Hash, Key>) {
      const uint64_t prefix = static_cast<uint64_t>(hash_.prefix(key_of(slot))) << 32;
      // Six whole chunks lie in the prefix; a fork below them needs the rest.
      return ((prefix ^ other) >> (64 - 6 * kChunkBits)) != 0 ? prefix : hash_of(key_of(slot));
    } else {
      return slot_hash(slot);
    }
  }

  // Whether one word tells a foreign entry.
  template <typename Q>
  static constexpr bool kTellsByWord = Slots::kBoxed || (std::is_integral_v<Key> && std::is_same_v<Key, Q> &&
                                                         (std::is_same_v<Eq, std::equal_to<>> ||
                                                          std::is_same_v<Eq, std::equal_to<Key>>));
  template <typename Q>
  static bool may_match(const Slot& slot, const Q& key, uint64_t hash) requires kTellsByWord<Q> {
    if constexpr (Slots::kBoxed) {
      return slot.hash == hash;
    } else {
      return key_of(slot) == key;
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

  // Below a node of this level.
  const Entry* find_from(const Node& node, unsigned level, const Key& key) const {
    const uint64_t hash = hash_of(key);
    return find_below(node, key, hash, level < kTableLevels ? hash << (kChunkBits * level) : 0);
  }
  // `rest` is the hash shifted past the levels above `node`.
  template <typename Q>
  const Entry* find_below(Node node, const Q& key, uint64_t hash, uint64_t rest) const {
    for (;; rest <<= kChunkBits) {
      const uint32_t bit = top_bit(rest);
      if ((node.all() & bit) == 0) return is_list(node) ? find_in_list(node, key, hash) : nullptr;
      const uint32_t index = rank_at(node.all(), top_position(rest));
      if (!Tables::kCompact && node.is_bucket()) return find_in_bucket(node, index, key, hash);
      const char* const item = Tables::item_of_other(node, index);
      if ((node.nodes() & bit) == 0) {
        const Slot& slot = Tables::slot(item);
        return matches(slot, key, hash) ? &entry_of(slot) : nullptr;
      }
      node = Tables::child(item);
    }
  }
  // Among the entries of the nth occupied position.
  template <typename Q>
  HAMT_INLINE const Entry* find_in_bucket(const Node& bucket, uint32_t nth, const Q& key, uint64_t hash) const {
    const uint64_t firsts = bucket.firsts();
    const uint64_t first = nth_one(firsts, nth);
    const char* const item = find_in_run(Tables::item_at(bucket, index_of(first)), firsts, first, key, hash);
    return item == nullptr ? nullptr : &entry_of(Tables::slot(item));
  }
  // From `item`, whose bit is `at`, to the next first one: the item with the key, or nullptr. Looks at one at least.
  template <typename Q>
  HAMT_INLINE const char* find_in_run(const char* item, uint64_t firsts, uint64_t at, const Q& key,
                                      uint64_t hash) const {
    do {
      if (matches(Tables::slot(item), key, hash)) return item;
      item += Tables::kItemBytes;
      at <<= 1;
    } while ((firsts & at) == 0);
    return nullptr;
  }
  template <typename Q>
  const Entry* find_in_list(const Node& list, const Q& key, uint64_t hash) const {
    for (uint32_t index = 0; index < list.nodes(); ++index) {
      const Slot& slot = Tables::slot(Tables::item_at(list, index));
      if (matches(slot, key, hash)) return &entry_of(slot);
    }
    return nullptr;
  }

  // One lookup of a batch, on its way down. `item`: the next to look at, on its way into the cache.
  struct Lane {
    const char* item;
    uint64_t hash;
    uint64_t rest;
    bool is_child;
  };
  // One level of one lane, and the call for the cache line that the next step needs. False when there is nothing below.
  static bool descend(Lane& lane, const Node& node) {
    if (node.is_bucket()) {
      __builtin_prefetch(first_item(lane, node));
      return false;
    }
    if (is_list(node)) return false;
    lane.is_child = false;
    const uint32_t bit = top_bit(lane.rest);
    if ((node.all() & bit) == 0) {
      lane.item = nullptr;
      return false;
    }
    lane.item = Tables::item_at(node, rank_at(node.all(), top_position(lane.rest)));
    lane.is_child = (node.nodes() & bit) != 0;
    lane.rest <<= kChunkBits;
    __builtin_prefetch(lane.item);
    return lane.is_child;
  }
  // In a bucket: where the entries of its position begin.
  static const char* first_item(const Lane& lane, const Node& bucket) {
    return Tables::item_at(bucket, index_of(first_at(bucket, top_position(lane.rest))));
  }
  template <size_t kLanes, typename Q, typename Found>
  void find_lanes(std::span<const Q> keys, size_t first, Found& found) const {
    std::array<Lane, kLanes> lanes;
    std::array<uint8_t, kLanes> active;
    size_t active_count = 0;
    for (size_t lane = 0; lane < keys.size(); ++lane) {
      const uint64_t hash = hash_of(keys[lane]);
      lanes[lane] = {nullptr, hash, hash, false};
      active[active_count] = static_cast<uint8_t>(lane);
      if (descend(lanes[lane], root_)) ++active_count;
    }
    while (active_count > 0) {
      size_t left = 0;
      for (size_t place = 0; place < active_count; ++place) {
        Lane& lane = lanes[active[place]];
        const Node node = Tables::child(lane.item);
        active[left] = active[place];
        if (descend(lane, node)) ++left;
      }
      active_count = left;
    }
    if constexpr (Slots::kBoxed) {
      for (size_t lane = 0; lane < keys.size(); ++lane) prefetch_entry(lanes[lane]);
    }
    for (size_t lane = 0; lane < keys.size(); ++lane) found(first + lane, result_of(lanes[lane], keys[lane]));
  }
  // The box that a lane leads to, or the first of those it may lead to.
  static void prefetch_entry(const Lane& lane) {
    if (lane.item == nullptr) return;
    const char* item = lane.item;
    if (lane.is_child) {
      const Node node = Tables::child(lane.item);
      if (!node.is_bucket() || (node.all() & top_bit(lane.rest)) == 0) return;
      item = first_item(lane, node);
    }
    __builtin_prefetch(&entry_of(Tables::slot(item)));
  }
  template <typename Q>
  const Entry* result_of(const Lane& lane, const Q& key) const {
    if (lane.item == nullptr) return nullptr;
    if (lane.is_child) return find_below(Tables::child(lane.item), key, lane.hash, lane.rest);
    const Slot& slot = Tables::slot(lane.item);
    return matches(slot, key, lane.hash) ? &entry_of(slot) : nullptr;
  }

  // Without recursion, so that it becomes part of its caller, and what the function adds up stays in registers.
  template <typename Function>
  HAMT_INLINE static void walk(Node node, Function&& function) {
    std::array<ChildrenLeft, kTableLevels> tables;
    for (unsigned depth = 0;;) {
      const char* const items = Tables::items(node);
      if (const uint32_t child_positions = child_bits(node); child_positions == 0) {
        const char* const end = items + Tables::items_bytes(node);
        for (const char* item = items; item != end; item += Tables::kItemBytes) function(entry_of(Tables::slot(item)));
      } else {
        const uint32_t children = gathered(child_positions, node.all());
        __builtin_prefetch(Tables::address(item_of_lowest(items, children)));
        for (uint32_t left = first_bits(item_count(node)) & ~children; left != 0; left &= left - 1)
          function(entry_of(Tables::slot(item_of_lowest(items, left))));
        tables[depth++] = {items, children};
      }
      while (depth > 0 && tables[depth - 1].children == 0) --depth;
      if (depth == 0) return;
      node = tables[depth - 1].take();
    }
  }
  template <typename Function>
  static void for_each_below(const Node& node, Function&& function) {
    visit_items<Tables>(
        node, [&](const Slot& slot) { function(entry_of(slot)); },
        [&](const Node& child) { for_each_below(child, function); });
  }
  static const char* item_of_lowest(const char* items, uint32_t indexes) {
    return items + static_cast<uint32_t>(std::countr_zero(indexes)) * Tables::kItemBytes;
  }
  // A table on the way down: those of its children that come next.
  struct ChildrenLeft {
    const char* items;
    uint32_t children;  // by index
    // The first of them; calls for the next.
    HAMT_INLINE Node take() {
      const char* const item = item_of_lowest(items, children);
      children &= children - 1;
      if (children != 0) __builtin_prefetch(Tables::address(item_of_lowest(items, children)));
      return Tables::child(item);
    }
  };

  static size_t memory_below(const Node& node) {
    size_t bytes = sizeof(Block) + payload_bytes(node.block());
    visit_items<Tables>(
        node,
        [&](const Slot& slot) {
          if constexpr (Slots::kBoxed) bytes += sizeof(Block) + payload_bytes(slot.box);
        },
        [&](const Node& child) { bytes += memory_below(child); });
    return bytes;
  }

  template <typename Same>
  bool same_below(const Node& a, const Node& b, unsigned level, const Same& same) const;
  template <typename Same>
  bool same_by_lookup(const Node& few, const Node& table, unsigned level, const Same& same) const;
  static size_t count_below(const Node& node, size_t limit);
  const Entry* find_among(std::span<const char> items, const Entry& entry) const;

  [[no_unique_address]] Hash hash_{};
  [[no_unique_address]] Eq eq_{};
  FamilyT* family_ = nullptr;
  StoredNode root_;
  Version* version_ = nullptr;  // null only where family_ is
  bool writing_ = false;        // version_ is this trie's alone, and root_ ahead of what it says
  size_t size_ = 0;
};

// Visits every entry once: a table's own entries, then its children. Borrows the version: valid while any handle of it lives and is not assigned to.
template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
class Trie<Entry, KeyOf, Hash, Eq, Policy>::iterator {
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
    if (entries_left_ == 0) {
      enter_next();
    } else {
      next_entry();
    }
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
  explicit iterator(const Node& root) {
    if (root.ref == 0) return;
    enter(root);
    ++*this;
  }
  void enter(const Node& node) {
    items_ = Tables::items(node);
    if (child_bits(node) == 0) return enter_run(item_count(node));
    const uint32_t children = gathered(node.nodes(), node.all());
    entries_left_ = first_bits(item_count(node)) & ~children;
    levels_[depth_++] = {items_, children};
    __builtin_prefetch(Tables::address(item_of_lowest(items_, children)));
  }
  // A list may be longer than a word has bits.
  void enter_run(uint32_t count) {
    const uint32_t here = std::min(count, 32u);
    entries_left_ = first_bits(here);
    run_left_ = count - here;
  }
  void next_entry() {
    slot_ = &Tables::slot(item_of_lowest(items_, entries_left_));
    entries_left_ &= entries_left_ - 1;
  }
  // To the first entry of the next table that has any.
  void enter_next() {
    while (entries_left_ == 0) {
      if (run_left_ > 0) {
        items_ += 32 * Tables::kItemBytes;
        enter_run(run_left_);
        break;
      }
      while (depth_ > 0 && levels_[depth_ - 1].children == 0) --depth_;
      if (depth_ == 0) {
        slot_ = nullptr;
        return;
      }
      enter(levels_[depth_ - 1].take());
    }
    next_entry();
  }

  const Slot* slot_ = nullptr;
  const char* items_ = nullptr;
  uint32_t entries_left_ = 0;  // of the first 32 items, by index
  uint32_t run_left_ = 0;      // behind these
  unsigned depth_ = 0;
  std::array<ChildrenLeft, kTableLevels> levels_{};
};

}  // namespace detail
}  // namespace hamt

#include <hamt/check.h>
#include <hamt/compare.h>
