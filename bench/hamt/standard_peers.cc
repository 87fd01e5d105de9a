// What comes with C++ and POSIX: std::unordered_map, std::map (a red-black tree), hsearch_r.

#include "bench/hamt/peers.h"
#include "bench/hamt/standard_map.h"

#include <search.h>

#include <cstring>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

namespace omendb::bench {
namespace {

// Buckets with more than one entry: how many entries are not the first of theirs.
struct UnorderedFigures {
  template <typename Map, typename F>
  static void of(const Map& map, F f) {
    size_t used_count = 0;
    for (size_t bucket = 0; bucket < map.bucket_count(); ++bucket) used_count += map.bucket_size(bucket) > 0;
    f("collision_rate", 1 - static_cast<double>(used_count) / static_cast<double>(map.size()));
    f("load_factor", static_cast<double>(map.load_factor()));
  }
};

template <typename Key, typename Hash>
using UnorderedMap = StandardMap<std::unordered_map<Key, uint64_t, Hash>, Key, UnorderedFigures>;
// std::less<>: a std::string_view is compared without a std::string.
template <typename Key, typename Hash>
using RedBlackTree = StandardMap<std::map<Key, uint64_t, std::less<>>, Key>;

struct OwnedHash : hamt::hash<std::string_view> {
  using is_transparent = void;
};
using OwningUnorderedMap = StandardMap<std::unordered_map<std::string, uint64_t, OwnedHash, std::equal_to<>>,
                                       std::string_view, UnorderedFigures>;
using OwningRedBlackTree = StandardMap<std::map<std::string, uint64_t, std::less<>>, std::string_view>;

// POSIX hsearch_r: a table of fixed size over strings, which can neither erase nor be iterated.
class HsearchTable {
 public:
  using Key = std::string_view;
  static constexpr bool kErases = false;

  explicit HsearchTable(size_t size) {
    if (hcreate_r(size + size / 4, &table_) == 0) throw std::bad_alloc();
  }
  HsearchTable(HsearchTable&& other) noexcept : table_(std::exchange(other.table_, hsearch_data{})) {}
  HsearchTable& operator=(HsearchTable&&) = delete;
  ~HsearchTable() { hdestroy_r(&table_); }

  void put(const Key& key, uint64_t value) {
    ENTRY* const entry = search(key, ENTER);
    entry->data = reinterpret_cast<void*>(value);
  }
  uint64_t get(const Key& key) const {
    const ENTRY* const entry = search(key, FIND);
    return entry == nullptr ? kAbsent : reinterpret_cast<uint64_t>(entry->data);
  }
  bool has(const Key& key) const { return search(key, FIND) != nullptr; }
  template <typename F>
  void edit(F&& f) {
    f(*this);
  }

 private:
  ENTRY* search(const Key& key, ACTION action) const {
    ENTRY* found = nullptr;
    hsearch_r({const_cast<char*>(key.data()), nullptr}, action, &found, &table_);
    return found;
  }
  mutable hsearch_data table_{};  // hsearch_r asks for it without const, also to find
};

}  // namespace

Peers standard_peers() {
  Peer unordered_strings{.name = "std::unordered_map-string"};
  unordered_strings.texts = &measure<OwningUnorderedMap>;
  Peer ordered_strings{.name = "std::map-string"};
  ordered_strings.texts = &measure<OwningRedBlackTree>;
  Peer hsearch{.name = "hsearch"};
  hsearch.texts = &measure<HsearchTable>;
  return {peer<UnorderedMap>("std::unordered_map"), peer<RedBlackTree>("std::map"), unordered_strings, ordered_strings,
          hsearch};
}

}  // namespace omendb::bench
