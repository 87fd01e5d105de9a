#pragma once

// What a trie looks like, and whether it holds what it promises. Not a door: include hamt/map.h or hamt/set.h.

#include <hamt/trie.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace hamt::detail {

template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
class Trie<Entry, KeyOf, Hash, Eq, Policy>::Surveyor {
 public:
  explicit Surveyor(const Trie& trie) : trie_(trie) {}

  structure_info run() {
    look_below(trie_.root_, 1);
    const auto entries = static_cast<double>(trie_.size_);
    info_.depth_average = static_cast<double>(depths_) / entries;
    info_.bitmap_utilisation = static_cast<double>(positions_) / (32 * static_cast<double>(info_.tables));
    info_.bytes_per_entry = static_cast<double>(trie_.memory_usage()) / entries;
    return info_;
  }

 private:
  void look_below(const Node& node, size_t depth) {
    const size_t children = popcount(child_bits(node));
    const size_t entries = item_count(node) - children;
    if (entries > 0) info_.depth_max = std::max(info_.depth_max, depth);
    depths_ += entries * depth;
    if (!is_table(node)) {
      ++(is_list(node) ? info_.lists : info_.buckets);
      info_.collisions += collisions_in(node);
      return;
    }
    ++info_.tables;
    positions_ += entries + children;
    visit_items<Tables>(
        node, [](const Slot&) {}, [&](const Node& child) { look_below(child, depth + 1); });
  }
  size_t collisions_in(const Node& list) const {
    std::unordered_map<uint64_t, size_t> counts;
    visit_items<Tables>(
        list, [&](const Slot& slot) { ++counts[trie_.slot_hash(slot)]; }, [](const Node&) {});
    size_t collisions = 0;
    for (const auto& [hash, count] : counts) collisions += count > 1 ? count : 0;
    return collisions;
  }

  const Trie& trie_;
  structure_info info_;
  size_t depths_ = 0;     // over entries
  size_t positions_ = 0;  // occupied, over tables
};

template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
structure_info Trie<Entry, KeyOf, Hash, Eq, Policy>::structure() const {
  return size_ == 0 ? structure_info() : Surveyor(*this).run();
}

// Checks what every operation must preserve; the first violation in words, or nothing.
template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
class Trie<Entry, KeyOf, Hash, Eq, Policy>::Checker {
 public:
  explicit Checker(const Trie& trie) : trie_(trie) {}

  std::string run() {
    if (trie_.root_.ref == 0) {
      check(trie_.size_ == 0 && trie_.root_.bits == 0, "an empty root with entries");
      return violation_;
    }
    check(!is_list(trie_.root_), "the root is a list");
    node(trie_.root_, 0, 0);
    check(entries_ == trie_.size_, "size() differs from the number of entries");
    return violation_;
  }

 private:
  void check(bool holds, const char* violation) {
    if (!holds && violation_.empty()) violation_ = violation;
  }
  // `prefix`: the hash bits that lead here, left-aligned.
  void node(const Node& at, unsigned level, uint64_t prefix) {
    check(stamp_of(at.block()) > 0, "a free table is reachable");
    check(Tables::has_room_for_vectors(at), "a block that copies by whole vectors run over");
    check(Tables::used_bytes(at) <= payload_bytes(at.block()), "a table is larger than its block");
    if (at.is_bucket()) return bucket(at, level, prefix);
    if (is_list(at)) return list(at, level, prefix);
    check(level < kTableLevels, "a table lies too deep");
    check((at.nodes() & ~at.all()) == 0, "a child position is not occupied");
    if (!violation_.empty()) return;
    const size_t entries_before = entries_;
    bool only_lists = true;
    for (uint32_t left = at.all(); left != 0; left &= left - 1) {
      const uint32_t bit = lowest(left);
      const uint64_t chunk = static_cast<uint64_t>(std::countr_zero(bit));
      const uint64_t here = prefix | (chunk << (64 - kChunkBits)) >> (kChunkBits * level);
      const char* const item = Tables::item_at(at, rank(at.all(), bit));
      if ((at.nodes() & bit) != 0) {
        const Node child = Tables::child(item);
        only_lists = only_lists && is_list(child) && child.nodes() > Tables::kFewMax;
        node(child, level + 1, here);
      } else {
        entry(Tables::slot(item), level + 1, here);
      }
    }
    if (level == 0) return;
    check(entries_ - entries_before > Tables::kFewLeft,
          "a table below the root of entries that make a bucket or a list");
    check(!std::has_single_bit(at.all()) || !only_lists, "a table of a single list below the root");
  }
  void bucket(const Node& at, unsigned level, uint64_t prefix) {
    check(!Tables::kCompact, "a bucket of small entries");
    check(bucket_size(at) >= 2, "a bucket of fewer than two entries");
    check(bucket_size(at) <= Tables::kFewMax, "a bucket that should be a table or a list");
    check(static_cast<uint32_t>(std::popcount(at.firsts())) == popcount(at.all()) + 1,
          "a bucket whose bitmaps disagree");
    check((at.firsts() & 1) != 0, "a bucket whose first item is not the first of its position");
    if (!violation_.empty()) return;
    BucketItems<Tables> buckets(at);
    for (uint32_t left = at.all(); left != 0; left &= left - 1) {
      const std::span<const char> items = buckets.at(lowest(left));
      for (size_t place = 0; place < items.size(); place += Tables::kItemBytes) {
        const Slot& slot = Tables::slot(&items[place]);
        entry(slot, level, prefix);
        check(position_in_bucket(trie_.hash_of(key_of(slot)), level) == position_of(lowest(left)),
              "an entry of a bucket in another's position");
        for (size_t other = 0; other < place; other += Tables::kItemBytes)
          check(!trie_.eq_(key_of(Tables::slot(&items[other])), key_of(slot)), "a key twice in a bucket");
      }
    }
  }
  void list(const Node& at, unsigned level, uint64_t prefix) {
    check(at.nodes() >= (Tables::kCompact ? 2 : Tables::kFewMax + 1), "a list of too few entries");
    const uint64_t hash = trie_.slot_hash(slot_in(at, 0));
    for (uint32_t index = 0; index < at.nodes(); ++index) {
      const Slot& slot = slot_in(at, index);
      entry(slot, level, prefix);
      check(at.nodes() <= Tables::kFewMax || trie_.slot_hash(slot) == hash, "a long list of different hashes");
      for (uint32_t other = 0; other < index; ++other)
        check(!trie_.eq_(key_of(slot_in(at, other)), key_of(slot)), "a key twice in a list");
    }
  }
  static const Slot& slot_in(const Node& list, uint32_t index) { return Tables::slot(Tables::item_at(list, index)); }
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

template <typename Entry, typename KeyOf, typename Hash, typename Eq, typename Policy>
std::string Trie<Entry, KeyOf, Hash, Eq, Policy>::validate() const {
  return Checker(*this).run();
}

}  // namespace hamt::detail
