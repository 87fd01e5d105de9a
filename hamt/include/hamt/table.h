#pragma once

// What a table looks like and how one item of it changes. Not a door: include hamt/map.h or hamt/set.h.
//
// The trie of Bagwell ("Ideal Hash Trees", 2001) in the compressed form of Steindorfer & Vinju ("Optimizing Hash-Array Mapped Tries", 2015), 32
// ways, with one difference: the bitmaps of a table lie beside the pointer to it, in its parent. A lookup therefore never reads the table's head,
// and a miss ends in the parent. A table's payload is
//     [children in bit order, 16 bytes each][entries in bit order]
// Keys whose whole hashes are equal share a *bucket*: a payload of entries alone, told by all == 0, hanging where they meet.
// The shape is canonical: it depends on the entries alone, not on their history, but for the order inside a bucket.

#include <hamt/arena.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hamt::detail {

inline constexpr unsigned kChunkBits = 5;
inline constexpr unsigned kTableLevels = 13;  // ceil(64 / 5); a bucket may hang one below

struct Child {
  Block* table = nullptr;
  uint32_t all = 0;    // occupied positions; 0 tells a bucket (or the empty root)
  uint32_t nodes = 0;  // those that hold children; in a bucket: its number of entries
};
static_assert(sizeof(Child) == 16);

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

// The position of a hash in a table of level 0 is its top five bits; `rest` is the hash shifted left by five per level.
inline uint32_t top_bit(uint64_t rest) { return uint32_t{1} << (rest >> (64 - kChunkBits)); }
inline uint32_t bit_at(uint64_t hash, unsigned level) { return top_bit(hash << (kChunkBits * level)); }
inline uint32_t rank(uint32_t bits, uint32_t bit) { return popcount(bits & (bit - 1)); }

inline bool is_bucket(const Child& child) { return child.all == 0; }
inline bool is_single_child_table(const Child& child) {
  return child.nodes == child.all && std::has_single_bit(child.all);
}
inline uint32_t child_count(const Child& child) { return is_bucket(child) ? 0 : popcount(child.nodes); }
inline uint32_t entry_count(const Child& child) {
  return is_bucket(child) ? child.nodes : popcount(child.all & ~child.nodes);
}

// Small, trivially copyable entries lie in the table itself.
template <typename Entry>
struct InlineSlots {
  static constexpr bool kBoxed = false;
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
  static constexpr bool kPooled = kAlignment == alignof(Block) && kWords <= kPooledWordsMax;

  static void* entry_memory(Block* box) { return payload(box) + kEntryOffset; }
  static Entry& entry_in(Block* box) { return *std::launder(static_cast<Entry*>(entry_memory(box))); }
  static const Entry& entry_of(const Slot& slot) { return entry_in(slot.box); }
};

inline constexpr size_t kInlineBytesMax = 32;

template <typename Entry>
using SlotsOf = std::conditional_t<std::is_trivially_copyable_v<Entry> && sizeof(Entry) <= kInlineBytesMax &&
                                       alignof(Entry) <= alignof(Block),
                                   InlineSlots<Entry>, BoxedSlots<Entry>>;

enum class Item : uint8_t { kNothing, kEntry, kChild };

// One item of one table before and after. `slot` and `child` are the new contents.
template <typename Slot>
struct Change {
  Item before = Item::kNothing;
  Item after = Item::kNothing;
  uint32_t bit = 0;           // position in a table
  uint32_t bucket_index = 0;  // position in a bucket
  const Slot* slot = nullptr;
  const Child* child = nullptr;
};

template <typename Slot>
struct Layout {
  static const Child* children(const Child& of) { return reinterpret_cast<const Child*>(payload(of.table)); }
  static Child* children(Child& of) { return reinterpret_cast<Child*>(payload(of.table)); }
  static const Slot* entries(const Child& of) {
    return reinterpret_cast<const Slot*>(payload(of.table) + sizeof(Child) * child_count(of));
  }
  static const Slot* entry_at(const Child& of, uint32_t bit) { return entries(of) + rank(of.all & ~of.nodes, bit); }

  static size_t used_bytes(const Child& of) { return sizeof(Child) * child_count(of) + sizeof(Slot) * entry_count(of); }

  // Spare room for two (small tables) or four items, so that not every insert into a table of one's own moves it; blocks of large buckets come in sizes
  // an eighth apart anyway.
  static size_t words_for(size_t bytes) {
    constexpr size_t kSlotBytes = sizeof(Slot) <= 8 ? 8 : 16;
    const size_t step_bytes = bytes <= 8 * kSlotBytes ? 2 * kSlotBytes : 4 * kSlotBytes;
    return ((bytes + step_bytes - 1) / step_bytes * step_bytes + kWordBytes - 1) / kWordBytes;
  }

  // Where the pieces of a payload lie and how far they go: [0, a_end) stays; [m_begin, m_end) (the later children, then the earlier entries) moves by
  // m_shift; [tail_begin, tail_end) (the later entries) by tail_shift.
  struct Plan {
    size_t a_end, m_begin, m_end, tail_begin, tail_end;
    ptrdiff_t m_shift, tail_shift;
    size_t child_at, slot_at;
  };

  static size_t size_after(const Child& old, const Change<Slot>& change) {
    return used_bytes(old) +
           (change.after == Item::kChild   ? sizeof(Child)
            : change.after == Item::kEntry ? sizeof(Slot)
                                           : 0) -
           (change.before == Item::kChild   ? sizeof(Child)
            : change.before == Item::kEntry ? sizeof(Slot)
                                            : 0);
  }
  static Plan plan(const Child& old, const Change<Slot>& change) {
    constexpr size_t kC = sizeof(Child);
    constexpr size_t kS = sizeof(Slot);
    const bool bucket = is_bucket(old);
    if (bucket && change.before == Item::kChild) __builtin_unreachable();  // buckets have no children
    const size_t child_index = bucket ? 0 : rank(old.nodes, change.bit);
    const size_t entry_index = bucket ? change.bucket_index : rank(old.all & ~old.nodes, change.bit);
    const size_t child_total = child_count(old);
    Plan p;
    p.a_end = kC * child_index;
    p.m_begin = p.a_end + (change.before == Item::kChild ? kC : 0);
    p.m_end = kC * child_total + kS * entry_index;
    p.tail_begin = p.m_end + (change.before == Item::kEntry ? kS : 0);
    p.tail_end = kC * child_total + kS * entry_count(old);
    p.m_shift = static_cast<ptrdiff_t>(kC) * ((change.after == Item::kChild) - (change.before == Item::kChild));
    p.tail_shift =
        p.m_shift + static_cast<ptrdiff_t>(kS) * ((change.after == Item::kEntry) - (change.before == Item::kEntry));
    p.child_at = p.a_end;
    p.slot_at = moved(p.m_end, p.m_shift);
    return p;
  }

  // The bitmaps after the change; the table pointer stays to be filled in.
  static Child shape_after(const Child& old, const Change<Slot>& change) {
    Child next{nullptr, old.all, old.nodes};
    if (is_bucket(old)) {
      next.nodes += change.after == Item::kEntry ? 1 : 0;
      next.nodes -= change.before == Item::kEntry ? 1 : 0;
      return next;
    }
    next.all = change.after == Item::kNothing ? old.all & ~change.bit : old.all | change.bit;
    next.nodes = change.after == Item::kChild ? old.nodes | change.bit : old.nodes & ~change.bit;
    return next;
  }

  static void write_new(char* to, const Plan& p, const Change<Slot>& change) {
    if (change.after == Item::kChild) std::memcpy(to + p.child_at, change.child, sizeof(Child));
    if (change.after == Item::kEntry) std::memcpy(to + p.slot_at, static_cast<const void*>(change.slot), sizeof(Slot));
  }

  // Into another block.
  static void copy_changed(char* to, const char* from, const Plan& p, const Change<Slot>& change) {
    std::memcpy(to, from, p.a_end);
    std::memcpy(to + moved(p.m_begin, p.m_shift), from + p.m_begin, p.m_end - p.m_begin);
    std::memcpy(to + moved(p.tail_begin, p.tail_shift), from + p.tail_begin, p.tail_end - p.tail_begin);
    write_new(to, p, change);
  }

  // As copy_changed where one item takes the place of another of its kind: nothing moves.
  static void copy_replaced(char* to, const Child& old, const Change<Slot>& change) {
    const bool child = change.after == Item::kChild;
    std::memcpy(to, payload(old.table), used_bytes(old));
    if (child) {
      std::memcpy(to + sizeof(Child) * rank(old.nodes, change.bit), change.child, sizeof(Child));
    } else {
      const size_t index = is_bucket(old) ? change.bucket_index : rank(old.all & ~old.nodes, change.bit);
      const size_t at = sizeof(Child) * child_count(old) + sizeof(Slot) * index;
      std::memcpy(to + at, static_cast<const void*>(change.slot), sizeof(Slot));
    }
  }

  // In place: whichever piece lies in the way of the other moves first.
  static void change_in_place(char* at, const Plan& p, const Change<Slot>& change) {
    const auto move_tail = [&] {
      std::memmove(at + moved(p.tail_begin, p.tail_shift), at + p.tail_begin, p.tail_end - p.tail_begin);
    };
    const bool tail_first = p.m_shift > 0 && p.tail_shift >= 0;
    if (tail_first && p.tail_shift != 0) move_tail();
    if (p.m_shift != 0) std::memmove(at + moved(p.m_begin, p.m_shift), at + p.m_begin, p.m_end - p.m_begin);
    if (!tail_first && p.tail_shift != 0) move_tail();
    write_new(at, p, change);
  }

 private:
  static size_t moved(size_t offset, ptrdiff_t shift) {
    return static_cast<size_t>(static_cast<ptrdiff_t>(offset) + shift);
  }
};

}  // namespace hamt::detail
