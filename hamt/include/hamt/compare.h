#pragma once

// How two versions are compared: ==, and what differs. Not a door: include hamt/map.h or hamt/set.h. Versions of one family share tables, and have one hash:
// equal contents differ in shape only where a few entries are a bucket or a list in one and a table in the other. Versions of different families are
// compared by lookup.

#include <hamt/trie.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace hamt::detail {

// Walks two versions side by side and skips what they share.
template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
template <typename Same, typename Visitor>
class Trie<Entry, KeyOf, Hash, Eq, Policy>::Differ {
 public:
  Differ(const Trie& trie, const Same& same, Visitor& visitor) : trie_(trie), same_(same), visitor_(visitor) {}

  void tables(const Node& before, const Node& after, unsigned level) {
    if (before.ref == after.ref) return;
    if (before.is_bucket() && after.is_bucket()) return buckets(before, after);
    if (!is_table(before) || !is_table(after)) return by_lookup(before, after, level);
    for (uint32_t left = before.all() | after.all(); left != 0; left &= left - 1)
      position(before, after, lowest(left), level);
  }

  // For tries of different families, whose hashes need not agree.
  void by_lookup(const Trie& before, const Trie& after) {
    before.for_each([&](const Entry& entry) { compare(entry, after.find(KeyOf{}(entry))); });
    after.for_each([&](const Entry& entry) {
      if (before.find(KeyOf{}(entry)) == nullptr) visitor_.added(entry);
    });
  }

 private:
  enum class Item : uint8_t { kNothing, kEntry, kChild };

  void position(const Node& before, const Node& after, uint32_t bit, unsigned level) {
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
  void entry_after(const Node& before, const Entry* after, unsigned level) {
    const Entry* const kept = after == nullptr ? nullptr : find(before, *after, level);
    for_each_entry(before, [&](const Entry& entry) { compare(entry, &entry == kept ? after : nullptr); });
    if (after != nullptr && kept == nullptr) visitor_.added(*after);
  }
  void entry_before(const Entry* before, const Node& after, unsigned level) {
    const Entry* const kept = before == nullptr ? nullptr : find(after, *before, level);
    if (before != nullptr) compare(*before, kept);
    for_each_entry(after, [&](const Entry& entry) {
      if (&entry != kept) visitor_.added(entry);
    });
  }
  // At the same place: position by position.
  void buckets(const Node& before, const Node& after) {
    BucketItems<Tables> was(before);
    BucketItems<Tables> is(after);
    for (uint32_t left = before.all() | after.all(); left != 0; left &= left - 1) {
      const std::span<const char> old_items = was.at(lowest(left));
      const std::span<const char> new_items = is.at(lowest(left));
      const auto is_kept = [&](size_t at) {  // most are, and need no look at keys and values
        return at < std::min(old_items.size(), new_items.size()) &&
               std::memcmp(&old_items[at], &new_items[at], sizeof(Slot)) == 0;
      };
      for (size_t at = 0; at < old_items.size(); at += Tables::kItemBytes) {
        const Entry& entry = entry_of(Tables::slot(&old_items[at]));
        if (!is_kept(at)) compare(entry, trie_.find_among(new_items, entry));
      }
      for (size_t at = 0; at < new_items.size(); at += Tables::kItemBytes) {
        const Entry& entry = entry_of(Tables::slot(&new_items[at]));
        if (!is_kept(at) && trie_.find_among(old_items, entry) == nullptr) visitor_.added(entry);
      }
    }
  }
  void by_lookup(const Node& before, const Node& after, unsigned level) {
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

  const Entry* find(const Node& node, const Entry& entry, unsigned level) const {
    return trie_.find_from(node, level, KeyOf{}(entry));
  }
  template <typename Function>
  static void for_each_entry(const Node& node, Function function) {
    for_each_below(node, function);
  }
  static Item item_at(const Node& table, uint32_t bit) {
    if ((table.all() & bit) == 0) return Item::kNothing;
    return (table.nodes() & bit) != 0 ? Item::kChild : Item::kEntry;
  }
  static Node child_at(const Node& table, uint32_t bit) {
    return Tables::child(Tables::item_at(table, rank(table.all(), bit)));
  }
  static const Entry& entry_at(const Node& table, uint32_t bit) {
    return entry_of(Tables::slot(Tables::item_at(table, rank(table.all(), bit))));
  }

  const Trie& trie_;
  const Same& same_;
  Visitor& visitor_;
};

template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
template <typename Same, typename Visitor>
void Trie<Entry, KeyOf, Hash, Eq, Policy>::diff(const Trie& after, const Same& same, Visitor&& visitor) const {
  Differ<Same, std::remove_reference_t<Visitor>> differ(*this, same, visitor);
  const bool one_family = family_ == after.family_ && root_.ref != 0 && after.root_.ref != 0;
  if (one_family) return differ.tables(root_, after.root_, 0);
  differ.by_lookup(*this, after);
}

// Equal when every entry of one is in the other: the sizes agree, so one direction is enough; shared tables are skipped.
template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
template <typename Same>
bool Trie<Entry, KeyOf, Hash, Eq, Policy>::equals(const Trie& other, const Same& same) const {
  if (size_ != other.size_) return false;
  if (root_.ref == other.root_.ref) return true;
  if (family_ != other.family_) {
    for (const Entry& entry : *this) {
      const Entry* const found = other.find(KeyOf{}(entry));
      if (found == nullptr || !same(entry, *found)) return false;
    }
    return true;
  }
  return same_below(root_, other.root_, 0, same);
}

// A table, and a bucket or a list, at the same place. (A long list is of one hash, which the entries of a table never are.)
template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
template <typename Same>
bool Trie<Entry, KeyOf, Hash, Eq, Policy>::same_by_lookup(const Node& few, const Node& table, unsigned level,
                                                          const Same& same) const {
  const size_t count = item_count(few);
  if (count > Tables::kFewMax || count_below(table, count) != count) return false;
  bool is_same = true;
  for_each_below(few, [&](const Entry& entry) {
    if (!is_same) return;
    const Entry* const other = find_from(table, level, KeyOf{}(entry));
    is_same = other != nullptr && same(entry, *other);
  });
  return is_same;
}
// Of entries; any number above `limit` where there are more.
template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
size_t Trie<Entry, KeyOf, Hash, Eq, Policy>::count_below(const Node& node, size_t limit) {
  size_t count = item_count(node) - popcount(child_bits(node));
  for (uint32_t left = child_bits(node); left != 0 && count <= limit; left &= left - 1)
    count += count_below(Tables::child(Tables::item_at(node, rank(node.all(), lowest(left)))), limit);
  return count;
}

// The entry with the key of this one, which may be the very same (boxed ones are shared).
template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
const Entry* Trie<Entry, KeyOf, Hash, Eq, Policy>::find_among(std::span<const char> items, const Entry& entry) const {
  for (size_t at = 0; at < items.size(); at += Tables::kItemBytes) {
    const Entry& other = entry_of(Tables::slot(&items[at]));
    if (&other == &entry || eq_(KeyOf{}(other), KeyOf{}(entry))) return &other;
  }
  return nullptr;
}

template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
template <typename Same>
bool Trie<Entry, KeyOf, Hash, Eq, Policy>::same_below(const Node& a, const Node& b, unsigned level,
                                                      const Same& same) const {
  if (a.ref == b.ref) return true;
  if (is_table(a) != is_table(b))
    return is_table(b) ? same_by_lookup(a, b, level, same) : same_by_lookup(b, a, level, same);
  if (a.bits != b.bits || ((a.ref ^ b.ref) & ~Node::kAddressBits) != 0) return false;
  const auto same_entries = [&](const Entry& entry, const Entry* other) {
    return other == &entry || (other != nullptr && eq_(KeyOf{}(entry), KeyOf{}(*other)) && same(entry, *other));
  };
  if (a.is_bucket()) {
    BucketItems<Tables> ours(a);
    BucketItems<Tables> theirs(b);
    for (uint32_t left = a.all(); left != 0; left &= left - 1) {
      const std::span<const char> items = ours.at(lowest(left));
      const std::span<const char> others = theirs.at(lowest(left));
      for (size_t at = 0; at < items.size(); at += Tables::kItemBytes) {
        const Entry& entry = entry_of(Tables::slot(&items[at]));
        if (!same_entries(entry, find_among(others, entry))) return false;
      }
    }
    return true;
  }
  for (uint32_t index = 0; index < (is_list(a) ? a.nodes() : 0); ++index) {
    const Entry& entry = entry_of(Tables::slot(Tables::item_at(a, index)));
    if (!same_entries(entry, find_in_list(b, KeyOf{}(entry), hash_of(KeyOf{}(entry))))) return false;
  }
  for (uint32_t left = a.all(), index = 0; left != 0; left &= left - 1, ++index) {
    const char* const item = Tables::item_at(a, index);
    const char* const other = Tables::item_at(b, index);
    const bool same_items = (a.nodes() & lowest(left)) != 0
                                ? same_below(Tables::child(item), Tables::child(other), level + 1, same)
                                : same_entries(entry_of(Tables::slot(item)), &entry_of(Tables::slot(other)));
    if (!same_items) return false;
  }
  return true;
}

}  // namespace hamt::detail
