#pragma once

// hamt::set: a persistent hash set. Everything hamt/map.h says of maps holds: cost, memory, threads, failure. The hash and the equality may be
// stateful, and both may know other types of key: an entry can be a row number whose key lies in a column, found by the key itself
// (`using is_transparent` in both; Hash(entry), Hash(query), Eq(entry, entry), Eq(entry, query)). What they point to must outlive every version.

#include <hamt/hash.h>
#include <hamt/trie.h>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace hamt {
namespace detail {

struct KeyOfSetEntry {
  template <typename Entry>
  const Entry& operator()(const Entry& entry) const {
    return entry;
  }
};

}  // namespace detail

template <typename Entry, typename Hash = hash<Entry>, typename Eq = std::equal_to<>, typename Policy = reclaim>
class set {
  using Trie = detail::Trie<Entry, detail::KeyOfSetEntry, Hash, Eq, Policy>;
  using Editor = detail::Editor<Trie>;
  static constexpr bool kTransparent = detail::Transparent<Hash> && detail::Transparent<Eq>;

 public:
  using key_type = Entry;
  using value_type = Entry;
  using size_type = size_t;
  using difference_type = ptrdiff_t;
  using hasher = Hash;
  using key_equal = Eq;
  using reference = const Entry&;
  using const_reference = const Entry&;
  using const_iterator = typename Trie::iterator;
  using iterator = const_iterator;
  class transient_type;

  set() = default;  // allocates nothing
  explicit set(Hash hash, Eq eq = Eq()) : trie_(std::move(hash), std::move(eq)) {}
  set(Hash hash, Eq eq, const memory_options& memory) : trie_(std::move(hash), std::move(eq), memory) {}
  set(std::initializer_list<Entry> entries) : set(entries.begin(), entries.end()) {}
  template <std::input_iterator Iterator>
  set(Iterator first, Iterator last) {  // of two equal entries the earlier one stays
    detail::VersionEditor<Trie> editor(trie_);
    for (; first != last; ++first) put(editor, Entry(*first), detail::Existing::kKeep);
  }

  size_t size() const { return trie_.size(); }
  [[nodiscard]] bool empty() const { return trie_.size() == 0; }
  hasher hash_function() const { return trie_.hash_function(); }
  key_equal key_eq() const { return trie_.key_eq(); }

  // The entry, or nullptr.
  const Entry* find(const Entry& key) const { return trie_.find(key); }
  template <typename Q>
  requires kTransparent const Entry* find(const Q& key) const { return trie_.find(key); }
  bool contains(const Entry& key) const { return trie_.find(key) != nullptr; }
  template <typename Q>
  requires kTransparent bool contains(const Q& key) const { return trie_.find(key) != nullptr; }
  size_t count(const Entry& key) const { return contains(key) ? 1 : 0; }
  template <typename Q>
  requires kTransparent size_t count(const Q& key)
  const { return contains(key) ? 1 : 0; }

  // Many lookups in one call: found[i] is what find(keys[i]) gives; as long as `keys`.
  void find_batch(std::span<const Entry> keys, std::span<const Entry*> found) const {
    trie_.find_batch(keys, [found](size_t index, const Entry* entry) { found[index] = entry; });
  }

  const_iterator begin() const { return trie_.begin(); }
  const_iterator end() const { return trie_.end(); }
  template <typename Function>
  void for_each(Function&& function) const {
    trie_.for_each(function);
  }

  // A version with the entry; an equal one that is there stays. On an rvalue these change in place what no other version shares.
  [[nodiscard]] set insert(Entry entry) const& { return changed(putting(entry, detail::Existing::kKeep)); }
  [[nodiscard]] set insert(Entry entry) && { return std::move(*this).changed(putting(entry, detail::Existing::kKeep)); }
  // As insert, but takes the place of an equal entry.
  [[nodiscard]] set insert_or_assign(Entry entry) const& { return changed(putting(entry, detail::Existing::kReplace)); }
  [[nodiscard]] set insert_or_assign(Entry entry) && {
    return std::move(*this).changed(putting(entry, detail::Existing::kReplace));
  }
  // Without the entry; where it is missing the result shares everything with this version.
  [[nodiscard]] set erase(const Entry& key) const& { return changed(erasing(key)); }
  [[nodiscard]] set erase(const Entry& key) && { return std::move(*this).changed(erasing(key)); }
  template <typename Q>
  requires kTransparent [[nodiscard]] set erase(const Q& key) const& { return changed(erasing(key)); }
  template <typename Q>
  requires kTransparent [[nodiscard]] set erase(const Q& key) && { return std::move(*this).changed(erasing(key)); }

  // The entries of both; of two equal ones that of this set stays. Between versions of one family O(what differs), else O(size of the other).
  [[nodiscard]] set merge(const set& other) const {
    return changed([&](Editor& editor) { trie_.diff(other.trie_, same_entry, Merging{editor}); });
  }

  [[nodiscard]] transient_type transient() const& { return transient_type(trie_); }
  [[nodiscard]] transient_type transient() && { return transient_type(std::move(trie_)); }

  // The same keys by Eq. O(what differs) between versions of one family, else O(size).
  friend bool operator==(const set& a, const set& b) {
    return a.trie_.equals(b.trie_, [](const Entry&, const Entry&) { return true; });
  }

  // Calls visitor.added(entry), visitor.removed(entry), and visitor.changed(before, after) where an entry was replaced by another that is equal by Eq
  // but not by its own operator== (or, without one, not byte by byte). Shared tables are skipped: O(what differs) within one family.
  template <typename Visitor>
  friend void diff(const set& before, const set& after, Visitor&& visitor) {
    before.trie_.diff(after.trie_, same_entry, visitor);
  }

  // The very same version: not only equal, but one root.
  bool identical(const set& other) const { return trie_.shares_root_with(other.trie_); }
  // Empty when every invariant of the structure holds, else the first violation. O(size).
  std::string validate() const { return trie_.validate(); }
  // Depth, fill and collisions. O(tables).
  structure_info structure() const { return trie_.structure(); }
  // Bytes of the tables and entries of this version, shared or not. O(tables).
  size_t memory_usage() const { return trie_.memory_usage(); }
  // Bytes the whole family holds from its memory source, free blocks included. O(1).
  size_t memory_reserved() const { return trie_.memory_reserved(); }
  void swap(set& other) noexcept { trie_.swap(other.trie_); }
  friend void swap(set& a, set& b) noexcept { a.swap(b); }

 private:
  explicit set(Trie&& trie) : trie_(std::move(trie)) {}

  // Adds what is new in another set.
  struct Merging {
    Editor& editor;
    void added(const Entry& entry) const { put(editor, Entry(entry), detail::Existing::kKeep); }
    void removed(const Entry&) const {}
    void changed(const Entry&, const Entry&) const {}
  };

  static bool put(Editor& editor, Entry&& entry, detail::Existing existing) {
    return editor.put(entry, existing, [&](const Entry*) { return Entry(std::move(entry)); });
  }
  // What an editor of the trie is told to do; the entry is moved from.
  static auto putting(Entry& entry, detail::Existing existing) {
    return [&entry, existing](Editor& editor) { return put(editor, std::move(entry), existing); };
  }
  template <typename Q>
  static auto erasing(const Q& key) {
    return [&](Editor& editor) { return editor.erase(key); };
  }
  template <typename Change>
  set changed(Change&& change) const& {
    return set(trie_, change);
  }
  template <typename Change>
  set changed(Change&& change) && {
    trie_.edit(change);
    return std::move(*this);
  }
  template <typename Change>
  set(const Trie& from, Change& change) : trie_(from, change) {}

  static bool same_entry(const Entry& a, const Entry& b) {
    if constexpr (std::equality_comparable<Entry>) {
      return a == b;
    } else if constexpr (std::has_unique_object_representations_v<Entry>) {
      return std::memcmp(&a, &b, sizeof(Entry)) == 0;
    } else {
      return &a == &b;
    }
  }

  Trie trie_;
};

// Dropped without persistent() it leaves the set it came from as it was. Move only; one thread at a time.
template <typename Entry, typename Hash, typename Eq, typename Policy>
class set<Entry, Hash, Eq, Policy>::transient_type {
 public:
  // noexcept as far as copying Hash and Eq is, which the check cannot see in a template.
  transient_type(transient_type&&) = default;             // NOLINT(performance-noexcept-move-constructor)
  transient_type& operator=(transient_type&&) = default;  // NOLINT(performance-noexcept-move-constructor)

  size_t size() const { return trie_.size(); }
  [[nodiscard]] bool empty() const { return trie_.size() == 0; }
  const Entry* find(const Entry& key) const { return trie_.find(key); }
  template <typename Q>
  requires kTransparent const Entry* find(const Q& key) const { return trie_.find(key); }
  bool contains(const Entry& key) const { return trie_.find(key) != nullptr; }
  template <typename Q>
  requires kTransparent bool contains(const Q& key) const { return trie_.find(key) != nullptr; }
  template <typename Function>
  void for_each(Function&& function) const {
    trie_.for_each(function);
  }

  // True if the entry is new; otherwise nothing changes.
  bool insert(Entry entry) { return change(putting(entry, detail::Existing::kKeep)); }
  // True if the entry is new; otherwise it takes the place of the equal one.
  bool insert_or_assign(Entry entry) { return change(putting(entry, detail::Existing::kReplace)); }
  // True if it was there.
  bool erase(const Entry& key) { return change(erasing(key)); }
  template <typename Q>
  requires kTransparent bool erase(const Q& key) { return change(erasing(key)); }

  [[nodiscard]] set persistent() && {
    trie_.publish();
    return set(std::move(trie_));
  }

 private:
  friend class set;
  explicit transient_type(Trie trie) : trie_(std::move(trie)) {}
  template <typename Change>
  bool change(Change&& what) {
    Editor editor(trie_);
    return what(editor);
  }
  Trie trie_;
};

}  // namespace hamt
