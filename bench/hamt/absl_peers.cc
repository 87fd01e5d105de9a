// Abseil's flat_hash_map (open addressing, one byte of metadata per slot).

#include "bench/hamt/peers.h"
#include "bench/hamt/standard_map.h"

#include <absl/container/flat_hash_map.h>

namespace omendb::bench {
namespace {

template <typename Key, typename Hash>
using FlatHashMap = StandardMap<absl::flat_hash_map<Key, uint64_t, Hash>, Key>;

}  // namespace

Peers absl_peers() { return {peer<FlatHashMap>("absl::flat_hash_map")}; }

}  // namespace omendb::bench
