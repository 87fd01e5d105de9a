// immer::map (a CHAMP trie, persistent), from a checkout named by -DHAMT_BENCH_IMMER=. Twice: as it comes, and with its policies for one thread
// (plain counts, a free list without locks).

#include "bench/hamt/peers.h"

#include <immer/algorithm.hpp>
#include <immer/heap/unsafe_free_list_heap.hpp>
#include <immer/map.hpp>
#include <immer/map_transient.hpp>
#include <immer/refcount/unsafe_refcount_policy.hpp>

#include <functional>
#include <utility>

namespace omendb::bench {
namespace {

using OneThread = immer::memory_policy<immer::unsafe_free_list_heap_policy<immer::cpp_heap>,
                                       immer::unsafe_refcount_policy, immer::no_lock_policy>;

template <typename LookedUp, typename Hash, typename Policy>
class ImmerMapOf {
  using Map = immer::map<LookedUp, uint64_t, Hash, std::equal_to<LookedUp>, Policy>;
  static uint64_t value_or_absent(const uint64_t* value) { return value == nullptr ? kAbsent : *value; }

  class Draft {
   public:
    explicit Draft(Map&& map) : transient_(std::move(map).transient()) {}
    void put(const LookedUp& key, uint64_t value) { transient_.set(key, value); }
    void erase(const LookedUp& key) { transient_.erase(key); }
    uint64_t get(const LookedUp& key) const { return value_or_absent(transient_.find(key)); }
    Map finish() && { return std::move(transient_).persistent(); }

   private:
    typename Map::transient_type transient_;
  };

 public:
  using Key = LookedUp;
  static constexpr bool kSharesCopies = true;

  ImmerMapOf() = default;
  uint64_t get(const Key& key) const { return value_or_absent(map_.find(key)); }
  bool has(const Key& key) const { return map_.count(key) != 0; }
  template <typename F>
  void each(F f) const {
    immer::for_each(map_, [&](const auto& entry) { f(entry.second); });
  }
  template <typename F>
  void edit(F&& f) {
    Draft draft(std::move(map_));
    f(draft);
    map_ = std::move(draft).finish();
  }

  ImmerMapOf with(const Key& key, uint64_t value) const { return ImmerMapOf(map_.set(key, value)); }
  ImmerMapOf without(const Key& key) const { return ImmerMapOf(map_.erase(key)); }
  size_t changes_to(const ImmerMapOf& after) const {
    size_t count = 0;
    const auto one = [&](const auto&) { ++count; };
    immer::diff(map_, after.map_, immer::make_differ(one, one, [&](const auto&, const auto&) { ++count; }));
    return count;
  }

 private:
  explicit ImmerMapOf(Map&& map) : map_(std::move(map)) {}
  Map map_;
};

template <typename Key, typename Hash>
using ImmerMap = ImmerMapOf<Key, Hash, immer::default_memory_policy>;
template <typename Key, typename Hash>
using OneThreadImmerMap = ImmerMapOf<Key, Hash, OneThread>;

}  // namespace

Peers immer_peers() { return {peer<ImmerMap>("immer"), peer<OneThreadImmerMap>("immer-unsafe")}; }

}  // namespace omendb::bench
