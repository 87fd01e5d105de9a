#pragma once

// hamt::map: a persistent hash map. A map is a value that never changes: set(), erase() and the others return a new version, which shares all but a
// handful of small tables with the old one; both stay valid for as long as anyone holds them. A transient is the same map for a writer who does many
// changes in a row: it changes in place what it alone can reach.
//
// Cost      find: one cache line per level (about log32 of the size), no locks, no atomics. set/erase: O(log32 size) tables copied; in a transient
//           about the price of a mutable hash map. Copying a handle: one counter update; dropping a version's last one: O(what it alone held);
//           transient() and persistent(): O(1). A process that never started a thread executes no locked instruction.
// Memory    19 to 25 bytes per entry for 8-byte keys and values, 14 for entries of up to 8 bytes. Entries that are trivially copyable and at most 32 bytes lie in the tables;
//           others in a block each, so a new version never copies an entry. Freed memory returns to the family (a map and all versions made from it),
//           and to the system with the family's last version. A dropped version from which several living ones were made keeps its memory until at
//           most one of them is left.
// Policy    `reclaim`, the default, as said above; `never_reclaim` (hamt/family.h) keeps everything until the family goes, for batch jobs.
// Texts     As std::string, which the map owns; as std::string_view, on the caller's bytes; as hamt::text_ref (hamt/text.h), the same in items of 16 bytes,
//           with texts of up to 7 bytes in the item itself.
// Threads   Any number of threads may read, copy and drop versions, and make new ones from the same version; no operation waits for another: what is
//           dropped while another thread changes a version of the family is freed by that thread. One handle (or transient) must not be changed while
//           another thread uses that very handle. Where versions are used by several threads, copying Hash and Eq and reading entries must be thread safe.
// Failure   Throws only what allocation, Hash, Eq, copies of K and V and functions handed in throw, std::length_error for millions of keys with one hash or
//           for memory above 48 bits of address, and what never_reclaim says; a call that throws has changed nothing. Destructors of K and V and
//           copies of Hash and Eq must not throw.
// References and iterators into a version hold while that version has a handle; changing a transient, or an rvalue map, invalidates them.

#include <hamt/hash.h>
#include <hamt/trie.h>

#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace hamt {

template <typename K, typename V>
struct map_entry {
  K key;
  V value;
};

namespace detail {

struct KeyOfMapEntry {
  template <typename K, typename V>
  const K& operator()(const map_entry<K, V>& entry) const {
    return entry.key;
  }
};

}  // namespace detail

template <typename K, typename V, typename Hash = hash<K>, typename Eq = std::equal_to<>, typename Policy = reclaim>
class map {
  using Trie = detail::Trie<map_entry<K, V>, detail::KeyOfMapEntry, Hash, Eq, Policy>;
  using Editor = detail::Editor<Trie>;
  static constexpr bool kTransparent = detail::Transparent<Hash> && detail::Transparent<Eq>;

 public:
  using key_type = K;
  using mapped_type = V;
  using value_type = map_entry<K, V>;
  using size_type = size_t;
  using difference_type = ptrdiff_t;
  using hasher = Hash;
  using key_equal = Eq;
  using reference = const value_type&;
  using const_reference = const value_type&;
  using const_iterator = typename Trie::iterator;
  using iterator = const_iterator;
  class transient_type;

  map() = default;  // allocates nothing
  explicit map(Hash hash, Eq eq = Eq()) : trie_(std::move(hash), std::move(eq)) {}
  map(Hash hash, Eq eq, const memory_options& memory) : trie_(std::move(hash), std::move(eq), memory) {}
  map(std::initializer_list<value_type> entries) : map(entries.begin(), entries.end()) {}
  template <std::input_iterator Iterator>
  map(Iterator first, Iterator last) {  // of two equal keys the later one counts
    detail::VersionEditor<Trie> editor(trie_);
    for (; first != last; ++first) {
      K key(first->key);
      V value(first->value);
      assign(editor, key, value);
    }
  }

  size_t size() const { return trie_.size(); }
  [[nodiscard]] bool empty() const { return trie_.size() == 0; }
  hasher hash_function() const { return trie_.hash_function(); }
  key_equal key_eq() const { return trie_.key_eq(); }

  // The value, or nullptr.
  const V* find(const K& key) const { return value_of(trie_.find(key)); }
  template <typename Q>
  requires kTransparent const V* find(const Q& key) const { return value_of(trie_.find(key)); }
  bool contains(const K& key) const { return trie_.find(key) != nullptr; }
  template <typename Q>
  requires kTransparent bool contains(const Q& key) const { return trie_.find(key) != nullptr; }
  size_t count(const K& key) const { return contains(key) ? 1 : 0; }
  template <typename Q>
  requires kTransparent size_t count(const Q& key)
  const { return contains(key) ? 1 : 0; }
  // Throws std::out_of_range.
  const V& at(const K& key) const { return checked(find(key)); }
  template <typename Q>
  requires kTransparent const V& at(const Q& key) const { return checked(find(key)); }

  // Many lookups in one call: found[i] is what find(keys[i]) gives; as long as `keys`. At a million entries about twice as fast as one by one.
  void find_batch(std::span<const K> keys, std::span<const V*> found) const {
    trie_.find_batch(keys, [found](size_t index, const value_type* entry) { found[index] = value_of(entry); });
  }

  const_iterator begin() const { return trie_.begin(); }
  const_iterator end() const { return trie_.end(); }
  // Calls function(entry) for every entry, in the order of iteration.
  template <typename Function>
  void for_each(Function&& function) const {
    trie_.for_each(function);
  }

  // A version with key -> value. Called on an rvalue (`m = std::move(m).set(k, v)`) these change in place what no other version shares.
  [[nodiscard]] map set(K key, V value) const& { return changed(assigning(key, value)); }
  [[nodiscard]] map set(K key, V value) && { return std::move(*this).changed(assigning(key, value)); }
  // As set, but a key that is there keeps its value.
  [[nodiscard]] map insert(K key, V value) const& { return changed(adding(key, value)); }
  [[nodiscard]] map insert(K key, V value) && { return std::move(*this).changed(adding(key, value)); }
  // key -> function(value now), or function(V()) where the key is missing.
  template <std::invocable<const V&> Function>
  [[nodiscard]] map update(K key, Function&& function) const& {
    return changed(updating(key, function));
  }
  template <std::invocable<const V&> Function>
  [[nodiscard]] map update(K key, Function&& function) && {
    return std::move(*this).changed(updating(key, function));
  }
  // As update, but a missing key stays missing.
  template <std::invocable<const V&> Function>
  [[nodiscard]] map update_if_exists(K key, Function&& function) const {
    return contains(key) ? update(std::move(key), function) : *this;
  }
  // Without the key; where it is missing the result shares everything with this version.
  [[nodiscard]] map erase(const K& key) const& { return changed(erasing(key)); }
  [[nodiscard]] map erase(const K& key) && { return std::move(*this).changed(erasing(key)); }
  template <typename Q>
  requires kTransparent [[nodiscard]] map erase(const Q& key) const& { return changed(erasing(key)); }
  template <typename Q>
  requires kTransparent [[nodiscard]] map erase(const Q& key) && { return std::move(*this).changed(erasing(key)); }

  // All entries of both; where both have a key the value of this map stays. Shares this map's tables. Between versions of one family O(what differs),
  // else O(size of the other).
  [[nodiscard]] map merge(const map& other) const {
    return changed([&](Editor& editor) { trie_.diff(other.trie_, same_value, Merging{editor}); });
  }
  // As merge, but where both have a key the result has combine(value of this map, value of the other). O(size of the other).
  template <std::invocable<const V&, const V&> Combine>
  [[nodiscard]] map merge(const map& other, Combine&& combine) const {
    return changed([&](Editor& editor) {
      other.for_each([&](const value_type& theirs) {
        editor.put(theirs.key, detail::Existing::kReplace, [&](const value_type* ours) {
          return ours == nullptr ? value_type{theirs.key, theirs.value}
                                 : value_type{ours->key, combine(ours->value, theirs.value)};
        });
      });
    });
  }

  [[nodiscard]] transient_type transient() const& { return transient_type(trie_); }
  [[nodiscard]] transient_type transient() && { return transient_type(std::move(trie_)); }

  // O(what differs) between versions of one family, else O(size).
  friend bool operator==(const map& a, const map& b) { return a.trie_.equals(b.trie_, same_value); }

  // Calls visitor.added(entry), visitor.removed(entry) and visitor.changed(before, after) for what differs from `before` to `after`. Between versions
  // of one family shared tables are skipped: O(what differs). Without operator== for V every value stored anew counts as changed.
  template <typename Visitor>
  friend void diff(const map& before, const map& after, Visitor&& visitor) {
    before.trie_.diff(after.trie_, same_value, visitor);
  }

  // The very same version: not only equal, but one root.
  bool identical(const map& other) const { return trie_.shares_root_with(other.trie_); }
  // Empty when every invariant of the structure holds, else the first violation. O(size).
  std::string validate() const { return trie_.validate(); }
  // Depth, fill and collisions. O(tables).
  structure_info structure() const { return trie_.structure(); }
  // Bytes of the tables and entries of this version, shared or not. O(tables).
  size_t memory_usage() const { return trie_.memory_usage(); }
  // Bytes the whole family holds from its memory source, free blocks included. O(1).
  size_t memory_reserved() const { return trie_.memory_reserved(); }
  void swap(map& other) noexcept { trie_.swap(other.trie_); }
  friend void swap(map& a, map& b) noexcept { a.swap(b); }

 private:
  explicit map(Trie&& trie) : trie_(std::move(trie)) {}

  static const V* value_of(const value_type* entry) { return entry == nullptr ? nullptr : &entry->value; }
  static const V& checked(const V* value) {
    if (value == nullptr) throw std::out_of_range("hamt::map::at: no such key");
    return *value;
  }
  static bool same_value(const value_type& a, const value_type& b) {
    if constexpr (std::equality_comparable<V>) {
      return a.value == b.value;
    } else {
      return &a == &b;
    }
  }

  // Adds what is new in another map.
  struct Merging {
    Editor& editor;
    void added(const value_type& entry) const {
      editor.put(entry.key, detail::Existing::kKeep, [&](const value_type*) {
        return value_type{entry.key, entry.value};
      });
    }
    void removed(const value_type&) const {}
    void changed(const value_type&, const value_type&) const {}
  };

  // What an editor of the trie is told to do; keys and values are moved from.
  static auto assigning(K& key, V& value) {
    return [&](Editor& editor) { return assign(editor, key, value); };
  }
  static auto adding(K& key, V& value) {
    return [&](Editor& editor) { return add(editor, key, value); };
  }
  template <typename Function>
  static auto updating(K& key, Function& function) {
    return [&](Editor& editor) { return update_in(editor, key, function); };
  }
  template <typename Q>
  static auto erasing(const Q& key) {
    return [&](Editor& editor) { return editor.erase(key); };
  }
  static bool assign(Editor& editor, K& key, V& value) {
    return editor.put(key, detail::Existing::kReplace, [&](const value_type*) {
      return value_type{std::move(key), std::move(value)};
    });
  }
  static bool add(Editor& editor, K& key, V& value) {
    return editor.put(key, detail::Existing::kKeep, [&](const value_type*) {
      return value_type{std::move(key), std::move(value)};
    });
  }
  template <typename Function>
  static bool update_in(Editor& editor, K& key, Function& function) {
    return editor.put(key, detail::Existing::kReplace, [&](const value_type* existing) {
      return existing != nullptr ? value_type{std::move(key), function(existing->value)}
                                 : value_type{std::move(key), function(V())};
    });
  }
  template <typename Change>
  map changed(Change&& change) const& {
    return map(trie_, change);
  }
  template <typename Change>
  map changed(Change&& change) && {
    trie_.edit(change);
    return std::move(*this);
  }
  template <typename Change>
  map(const Trie& from, Change& change) : trie_(from, change) {}

  Trie trie_;
};

// Dropped without persistent() it leaves the map it came from as it was. Move only; one thread at a time.
template <typename K, typename V, typename Hash, typename Eq, typename Policy>
class map<K, V, Hash, Eq, Policy>::transient_type {
 public:
  // noexcept as far as copying Hash and Eq is, which the check cannot see in a template.
  transient_type(transient_type&&) = default;             // NOLINT(performance-noexcept-move-constructor)
  transient_type& operator=(transient_type&&) = default;  // NOLINT(performance-noexcept-move-constructor)

  size_t size() const { return trie_.size(); }
  [[nodiscard]] bool empty() const { return trie_.size() == 0; }
  const V* find(const K& key) const { return value_of(trie_.find(key)); }
  template <typename Q>
  requires kTransparent const V* find(const Q& key) const { return value_of(trie_.find(key)); }
  bool contains(const K& key) const { return find(key) != nullptr; }
  template <typename Q>
  requires kTransparent bool contains(const Q& key) const { return find(key) != nullptr; }
  template <typename Function>
  void for_each(Function&& function) const {
    trie_.for_each(function);
  }

  // True if the key is new; otherwise nothing changes.
  bool insert(K key, V value) { return change(adding(key, value)); }
  // True if the key is new; otherwise its value is replaced.
  bool insert_or_assign(K key, V value) { return change(assigning(key, value)); }
  void set(K key, V value) { change(assigning(key, value)); }
  template <std::invocable<const V&> Function>
  void update(K key, Function&& function) {
    change(updating(key, function));
  }
  // True if the key was there.
  bool erase(const K& key) { return change(erasing(key)); }
  template <typename Q>
  requires kTransparent bool erase(const Q& key) { return change(erasing(key)); }

  [[nodiscard]] map persistent() && {
    trie_.publish();
    return map(std::move(trie_));
  }

 private:
  friend class map;
  explicit transient_type(Trie trie) : trie_(std::move(trie)) {}
  template <typename Change>
  bool change(Change&& what) {
    Editor editor(trie_);
    return what(editor);
  }
  Trie trie_;
};

}  // namespace hamt
