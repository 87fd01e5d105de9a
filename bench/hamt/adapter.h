#pragma once

// What a map must offer to be measured: the adapter interface. An adapter is a small class around a map; it adds no work of its own, and whatever it
// leaves out is not measured. Compiled into the program for maps that come as packages; `libhamt_adapter.cc` and `immer_peers.cc` show it for
// checkouts outside of the project (-DHAMT_BENCH_LIBHAMT=, -DHAMT_BENCH_IMMER=).
//
// Keys     uint64_t or std::string_view (zero-terminated). They lie in memory that outlives every map: an adapter may keep their address.
// Values   uint64_t below 2^32.
// Every adapter
//   Key                        the type of its keys
//   M(), or M(size_t)          an empty map, or one with room for that many entries where the map can not grow; move-constructible
//   get(key) const             the value or kAbsent;  has(key) const: bool
//   edit(f)                    f(draft), where a draft has put(key, value) (adds or replaces), get(key) and erase(key). A mutable
//                              map is its own draft; a persistent one hands out what it has for many changes in a row
// Optional
//   each(f) const              f(value) for every entry, by the map's fastest way
//   kErases                    false for a map that can not erase
//   with(key, value) const, without(key) const   a new version; this one stays as it was
//   kSharesCopies              true if copying the adapter is a snapshot that shares everything (else a copy is a copy)
//   changes_to(after) const    how many entries differ, by the map's own diff
//   get_batch(keys, values)    many lookups in one call
//   kOwnMemory                 true if its memory comes from a pool that malloc does not see
//   mark(), rewind(mark)       static; memory given since the mark is given again: for allocators that never free
//   figures(f) const           f(name, value): memory and structure, as far as the map can say

#include <hamt/hash.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace omendb::bench {

inline constexpr uint64_t kAbsent = std::numeric_limits<uint64_t>::max();

template <typename M>
concept MeasuredMap = std::move_constructible<M> && requires(M map, const M fixed, const typename M::Key& key) {
  { fixed.get(key) } -> std::same_as<uint64_t>;
  { fixed.has(key) } -> std::same_as<bool>;
  map.edit([](auto&) {});
};

template <typename M>
concept Erases = !requires {
  requires !M::kErases;
};

template <typename M>
concept Rewinds = requires {
  M::rewind(M::mark());
};

template <typename M>
concept OwnMemory = Rewinds<M> || requires {
  requires M::kOwnMemory;
};

template <typename M>
concept Persistent = requires(const M map, const typename M::Key& key) {
  { map.with(key, uint64_t{}) } -> std::same_as<M>;
  { map.without(key) } -> std::same_as<M>;
};

template <typename M>
concept SharesCopies = std::copy_constructible<M> && requires {
  requires M::kSharesCopies;
};

template <typename M>
concept Diffs = requires(const M map) {
  { map.changes_to(map) } -> std::same_as<size_t>;
};

template <typename M>
concept FindsBatches = requires(const M map, std::span<const typename M::Key> keys, std::span<const uint64_t*> values) {
  map.get_batch(keys, values);
};

// 4,096 different hashes: with more keys than that nearly every key shares its hash with others.
struct CutHash {
  uint64_t operator()(uint64_t key) const { return hamt::hash<uint64_t>{}(key)&0xfffu; }
};

}  // namespace omendb::bench
