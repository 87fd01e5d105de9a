#pragma once

// The adapter of maps with the interface of std::unordered_map; `Figures::of(map, f)` says what such a map knows of its structure.

#include "bench/hamt/adapter.h"

#include <cstddef>
#include <cstdint>

namespace omendb::bench {

struct NoFigures {
  template <typename Map, typename F>
  static void of(const Map&, F) {}
};

template <typename Map, typename LookedUp, typename Figures = NoFigures>
class StandardMap {
 public:
  using Key = LookedUp;

  void put(const Key& key, uint64_t value) { map_.insert_or_assign(typename Map::key_type(key), value); }
  void erase(const Key& key) {
    if constexpr (requires { map_.erase(key); }) {
      map_.erase(key);
    } else {  // C++20 erases by another type through an iterator alone
      const auto found = map_.find(key);
      if (found != map_.end()) map_.erase(found);
    }
  }
  uint64_t get(const Key& key) const {
    const auto found = map_.find(key);
    return found == map_.end() ? kAbsent : found->second;
  }
  bool has(const Key& key) const { return map_.find(key) != map_.end(); }
  template <typename F>
  void each(F f) const {
    for (const auto& [key, value] : map_) f(value);
  }
  template <typename F>
  void edit(F&& f) {
    f(*this);
  }
  template <typename F>
  void figures(F f) const {
    Figures::of(map_, f);
  }

 private:
  Map map_;
};

}  // namespace omendb::bench
