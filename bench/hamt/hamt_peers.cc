// hamt::map itself.

#include "bench/hamt/peers.h"

#include <hamt/map.h>
#include <hamt/text.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace omendb::bench {
namespace {

// `Stored` is what the map keeps of a key: the key, a hamt::text_ref to its bytes, or a std::string that owns a copy of them.
template <typename LookedUp, typename Hash, typename Stored>
class HamtMapOf {
  using Map = hamt::map<Stored, uint64_t, Hash>;
  static uint64_t value_or_absent(const uint64_t* value) { return value == nullptr ? kAbsent : *value; }

  class Draft {
   public:
    explicit Draft(Map&& map) : transient_(std::move(map).transient()) {}
    void put(const LookedUp& key, uint64_t value) { transient_.insert_or_assign(Stored(key), value); }
    void erase(const LookedUp& key) { transient_.erase(key); }
    uint64_t get(const LookedUp& key) const { return value_or_absent(transient_.find(key)); }
    Map finish() && { return std::move(transient_).persistent(); }

   private:
    typename Map::transient_type transient_;
  };

  struct CountDifferences {
    size_t count = 0;
    void added(const typename Map::value_type&) { ++count; }
    void removed(const typename Map::value_type&) { ++count; }
    void changed(const typename Map::value_type&, const typename Map::value_type&) { ++count; }
  };

 public:
  using Key = LookedUp;
  static constexpr bool kSharesCopies = true;
  static constexpr bool kBatches = std::is_trivially_copyable_v<Stored>;  // no copies of the bytes, only to look

  HamtMapOf() = default;
  uint64_t get(const Key& key) const { return value_or_absent(map_.find(key)); }
  bool has(const Key& key) const { return map_.contains(key); }
  template <typename F>
  void each(F f) const {
    map_.for_each([&](const auto& entry) { f(entry.value); });
  }
  template <typename F>
  void edit(F&& f) {
    Draft draft(std::move(map_));
    f(draft);
    map_ = std::move(draft).finish();
  }

  HamtMapOf with(const Key& key, uint64_t value) const { return HamtMapOf(map_.set(Stored(key), value)); }
  HamtMapOf without(const Key& key) const { return HamtMapOf(map_.erase(key)); }
  size_t changes_to(const HamtMapOf& after) const {
    CountDifferences differences;
    diff(map_, after.map_, differences);
    return differences.count;
  }
  void get_batch(std::span<const Key> keys, std::span<const uint64_t*> values) const requires kBatches {
    if constexpr (std::same_as<Key, Stored>) {
      map_.find_batch(keys, values);
    } else {
      std::array<Stored, 64> stored;
      for (size_t first = 0; first < keys.size(); first += stored.size()) {
        const size_t count = std::min(stored.size(), keys.size() - first);
        std::copy_n(keys.begin() + static_cast<ptrdiff_t>(first), count, stored.begin());
        map_.find_batch(std::span(stored).first(count), values.subspan(first, count));
      }
    }
  }

  template <typename F>
  void figures(F f) const {
    const auto entries = static_cast<double>(map_.size());
    const hamt::structure_info structure = map_.structure();
    f("depth_average", structure.depth_average);
    f("depth_maximum", static_cast<double>(structure.depth_max));
    f("bitmap_utilisation", structure.bitmap_utilisation);
    f("collision_rate", static_cast<double>(structure.collisions) / entries);
    f("used_bytes_per_entry", static_cast<double>(map_.memory_usage()) / entries);
    f("reserved_bytes_per_entry", static_cast<double>(map_.memory_reserved()) / entries);
  }

 private:
  explicit HamtMapOf(Map&& map) : map_(std::move(map)) {}
  Map map_;
};

template <typename Key, typename Hash>
using HamtMap = HamtMapOf<Key, Hash, Key>;
using TextHamtMap = HamtMapOf<std::string_view, hamt::hash<hamt::text_ref>, hamt::text_ref>;
using ViewHamtMap = HamtMap<std::string_view, hamt::hash<std::string_view>>;
using OwningHamtMap = HamtMapOf<std::string_view, hamt::hash<std::string>, std::string>;

}  // namespace

Peers hamt_peers() {
  Peer ours = peer<HamtMap>("hamt");
  ours.texts = &measure<TextHamtMap>;
  Peer views{.name = "hamt-view"};
  views.texts = &measure<ViewHamtMap>;
  Peer owning{.name = "hamt-string"};
  owning.texts = &measure<OwningHamtMap>;
  return {ours, views, owning};
}

}  // namespace omendb::bench
