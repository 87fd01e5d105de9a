#pragma once

// The maps that can be measured. Each source of this folder called `*_peers.cc` lists some; a map that is not installed is not in the list.

#include "bench/hamt/adapter.h"
#include "bench/hamt/operations.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::bench {

// One map, with a measurement for every family of keys that it takes (null: it does not).
struct Peer {
  std::string name;
  void (*numbers)(const NumberWorkload&, Report&) = nullptr;
  void (*colliding)(const NumberWorkload&, Report&) = nullptr;
  void (*texts)(const TextWorkload&, Report&) = nullptr;
};

// Of an adapter over (key, hash): the same hash for every map that lets one choose it.
template <template <typename, typename> typename M>
Peer peer(std::string name) {
  return {std::move(name), &measure<M<uint64_t, hamt::hash<uint64_t>>>, &measure<M<uint64_t, CutHash>>,
          &measure<M<std::string_view, hamt::hash<std::string_view>>>};
}

using Peers = std::vector<Peer>;

Peers hamt_peers();
Peers standard_peers();
Peers boost_peers();
Peers absl_peers();
Peers glib_peers();
Peers immer_peers();
// Exported by the two libraries made of libhamt_adapter.cc, whose own names are hidden: they hold one C library twice.
__attribute__((visibility("default"))) void add_libhamt_malloc_peers(Peers& peers);
__attribute__((visibility("default"))) void add_libhamt_pool_peers(Peers& peers);

}  // namespace omendb::bench
