#pragma once

// What a table looks like. Not a door: include hamt/map.h or hamt/set.h.
//
// The trie of Bagwell ("Ideal Hash Trees", 2001), 32 ways. A table holds its items, entries and children mixed, in the order of their positions; two
// bitmaps say which positions are occupied and which of those hold children. Where an item lies is one count of bits, an entry becomes a child in its
// place, and every change moves one run of memory at most. Two layouts:
//   wide      items of 16 bytes or more. The bitmaps lie beside the pointer to the table, in its parent: a lookup never reads a table's head, and a
//             miss ends in the parent.
//   compact   entries of up to 8 bytes in items of 8 (row numbers of a database). A child is a pointer, and the bitmaps lie at the head of its table.
// A few entries that would else be spread over tables of their own lie side by side: in the wide layout in a *bucket*, in the order of their positions, in
// the compact one in a *list*, in no order. More entries than that whose whole hashes are equal are a list in both.
// For n entries below an item:
//   n = 1                          the entry itself
//   n <= kFewLeft                  few: a bucket (wide) or a list (compact)
//   n <= kFewMax                   few if they have not been more since, else a table: one entry that comes and goes must not cost a rebuild each time
//   more, of equal hashes          a list
//   else                           a table; the root is always one
//
// A bucket is a table in which a position may have several entries. Beside the bitmap of occupied positions a second one says which of its items is the
// first of its position, and ends with a one more: a small case of Elias's code of sorted numbers ("Efficient Storage and Retrieval by Content and
// Address of Static Files", 1974). Both lie in the parent. So a lookup ends there, or reads the entries of its position and nothing else; up to 47
// entries take one block without a gap where tables would need a dozen; and an insert shifts one word and one run of memory.

#include <hamt/arena.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace hamt::detail {

inline constexpr unsigned kChunkBits = 5;
inline constexpr unsigned kTableLevels = 13;  // ceil(64 / 5); a bucket or a list may hang one below

// A table, a bucket or a list, as its parent knows it.
struct Node {
  uintptr_t
      ref;  // the address of its block; of a bucket also kBucketTag, and in the bits that addresses do not use the upper end of firsts()
  uint64_t bits;
  static constexpr uintptr_t kBucketTag = 1;
  static constexpr uintptr_t kAddressBits = (uintptr_t{1} << kAddressWidth) - 1 - kBucketTag;

  bool is_bucket() const { return (ref & kBucketTag) != 0; }
  Block* block() const { return reinterpret_cast<Block*>(ref & kAddressBits); }
  void set_block(Block* block) { ref = reinterpret_cast<uintptr_t>(block) | (ref & ~kAddressBits); }
  // Occupied positions; 0 tells a list (or the empty root).
  uint32_t all() const { return static_cast<uint32_t>(bits); }
  // Of a table: those that hold children; of a list: its number of entries.
  uint32_t nodes() const { return static_cast<uint32_t>(bits >> 32); }
  // Of a bucket: see the top.
  uint64_t firsts() const { return bits >> 32 | ref >> kAddressWidth << 32; }
};
static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "hamt: buckets need pointers of 64 bits");
static_assert(sizeof(Node) == 16);
static_assert(std::is_trivially_default_constructible_v<Node>);

// In the half of `bits` that nodes() shows.
inline constexpr uint64_t as_node(uint32_t bit) { return uint64_t{bit} << 32; }
// Without a table yet.
inline constexpr Node node_of(uint32_t all, uint32_t nodes) { return {0, all | as_node(nodes)}; }

// Nodes in memory are written as a whole. Two stores of 8 bytes that a load of 16 follows hold that load up until they left the store buffer, and the
// root of a version is what its successor needs first.
typedef uint64_t NodeWords __attribute__((vector_size(2 * kWordBytes), aligned(1), may_alias));
inline void put_node(void* to, const Node& node) {
  const NodeWords words = {node.ref, node.bits};
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
inline uint32_t position_at(uint64_t hash, unsigned level) { return top_position(hash << (kChunkBits * level)); }
inline uint32_t bit_at(uint64_t hash, unsigned level) { return top_bit(hash << (kChunkBits * level)); }
// Of a bucket: it may lie below the last table, where no bits are left.
inline uint32_t position_in_bucket(uint64_t hash, unsigned level) {
  return level < kTableLevels ? position_at(hash, level) : 0;
}
inline size_t position_of(uint32_t bit) { return static_cast<size_t>(std::countr_zero(bit)) & 31; }
// The level of the table in which two hashes part.
inline unsigned fork_level(uint64_t difference) {
  return static_cast<unsigned>(std::countl_zero(difference)) / kChunkBits;
}

// The bit of a word's nth one, counted from 0: one instruction of BMI2, which all x86-64 processors since 2015 have but the smallest, and which AMD's
// made of microcode until 2020. Builds that may run anywhere ask once, at their start; elsewhere it takes 30 steps.
inline uint64_t nth_one_in_steps(uint64_t word, uint32_t n) {
  uint64_t at = 0;
  const auto step = [&](uint32_t width) {
    const uint32_t before = popcount(static_cast<uint32_t>(word >> at) & (~uint32_t{0} >> (32 - width)));
    uint32_t is_above = 0u - static_cast<uint32_t>(n >= before);
    __asm__("" : "+r"(is_above));  // else compilers jump, and guess wrongly
    at += width & is_above;
    n -= before & is_above;
  };
  step(32);
  step(16);
  step(8);
  step(4);
  step(2);
  step(1);
  return uint64_t{1} << at;
}
#if defined(__BMI2__) && !defined(__znver1__) && !defined(__znver2__)
inline uint64_t nth_one(uint64_t word, uint32_t n) { return __builtin_ia32_pdep_di(uint64_t{1} << n, word); }
#elif defined(__x86_64__)
inline const bool kDepositsFast = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_is("amdfam17h") == 0;
}();
HAMT_INLINE inline uint64_t nth_one(uint64_t word, uint32_t n) {
  if (!kDepositsFast) return nth_one_in_steps(word, n);
  uint64_t bit = uint64_t{1} << n;
  __asm__("pdepq %1, %0, %0" : "+r"(bit) : "r"(word));
  return bit;
}
#else
inline uint64_t nth_one(uint64_t word, uint32_t n) { return nth_one_in_steps(word, n); }
#endif

// Buckets; `position` is where an entry belongs at the level of the bucket.
inline constexpr uint32_t kBucketSizeMax = 47;  // with the one at its end as many bits as firsts() has
HAMT_INLINE inline Node bucket_of(uint32_t all, uint64_t firsts, uintptr_t address) {
  return {address | Node::kBucketTag | firsts >> 32 << kAddressWidth, all | firsts << 32};
}
// A bucket whose entries are told one after the other, in the order of their positions.
class BucketShape {
 public:
  void add(uint32_t position) {
    firsts_ |= uint64_t{(all_ >> position & 1) == 0} << count_++;
    all_ |= uint32_t{1} << position;
  }
  Node node() const { return bucket_of(all_, firsts_ | uint64_t{1} << count_, 0); }

 private:
  uint32_t all_ = 0;
  uint64_t firsts_ = 0;
  uint32_t count_ = 0;
};
// (The hint that there is a one spares a jump.)
inline uint32_t size_of_firsts(uint64_t firsts) { return 63 - static_cast<uint32_t>(__builtin_clzll(firsts)); }
inline uint32_t bucket_size(const Node& bucket) { return size_of_firsts(bucket.firsts()); }
// The bit in firsts() of where the entries of a position are, or would be.
inline uint64_t first_at(const Node& bucket, uint32_t position) {
  return nth_one(bucket.firsts(), rank_at(bucket.all(), position));
}
inline uint32_t index_of(uint64_t first) { return static_cast<uint32_t>(__builtin_ctzll(first)); }
// The new one is the first of its position. `first`: first_at() of that.
HAMT_INLINE inline Node with_entry(const Node& bucket, uint32_t position, uint64_t first) {
  const uint64_t firsts = bucket.firsts();
  const uint64_t others = bucket.all() >> position & 1;
  const uint64_t below = (first << others) - 1;
  const uint64_t after = (firsts & below) | (firsts & ~below) << 1 | (first & (others - 1));
  return bucket_of(bucket.all() | uint32_t{1} << position, after, bucket.ref & Node::kAddressBits);
}
HAMT_INLINE inline Node without_entry(const Node& bucket, uint32_t position, uint64_t first) {
  const uint64_t firsts = bucket.firsts();
  const uint64_t is_alone = (firsts & first << 1) != 0;
  const uint64_t below = (first << (1 - is_alone)) - 1;
  const uint32_t all = bucket.all() & ~(static_cast<uint32_t>(is_alone) << position);
  return bucket_of(all, (firsts & below) | (firsts >> 1 & ~below), bucket.ref & Node::kAddressBits);
}

inline bool is_list(const Node& node) { return node.all() == 0; }
inline bool is_table(const Node& node) { return !node.is_bucket() && !is_list(node); }
HAMT_INLINE inline uint32_t item_count(const Node& node) {
  if (node.is_bucket()) return bucket_size(node);
  return is_list(node) ? node.nodes() : popcount(node.all());
}
inline uint32_t child_bits(const Node& node) { return is_table(node) ? node.nodes() : 0; }

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
  // See above. The largest bucket takes about 750 bytes, whatever the items.
  static constexpr uint32_t kFewMax = kCompact ? 8 : kBucketSizeMax * 2 * kWordBytes / kItemBytes;
  static constexpr uint32_t kFewLeft = kFewMax * 2 / 3;
  static constexpr uint32_t kBlockWordsMax =
      static_cast<uint32_t>(kCompact ? 32 + 1 : std::max<size_t>(32, (kFewMax + 1) / 2 * 2) * kItemBytes / kWordBytes);

  // Compact tables and long lists bear their bitmaps (or their length) in the first word of their payload.
  static bool has_head(const Node& node) { return kCompact && (!is_list(node) || node.nodes() > kFewMax); }
  HAMT_INLINE static size_t head_bytes(const Node& node) { return has_head(node) ? kWordBytes : 0; }
  HAMT_INLINE static char* items(const Node& node) { return payload(node.block()) + head_bytes(node); }
  HAMT_INLINE static char* item_at(const Node& node, uint32_t index) { return items(node) + index * kItemBytes; }
  // As item_at(), of what is known to be no bucket.
  HAMT_INLINE static char* item_of_other(const Node& node, uint32_t index) {
    return payload(reinterpret_cast<Block*>(node.ref)) + head_bytes(node) + index * kItemBytes;
  }
  HAMT_INLINE static size_t items_bytes(const Node& node) { return item_count(node) * kItemBytes; }
  static size_t used_bytes(const Node& node) { return head_bytes(node) + items_bytes(node); }

  static const Slot& slot(const char* item) { return *std::launder(reinterpret_cast<const Slot*>(item)); }
  static void put_slot(char* item, const Slot& slot) {
    std::memcpy(item, static_cast<const void*>(std::addressof(slot)), sizeof(Slot));
  }

  // Copies of few items. A call of memcpy costs as much as most of them, and its ladder of sizes is guessed wrong as often as not; so items of 16 bytes
  // go vector by vector. The first two may copy some items more, for which rounded() leaves room in both tables (a block has a word more than that at most).
  HAMT_INLINE static void copy_items(char* to, const char* from, uint32_t count) {
    if constexpr (!kVectors) {
      std::memcpy(to, from, count * kItemBytes);
    } else if (count <= 8) {
      copy_lead(to, from, count * kItemBytes);
    } else {
      for (size_t at = 0, bytes = count * kItemBytes; at < bytes; at += kFourBytes)
        put_four(to + at, four_at(from + at));
    }
  }
  // What copy_items() relies on.
  static bool has_room_for_vectors(const Node& node) {
    const uint32_t unit_words = item_count(node) <= 8 ? 4 : 8;
    return !kVectors || payload_words(node.block()) % unit_words <= 1;
  }
  HAMT_INLINE static void copy_lead(char* to, const char* from, size_t bytes) {
    if constexpr (!kVectors) {
      std::memcpy(to, from, bytes);
    } else {
      for (const char* const end = from + bytes; from < end; from += sizeof(Two), to += sizeof(Two)) copy_two(to, from);
    }
  }
  HAMT_INLINE static void copy_tail(char* to, const char* from, const char* end) {
    if constexpr (!kVectors) {
      std::memcpy(to, from, static_cast<size_t>(end - from));
    } else {
      if (end - from < kFourBytes) {
        for (; from < end; from += sizeof(One), to += sizeof(One)) copy_one(to, from);
        return;
      }
      char* const last = to + (end - from) - kFourBytes;
      for (; end - from > kFourBytes; from += kFourBytes, to += kFourBytes) put_four(to, four_at(from));
      put_four(last, four_at(end - kFourBytes));
    }
  }
  // A copy with room for one item more at `index`. Every step depends on `count` alone, which can be guessed: the chunk around the gap is copied as if it
  // were below it, and then once more, item by item, what the gap moves of it, and what is left behind the last whole chunk.
  HAMT_INLINE static void copy_with_gap(char* to, const char* from, uint32_t count, uint32_t index) {
    if constexpr (!kVectors) {
      std::memcpy(to, from, index * kItemBytes);
      std::memcpy(to + (index + 1) * kItemBytes, from + index * kItemBytes, (count - index) * kItemBytes);
    } else if (count <= 8) {
      for (uint32_t at = 0; at + 2 <= count; at += 2)
        copy_two(to + (at + (at >= index)) * kItemBytes, from + at * kItemBytes);
      copy_around_gap<1>(to, from, count, index);
    } else {
      for (uint32_t at = 0; at + 4 <= count; at += 4)
        put_four(to + (at + (at >= index)) * kItemBytes, four_at(from + at * kItemBytes));
      copy_around_gap<3>(to, from, count, index);
    }
  }
  template <uint32_t kCount>
  HAMT_INLINE static void copy_around_gap(char* to, const char* from, uint32_t count, uint32_t index) {
    for (uint32_t nth = 0; nth < kCount; ++nth) {
      const uint32_t moved = std::min(index + nth, count - 1);
      copy_one(to + (moved + 1) * kItemBytes, from + moved * kItemBytes);
      const uint32_t last = count - 1 - nth;
      copy_one(to + (last + (last >= index)) * kItemBytes, from + last * kItemBytes);
    }
  }
  // The items from `item` to `end` move up by one.
  HAMT_INLINE static void open_gap(char* item, char* end) {
    if constexpr (!kVectors) {
      std::memmove(item + kItemBytes, item, static_cast<size_t>(end - item));
    } else {
      if (end - item < kFourBytes) {
        for (; end > item; end -= sizeof(One)) copy_one(end, end - sizeof(One));
        return;
      }
      const Four first = four_at(item);  // last, and whole: how many are left between is not asked
      for (; end - item > kFourBytes; end -= kFourBytes)
        put_four(end - kFourBytes + sizeof(One), four_at(end - kFourBytes));
      put_four(item + sizeof(One), first);
    }
  }
  // Those behind `item` move down by one.
  HAMT_INLINE static void close_gap(char* item, char* end) {
    if constexpr (!kVectors) {
      std::memmove(item, item + kItemBytes, static_cast<size_t>(end - item) - kItemBytes);
    } else {
      item += sizeof(One);
      if (end - item < kFourBytes) {
        for (; item < end; item += sizeof(One)) copy_one(item - sizeof(One), item);
        return;
      }
      const Four last = four_at(end - kFourBytes);
      for (; end - item > kFourBytes; item += kFourBytes) put_four(item - sizeof(One), four_at(item));
      put_four(end - kFourBytes - sizeof(One), last);
    }
  }

  HAMT_INLINE static Node child(const char* item) {
    Node node;
    if constexpr (kCompact) {
      uint64_t word;
      std::memcpy(&word, item, sizeof(word));
      node = {word & Node::kAddressBits, as_node(static_cast<uint32_t>(word >> kAddressWidth))};
      if (node.nodes() == 0) get_head(node);
    } else {
      std::memcpy(static_cast<void*>(&node), item, sizeof(node));
    }
    return node;
  }
  HAMT_INLINE static void put_child(char* item, const Node& node) {
    if constexpr (kCompact) {
      const uint64_t length = has_head(node) ? 0 : node.nodes();
      const uint64_t word = node.ref | length << kAddressWidth;
      std::memcpy(item, &word, sizeof(word));
    } else {
      put_node(item, node);
    }
  }
  // After a change of the bitmaps of an own table.
  static void put_head(const Node& node) {
    if (!has_head(node)) return;
    std::memcpy(payload(node.block()), &node.bits, sizeof(node.bits));
  }
  // Of a child, for a prefetch.
  static const void* address(const char* item) {
    uintptr_t ref;
    std::memcpy(&ref, item, sizeof(ref));
    return reinterpret_cast<const void*>(ref & Node::kAddressBits);
  }

  // Of the payload. Room for up to seven more items, so that not every insert into a table of one's own moves it, nor leaves a block of a size of its own;
  // a compact list is exact, there are many of them.
  HAMT_INLINE static size_t words_for(const Node& node) { return words_for(node, item_count(node)); }
  // For those who know its item_count().
  HAMT_INLINE static size_t words_for(const Node& node, uint32_t count) {
    return (head_bytes(node) + rounded(count, has_head(node)) * kItemBytes) / kWordBytes;
  }

 private:
  static_assert(!kCompact || sizeof(void*) == sizeof(uint64_t));

  static constexpr bool kVectors = kItemBytes == 2 * kWordBytes;
  typedef uint64_t One __attribute__((vector_size(2 * kWordBytes), aligned(1), may_alias));
  typedef uint64_t Two __attribute__((vector_size(4 * kWordBytes), aligned(1), may_alias));
#ifdef __AVX512F__
  typedef uint64_t Four __attribute__((vector_size(8 * kWordBytes), aligned(1), may_alias));
  static Four four_at(const char* from) { return *reinterpret_cast<const Four*>(from); }
  static void put_four(char* to, const Four& four) { *reinterpret_cast<Four*>(to) = four; }
#else  // of a vector that large compilers make a call of memcpy()
  struct Four {
    Two low, high;
  };
  static Four four_at(const char* from) {
    return {*reinterpret_cast<const Two*>(from), *reinterpret_cast<const Two*>(from + sizeof(Two))};
  }
  static void put_four(char* to, const Four& four) {
    *reinterpret_cast<Two*>(to) = four.low;
    *reinterpret_cast<Two*>(to + sizeof(Two)) = four.high;
  }
#endif
  static constexpr ptrdiff_t kFourBytes = sizeof(Four);
  static void copy_one(char* to, const char* from) {
    *reinterpret_cast<One*>(to) = *reinterpret_cast<const One*>(from);
    __asm__ volatile("");  // else compilers see a memmove() in a loop of these, and call it
  }
  static void copy_two(char* to, const char* from) {
    *reinterpret_cast<Two*>(to) = *reinterpret_cast<const Two*>(from);
  }

  static void get_head(Node& node) { std::memcpy(&node.bits, payload(node.block()), sizeof(node.bits)); }
  HAMT_INLINE static size_t rounded(uint32_t count, bool headed) {
    if (kCompact && !headed) return count;
    return count < kRoomFor.size() ? kRoomFor[count] : rounded_list(count);
  }
  static constexpr std::array<uint8_t, kBucketSizeMax + 2> kRoomFor = [] {
    std::array<uint8_t, kBucketSizeMax + 2> room{};
    for (uint32_t count = 0; count < room.size(); ++count) {
      uint32_t size = 2;
      while (size < count) size += size < 8 ? 2 : size < 16 || kCompact ? 4 : 8;
      room[count] = static_cast<uint8_t>(size);
    }
    return room;
  }();
  // Of equal hashes.
  static size_t rounded_list(uint32_t count) {
    const uint32_t step = std::bit_floor(count) / 8;
    return (count + size_t{step} - 1) / step * step;
  }
};

// The items of a bucket, position by position.
template <typename Tables>
class BucketItems {
 public:
  explicit BucketItems(const Node& bucket)
      : item_(Tables::items(bucket)), all_(bucket.all()), firsts_(bucket.firsts()) {}
  // Those of a position. Occupied ones must be asked for one after the other.
  std::span<const char> at(uint32_t bit) {
    if ((all_ & bit) == 0) return {};
    firsts_ >>= 1;
    const auto count = static_cast<unsigned>(std::countr_zero(firsts_)) + 1;
    firsts_ >>= count - 1;
    const std::span<const char> items(item_, count * Tables::kItemBytes);
    item_ += items.size();
    return items;
  }

 private:
  const char* item_;
  uint32_t all_;
  uint64_t firsts_;  // the lowest bit is that of the next item
};

// Calls entry(slot) for what lies in the table itself, child(node) for what hangs below it, in this order.
template <typename Tables, typename EntryFunction, typename ChildFunction>
void visit_items(const Node& node, EntryFunction&& entry, ChildFunction&& child) {
  if (child_bits(node) == 0) {
    const char* item = Tables::items(node);
    for (const char* const end = item + Tables::items_bytes(node); item != end; item += Tables::kItemBytes)
      entry(Tables::slot(item));
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
