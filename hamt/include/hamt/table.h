#pragma once

// What a table looks like. Not a door: include hamt/map.h or hamt/set.h.
//
// The trie of Bagwell ("Ideal Hash Trees", 2001), 32 ways. A table holds its items, entries and children mixed, in the order of their positions; two
// bitmaps say which positions are occupied and which of those hold children. Where an item lies is one count of bits, an entry becomes a child in its
// place, and every change moves one run of memory at most. Two layouts:
//   wide      items of 16 bytes or more. The bitmaps lie beside the pointer to the table, in its parent: a lookup never reads a table's head, and a
//             miss ends in the parent.
//   compact   entries of up to 8 bytes in items of 8 (row numbers of a database). A child is a pointer, and the bitmaps lie at the head of its table.
// Entries that share a *list* have no table: in both layouts those whose whole hashes are equal, in the compact one also any few that would else
// share a table of their own.
// The shape is canonical: it depends on the entries alone, not on their history, but for the order inside a list. For n entries below an item:
//   n = 1                          the entry itself
//   n <= kListMax, or equal hashes a list
//   else                           a table; the root is always one

#include <hamt/arena.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace hamt::detail {

inline constexpr unsigned kChunkBits = 5;
inline constexpr unsigned kTableLevels = 13;  // ceil(64 / 5); a list may hang one below

// A table, or a list, as its parent knows it.
struct Node {
  Block* table;
  uint64_t bits;
  // Occupied positions; 0 tells a list (or the empty root).
  uint32_t all() const { return static_cast<uint32_t>(bits); }
  // Those that hold children; of a list: its number of entries.
  uint32_t nodes() const { return static_cast<uint32_t>(bits >> 32); }
};
static_assert(sizeof(Node) == 16);
static_assert(std::is_trivially_default_constructible_v<Node>);

// In the half of `bits` that nodes() shows.
inline constexpr uint64_t as_node(uint32_t bit) { return uint64_t{bit} << 32; }
// Without a table yet.
inline constexpr Node node_of(uint32_t all, uint32_t nodes) { return {nullptr, all | as_node(nodes)}; }

// Nodes in memory are written as a whole. Two stores of 8 bytes that a load of 16 follows hold that load up until they left the store buffer, and the
// root of a version is what its successor needs first.
typedef uint64_t NodeWords __attribute__((vector_size(2 * kWordBytes), aligned(1), may_alias));
inline void put_node(void* to, const Node& node) {
  const NodeWords words = {reinterpret_cast<uintptr_t>(node.table), node.bits};
  *static_cast<NodeWords*>(to) = words;
}
struct StoredNode : Node {
  StoredNode() : Node{} {}
  StoredNode(const StoredNode& other) { copy(other); }  // NOLINT(bugprone-copy-constructor-init): the node with it
  StoredNode& operator=(const StoredNode& other) {
    copy(other);
    return *this;
  }
  StoredNode& operator=(const Node& node) {
    put_node(this, node);
    return *this;
  }

 private:
  void copy(const StoredNode& other) {
    *reinterpret_cast<NodeWords*>(this) = *reinterpret_cast<const NodeWords*>(&other);
  }
};
static_assert(sizeof(StoredNode) == sizeof(Node));

// The instruction halves the time of a lookup, and every x86-64 processor since 2009 has it; compilers leave it out unless they are told (-mpopcnt).
inline uint32_t popcount(uint32_t bits) {
#if defined(__x86_64__) && !defined(__POPCNT__) && !defined(HAMT_NO_POPCNT)
  uint32_t count;
  __asm__("popcntl %1, %0" : "=r"(count) : "r"(bits) : "cc");
  return count;
#else
  return static_cast<uint32_t>(std::popcount(bits));
#endif
}

inline uint32_t rank(uint32_t bits, uint32_t bit) { return popcount(bits & (bit - 1)); }
inline uint32_t lowest(uint32_t bits) { return bits & (~bits + 1); }
// The bits of `from` at the positions of `mask`, side by side: positions become indexes.
inline uint32_t gathered(uint32_t from, uint32_t mask) {
#ifdef __BMI2__
  return __builtin_ia32_pext_si(from, mask);
#else
  uint32_t result = 0;
  for (uint32_t left = from; left != 0; left &= left - 1) result |= uint32_t{1} << rank(mask, lowest(left));
  return result;
#endif
}

// As rank() for the bit at this position; in this form compilers find the one instruction that cuts the rest off.
inline uint32_t rank_at(uint32_t bits, uint32_t position) { return popcount(bits & ((uint32_t{1} << position) - 1)); }

// `count`: 1 to 32.
inline uint32_t first_bits(uint32_t count) { return ~uint32_t{0} >> (32 - count); }

// The position of a hash in a table of level 0 is its top five bits; `rest` is the hash shifted left by five per level.
inline uint32_t top_position(uint64_t rest) { return static_cast<uint32_t>(rest >> (64 - kChunkBits)); }
inline uint32_t top_bit(uint64_t rest) { return uint32_t{1} << top_position(rest); }
inline uint32_t bit_at(uint64_t hash, unsigned level) { return top_bit(hash << (kChunkBits * level)); }
inline size_t position_of(uint32_t bit) { return static_cast<size_t>(std::countr_zero(bit)) & 31; }
// The level of the table in which two hashes part.
inline unsigned fork_level(uint64_t difference) {
  return static_cast<unsigned>(std::countl_zero(difference)) / kChunkBits;
}

inline bool is_list(const Node& node) { return node.all() == 0; }
inline uint32_t item_count(const Node& node) { return is_list(node) ? node.nodes() : popcount(node.all()); }
inline uint32_t child_bits(const Node& node) { return is_list(node) ? 0 : node.nodes(); }

// Small, trivially copyable entries lie in the table itself.
template <typename Entry>
struct InlineSlots {
  static constexpr bool kBoxed = false;
  static constexpr size_t kAlignment = alignof(Block);
  using EntryType = Entry;
  using Slot = Entry;
  static const Entry& entry_of(const Slot& slot) { return slot; }
};

// All others lie in a block of their own: copying a table copies no entry and cannot throw. The hash beside the pointer spares a look
// into most foreign boxes, and every call of the hash function when tables split.
template <typename Entry>
struct BoxedSlots {
  static constexpr bool kBoxed = true;
  using EntryType = Entry;
  struct Slot {
    Block* box = nullptr;
    uint64_t hash = 0;
  };
  static constexpr size_t kAlignment = alignof(Entry) > alignof(Block) ? alignof(Entry) : alignof(Block);
  static constexpr size_t kEntryOffset = kAlignment - sizeof(Block);  // in the payload
  static constexpr uint32_t kWords =
      static_cast<uint32_t>((kEntryOffset + sizeof(Entry) + kWordBytes - 1) / kWordBytes);
  static constexpr bool kPooled = kAlignment == alignof(Block);

  static void* entry_memory(Block* box) { return payload(box) + kEntryOffset; }
  static Entry& entry_in(Block* box) { return *std::launder(static_cast<Entry*>(entry_memory(box))); }
  static const Entry& entry_of(const Slot& slot) { return entry_in(slot.box); }
};

inline constexpr size_t kInlineBytesMax = 32;

template <typename Entry>
using SlotsOf = std::conditional_t<std::is_trivially_copyable_v<Entry> && sizeof(Entry) <= kInlineBytesMax &&
                                       alignof(Entry) <= alignof(Block),
                                   InlineSlots<Entry>, BoxedSlots<Entry>>;

template <typename Slots>
struct Layout {
  using Slot = typename Slots::Slot;
  static constexpr bool kCompact = sizeof(Slot) <= kWordBytes;
  static constexpr size_t kItemBytes =
      kCompact ? kWordBytes : std::max(sizeof(Node), (sizeof(Slot) + kWordBytes - 1) / kWordBytes * kWordBytes);
  static constexpr uint32_t kListMax = kCompact ? 8 : 1;  // see above
  static constexpr uint32_t kTableWordsMax = static_cast<uint32_t>((32 * kItemBytes) / kWordBytes) + 1;

  // Compact tables and long lists bear their bitmaps (or their length) in the first word of their payload.
  static bool has_head(const Node& node) { return kCompact && (!is_list(node) || node.nodes() > kListMax); }
  static size_t head_bytes(const Node& node) { return has_head(node) ? kWordBytes : 0; }
  static char* items(const Node& node) { return payload(node.table) + head_bytes(node); }
  static char* item_at(const Node& node, uint32_t index) { return items(node) + index * kItemBytes; }
  static size_t items_bytes(const Node& node) { return item_count(node) * kItemBytes; }
  static size_t used_bytes(const Node& node) { return head_bytes(node) + items_bytes(node); }

  static const Slot& slot(const char* item) { return *std::launder(reinterpret_cast<const Slot*>(item)); }
  static void put_slot(char* item, const Slot& slot) {
    std::memcpy(item, static_cast<const void*>(std::addressof(slot)), sizeof(Slot));
  }

  // Copies of few items. A call of memcpy costs as much as most of them, and its ladder of sizes is guessed wrong as often as not; so items of 16 bytes
  // go vector by vector. The first two may copy some items more, for which rounded() leaves room in both tables (a block has a word more than that at most).
  static void copy_items(char* to, const char* from, uint32_t count) {
    if constexpr (!kVectors) {
      std::memcpy(to, from, count * kItemBytes);
    } else if (count <= 8) {
      copy_lead(to, from, count * kItemBytes);
    } else {
      for (size_t at = 0, bytes = count * kItemBytes; at < bytes; at += sizeof(Four)) copy_four(to + at, from + at);
    }
  }
  // What copy_items() relies on.
  static bool has_room_for_vectors(const Node& node) {
    const uint32_t unit_words = item_count(node) <= 8 ? 4 : 8;
    return !kVectors || payload_words(node.table) % unit_words <= 1;
  }
  static void copy_lead(char* to, const char* from, size_t bytes) {
    if constexpr (!kVectors) {
      std::memcpy(to, from, bytes);
    } else {
      for (const char* const end = from + bytes; from < end; from += sizeof(Two), to += sizeof(Two)) copy_two(to, from);
    }
  }
  static void copy_tail(char* to, const char* from, const char* end) {
    if constexpr (!kVectors) {
      std::memcpy(to, from, static_cast<size_t>(end - from));
    } else {
      for (; from < end; from += sizeof(One), to += sizeof(One)) copy_one(to, from);
    }
  }
  // The items from `item` to `end` move up by one.
  static void open_gap(char* item, char* end) {
    if constexpr (!kVectors) {
      std::memmove(item + kItemBytes, item, static_cast<size_t>(end - item));
    } else {
      for (; end > item; end -= sizeof(One)) copy_one(end, end - sizeof(One));
    }
  }
  // Those behind `item` move down by one.
  static void close_gap(char* item, char* end) {
    if constexpr (!kVectors) {
      std::memmove(item, item + kItemBytes, static_cast<size_t>(end - item) - kItemBytes);
    } else {
      for (end -= sizeof(One); item < end; item += sizeof(One)) copy_one(item, item + sizeof(One));
    }
  }

  static Node child(const char* item) {
    Node node;
    if constexpr (kCompact) {
      uint64_t word;
      std::memcpy(&word, item, sizeof(word));
      node = {reinterpret_cast<Block*>(word & kPointerBits), as_node(static_cast<uint32_t>(word >> kPointerWidth))};
      if (node.nodes() == 0) get_head(node);
    } else {
      std::memcpy(static_cast<void*>(&node), item, sizeof(node));
    }
    return node;
  }
  static void put_child(char* item, const Node& node) {
    if constexpr (kCompact) {
      const uint64_t length = has_head(node) ? 0 : node.nodes();
      const uint64_t word = reinterpret_cast<uint64_t>(node.table) | length << kPointerWidth;
      std::memcpy(item, &word, sizeof(word));
    } else {
      put_node(item, node);
    }
  }
  // After a change of the bitmaps of an own table.
  static void put_head(const Node& node) {
    if (!has_head(node)) return;
    std::memcpy(payload(node.table), &node.bits, sizeof(node.bits));
  }
  // Of a child, for a prefetch.
  static const void* address(const char* item) {
    if constexpr (kCompact) {
      uint64_t word;
      std::memcpy(&word, item, sizeof(word));
      return reinterpret_cast<const void*>(word & kPointerBits);
    } else {
      const void* table;
      std::memcpy(&table, item, sizeof(table));
      return table;
    }
  }

  // Of the payload. Room for up to three more items, so that not every insert into a table of one's own moves it; a compact list is exact, there are
  // many of them.
  static size_t words_for(const Node& node) {
    const uint32_t count = item_count(node);
    return (head_bytes(node) + rounded(count, has_head(node)) * kItemBytes) / kWordBytes;
  }

 private:
  static constexpr unsigned kPointerWidth = 48;
  static constexpr uint64_t kPointerBits = (uint64_t{1} << kPointerWidth) - 1;
  static_assert(!kCompact || sizeof(void*) == sizeof(uint64_t));

  static constexpr bool kVectors = kItemBytes == 2 * kWordBytes;
  typedef uint64_t One __attribute__((vector_size(2 * kWordBytes), aligned(1), may_alias));
  typedef uint64_t Two __attribute__((vector_size(4 * kWordBytes), aligned(1), may_alias));
  typedef uint64_t Four __attribute__((vector_size(8 * kWordBytes), aligned(1), may_alias));
  static void copy_four(char* to, const char* from) {
    *reinterpret_cast<Four*>(to) = *reinterpret_cast<const Four*>(from);
  }
  static void copy_one(char* to, const char* from) {
    *reinterpret_cast<One*>(to) = *reinterpret_cast<const One*>(from);
  }
  static void copy_two(char* to, const char* from) {
    *reinterpret_cast<Two*>(to) = *reinterpret_cast<const Two*>(from);
  }

  static void get_head(Node& node) { std::memcpy(&node.bits, payload(node.table), sizeof(node.bits)); }
  static size_t rounded(uint32_t count, bool headed) {
    if (kCompact && !headed) return count;
    if (count > 32) return rounded_list(count);
    const uint32_t step = count <= 8 ? 2 : 4;
    return (count + step - 1) & ~(step - 1);
  }
  // Of equal hashes.
  static size_t rounded_list(uint32_t count) {
    const uint32_t step = std::bit_floor(count) / 8;
    return (count + size_t{step} - 1) / step * step;
  }
};

// Calls entry(slot) for what lies in the table itself, child(node) for what hangs below it, in this order.
template <typename Tables, typename EntryFunction, typename ChildFunction>
void visit_items(const Node& node, EntryFunction&& entry, ChildFunction&& child) {
  if (child_bits(node) == 0) {
    for (uint32_t index = 0, count = item_count(node); index < count; ++index)
      entry(Tables::slot(Tables::item_at(node, index)));
    return;
  }
  const char* const items = Tables::items(node);
  const uint32_t children = gathered(node.nodes(), node.all());
  const auto item_of = [&](uint32_t left) {
    return items + static_cast<uint32_t>(std::countr_zero(left)) * Tables::kItemBytes;
  };
  const char* next = item_of(children);
  __builtin_prefetch(Tables::address(next));
  for (uint32_t left = first_bits(item_count(node)) & ~children; left != 0; left &= left - 1)
    entry(Tables::slot(item_of(left)));
  for (uint32_t left = children & (children - 1); left != 0; left &= left - 1) {
    const char* const item = std::exchange(next, item_of(left));
    __builtin_prefetch(Tables::address(next));
    child(Tables::child(item));
  }
  child(Tables::child(next));
}

}  // namespace hamt::detail
